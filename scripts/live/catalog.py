"""Apache's own Iceberg REST catalog over a SQLite file; its tables survive a stop or a kill."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path

from . import fetch, s3
from .fetch import Unavailable
from .process import Process, is_free
from .state import State

VERSION = "1.11.0"
JETTY, HADOOP = "12.1.12", "3.4.3"
# The servlet is among the tests of Iceberg's core. The compatibility kit is the suite in `iceberg-open-api`; none of
# the two names what it needs.
ARTIFACTS = [
    f"org.apache.iceberg:iceberg-open-api:{VERSION}:test-fixtures",
    f"org.apache.iceberg:iceberg-open-api:{VERSION}:tests",
    f"org.apache.iceberg:iceberg-core:{VERSION}",
    f"org.apache.iceberg:iceberg-core:{VERSION}:tests",
    f"org.apache.iceberg:iceberg-api:{VERSION}:tests",
    f"org.apache.iceberg:iceberg-aws:{VERSION}",
    f"org.apache.iceberg:iceberg-aws-bundle:{VERSION}",
    f"org.apache.hadoop:hadoop-client-api:{HADOOP}",
    f"org.apache.hadoop:hadoop-client-runtime:{HADOOP}",
    f"org.eclipse.jetty.ee10:jetty-ee10-servlet:{JETTY}",
    "org.xerial:sqlite-jdbc:3.53.2.1",
    "org.junit.jupiter:junit-jupiter:5.14.4",
    "org.junit.platform:junit-platform-suite:1.14.4",
    "org.junit.platform:junit-platform-console:1.14.4",
    "org.assertj:assertj-core:3.27.7",
    "org.awaitility:awaitility:4.3.0",
    "org.mockito:mockito-core:4.11.0",
    "org.slf4j:slf4j-simple:2.0.18",
]
SERVER = Path(__file__).with_name("RestCatalog.java")
JAVA = 17
API = 7


class Catalog:
    """The catalog at its root keeps tables in a local folder, the one below /s3 in the store of the same set."""

    name = "catalog"

    def __init__(self, state: State) -> None:
        self.state = state
        self.folder = state.folder / "catalog"
        self.process = Process("catalog", self.folder)
        self.store = s3.S3(state)
        self.uri = f"http://127.0.0.1:{state.port(API)}"

    def healthy(self) -> bool:
        if self.process.pid() is None:
            return False
        try:
            with urllib.request.urlopen(f"{self.uri}/v1/config", timeout=5) as answer:
                return bool(json.load(answer)["endpoints"])
        except (OSError, ValueError, KeyError):
            return False

    def spawn(self) -> None:
        java = fetch.java(JAVA)
        if not java:
            raise Unavailable(f"no Java {JAVA} or newer for the catalog: run scripts/setup test, or install one")
        jars, classes = libraries(), server()
        if not is_free(port := self.state.port(API)):
            raise Unavailable(f"another program has port {port}, which the catalog of {self.state.name} needs")
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "catalog.properties"
        settings.touch(mode=0o600)
        settings.write_text(
            f"port={port}\n"
            f"database={self.folder}/catalog.db\n"
            f"warehouse=file://{self.folder}/warehouse\n"
            f"s3.warehouse=s3://{s3.BUCKET}/warehouse\n"
            f"s3.endpoint={self.store.endpoint}\n"
            f"s3.region={s3.REGION}\n"
            f"s3.access-key={s3.ACCESS_KEY}\n"
            f"s3.secret-key={self.store.secret_key}\n"
        )
        self.process.spawn(
            [java, "-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", self.process.mark,
             "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
             "-cp", f"{classes}:{jars}/*", "RestCatalog", str(settings)]
        )

    def env(self) -> dict[str, str]:
        return {
            "REST_CATALOG_URI": self.uri,
            "REST_CATALOG_S3_URI": f"{self.uri}/s3",
            "REST_CATALOG_PID": str(self.process.pid()),
        }


def libraries() -> Path:
    return fetch.cached("iceberg-rest", VERSION, lambda folder: fetch.maven_jars(ARTIFACTS, folder))


def server() -> Path:
    """Our server, compiled once for each state of its source."""
    jars, state = libraries(), hashlib.sha256(SERVER.read_bytes()).hexdigest()[:12]
    return fetch.cached("iceberg-rest-server", f"{VERSION}-{state}", lambda folder: compile_server(jars, folder))


def compile_server(jars: Path, folder: Path) -> None:
    compiler = fetch.java_compiler(JAVA)
    fetch.run([compiler, "--release", str(JAVA), "-cp", f"{jars}/*", "-d", str(folder), str(SERVER)], "javac")
