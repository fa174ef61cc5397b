"""What is kept of a named set of services: its folder in .contrail/services, its ports, its passwords."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .fetch import ROOT, Unavailable, locked
from .process import is_free

FOLDER = ROOT / ".contrail" / "services"
DEFAULT_NAME = "main"
FIRST_BASE, LAST_BASE, STEP = 19090, 32000, 10


@dataclass
class State:
    """A named set: ports count from `base`; the password of each user is made at the first start and kept."""

    name: str
    base: int
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def port(self, offset: int) -> int:
        return self.base + offset

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self.folder / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def wipe(self) -> None:
        """Forgets all of it; to be called by whoever has it to himself."""
        shutil.rmtree(self.folder, ignore_errors=True)
        lock_of(self.name).unlink(missing_ok=True)


def lock_of(name: str) -> Path:
    return FOLDER / f"{name}.lock"


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """One start or stop of that name at a time."""
    with locked(lock_of(name), f"the services of {name}"):
        yield


def load(name: str) -> State | None:
    try:
        return State(**json.loads((FOLDER / name / "state.json").read_text()))
    except FileNotFoundError:
        return None


def names() -> list[str]:
    return sorted(file.parent.name for file in FOLDER.glob("*/state.json"))


def load_or_make(name: str, port: int | None) -> State:
    """The set of that name. A kept one keeps its ports: a broker's data hold the address of its controller."""
    if found := load(name):
        if port is not None and port != found.base:
            anew = f"scripts/services stop --wipe --name {name}"
            raise Unavailable(f"{name} was made with --port {found.base}; use that, or begin anew: {anew}")
        return found
    passwords = {user: secrets.token_hex(16) for user in ("contrail", "stranger")}
    with locked(FOLDER / ".ports.lock", "the ports of this checkout"):
        made = State(name, choose_base(name, port), passwords)
        made.save()
    return made


def choose_base(name: str, port: int | None) -> int:
    """The port asked for, else for `main` the variable's, else the first block of ports that nobody uses."""
    variable = os.environ.get("CONTRAIL_SERVICES_PORT")
    if port is None and variable and name == DEFAULT_NAME:
        port = int(variable)
    if port is not None:
        return port
    taken = {state.base for state in map(load, names()) if state}
    first = int(variable) if variable else FIRST_BASE
    for base in range(first, LAST_BASE, STEP):
        if base not in taken and all(is_free(base + offset) for offset in range(STEP)):
            return base
    raise Unavailable(f"no {STEP} free ports in a row from {first}; name some with --port")
