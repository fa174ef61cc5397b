"""What is found wrong with a table: a rule, the place, and what was seen there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Report:
    def __init__(self) -> None:
        self.violations: list[dict[str, str]] = []

    def expect(self, holds: object, rule: str, place: str, seen: object) -> None:
        if not holds:
            self.violations.append({"rule": rule, "place": place, "seen": str(seen)})

    def same(self, seen: object, wanted: object, rule: str, place: str, what: str = "") -> None:
        """For what is written and what it should be."""
        self.expect(seen == wanted, rule, place, f"{what}{': ' if what else ''}{seen}, not {wanted}")

    @contextmanager
    def reading(self, place: str) -> Iterator[None]:
        """What cannot be read is a violation too, and no reason to leave the rest unread."""
        try:
            yield
        except Exception as error:  # noqa: BLE001: a damaged file raises whatever its reader stumbles over
            rule = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
            self.expect(False, rule, place, f"{type(error).__name__}: {error}")


def plain(location: str) -> str:
    """A path of this machine as a path, whether or not it is written as a URI."""
    if not location.startswith("file:"):
        return location
    rest = location.removeprefix("file:")
    return rest[2:] if rest.startswith("//") else rest
