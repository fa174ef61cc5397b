"""Apache Kafka, one node in KRaft mode: PLAINTEXT, SASL over TLS, and mutual TLS, with an authorizer."""

from __future__ import annotations

import base64
import secrets
import shutil
import socket
import struct
import subprocess
from pathlib import Path

from . import fetch, keys
from .fetch import Unavailable
from .process import Process, is_free
from .state import State

VERSION = "4.4.0"
ARTIFACTS = [f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-simple:1.7.36"]
PLAINTEXT, SASL, MTLS, CONTROLLER = 2, 3, 4, 5

# Whoever comes over PLAINTEXT, the user contrail, and the certificate of that name may do all; others nothing. Topics
# are not made by asking for them. Deletion by age or size is looked at every second, so that tests need not wait; a
# broker that was killed comes back when its old session is over, so that is short too.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=CONTROLLER://127.0.0.1:{controller},{clients}
advertised.listeners={clients}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASLSSL:SASL_SSL,MTLS:SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}

authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:contrail;User:CN=contrail
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.saslssl.scram-sha-512.sasl.jaas.config={scram_login} required;
listener.name.saslssl.plain.sasl.jaas.config={plain_login} required user_contrail="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={keys}/broker-store.pem
ssl.truststore.type=PEM
ssl.truststore.location={keys}/ca.pem
listener.name.mtls.ssl.client.auth=required

auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=4
"""


class Kafka:
    """A broker whose data survive a stop or a kill."""

    name = "kafka"

    def __init__(self, state: State) -> None:
        self.state = state
        self.folder = state.folder / "kafka"
        self.keys = state.folder / "keys"
        self.process = Process("kafka", self.folder)

    def healthy(self) -> bool:
        """Whether our process runs and each listener takes connections, the open one answering a real request."""
        secured = all(connects(self.state.port(offset)) for offset in (SASL, MTLS))
        return self.process.pid() is not None and secured and answers(self.state.port(PLAINTEXT))

    def spawn(self) -> None:
        java = fetch.java(17)
        if not java:
            raise Unavailable("no Java 17 or newer for Kafka: run scripts/setup test, or install one")
        libraries = fetch.cached("kafka", VERSION, lambda folder: fetch.maven_jars(ARTIFACTS, folder))
        for offset in (PLAINTEXT, SASL, MTLS, CONTROLLER):
            if not is_free(port := self.state.port(offset)):
                raise Unavailable(f"another program has port {port}, which Kafka of {self.state.name} needs")
        self.folder.mkdir(parents=True, exist_ok=True)
        keys.make(self.keys)
        properties = self.folder / "server.properties"
        properties.touch(mode=0o600)
        listeners = {"PLAINTEXT": PLAINTEXT, "SASLSSL": SASL, "MTLS": MTLS}
        properties.write_text(
            PROPERTIES.format(
                controller=self.state.port(CONTROLLER),
                clients=",".join(f"{name}://127.0.0.1:{self.state.port(at)}" for name, at in listeners.items()),
                data=self.folder / "data",
                keys=self.keys,
                password=self.state.passwords["contrail"],
                plain_login="org.apache.kafka.common.security.plain.PlainLoginModule",
                scram_login="org.apache.kafka.common.security.scram.ScramLoginModule",
            )
        )
        self._format(java, libraries, properties)
        self.process.spawn(
            [java, "-Xms128m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", self.process.mark,
             "-Dorg.slf4j.simpleLogger.showDateTime=true", "-cp", f"{libraries}/*", "kafka.Kafka", str(properties)]
        )

    def _format(self, java: str, libraries: Path, properties: Path) -> None:
        """Makes the data folder with the SCRAM users in it, unless there is one."""
        data = self.folder / "data"
        if (data / "meta.properties").exists():
            return
        shutil.rmtree(data, ignore_errors=True)
        users = []
        for user, password in self.state.passwords.items():
            users += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
        done = subprocess.run(
            [java, "-XX:TieredStopAtLevel=1", "-cp", f"{libraries}/*", "kafka.tools.StorageTool", "format",
             "--standalone", "-t", cluster_id(), "-c", str(properties), *users],
            capture_output=True, text=True, check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            raise Unavailable(f"Kafka could not make its data folder:\n{done.stdout}{done.stderr}")

    def env(self) -> dict[str, str]:
        def address(offset: int) -> str:
            return f"127.0.0.1:{self.state.port(offset)}"

        def key(name: str) -> str:
            return str(self.keys / name)

        return {
            "KAFKA_BROKERS": address(PLAINTEXT),
            "KAFKA_PID": str(self.process.pid()),
            "KAFKA_SASL_BROKERS": address(SASL),
            "KAFKA_USERNAME": "contrail",
            "KAFKA_PASSWORD": self.state.passwords["contrail"],
            "KAFKA_STRANGER_USERNAME": "stranger",
            "KAFKA_STRANGER_PASSWORD": self.state.passwords["stranger"],
            "KAFKA_MTLS_BROKERS": address(MTLS),
            "KAFKA_CA": key("ca.pem"),
            "KAFKA_CERT": key("contrail.pem"),
            "KAFKA_KEY": key("contrail.key"),
            "KAFKA_STRANGER_CERT": key("stranger.pem"),
            "KAFKA_STRANGER_KEY": key("stranger.key"),
            "KAFKA_EXPIRED_CERT": key("expired.pem"),
            "KAFKA_EXPIRED_KEY": key("expired.key"),
            "KAFKA_OTHER_CA": key("other-ca.pem"),
            "KAFKA_OTHER_CERT": key("other.pem"),
            "KAFKA_OTHER_KEY": key("other.key"),
        }


def cluster_id() -> str:
    """16 random bytes in Kafka's spelling; a leading dash would be taken for an option."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def connects(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def answers(port: int) -> bool:
    """Asks for the protocol's versions (key 18, version 0, id 1, no client name): an open port alone is too early."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as broker:
            broker.sendall(struct.pack(">i", len(request)) + request)
            head = broker.recv(10)
        return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)
    except OSError:
        return False
