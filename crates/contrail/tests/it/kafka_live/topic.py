"""What others do with a topic: read it, write to it, empty it, delete it. One JSON in, one JSON out; called by tests."""

import json
import struct
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

PATIENCE = 60


def bounds(consumer: Consumer, spot: TopicPartition) -> tuple[int, int]:
    """First offset and end; a topic that was made a moment ago may have no leader yet."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return consumer.get_watermark_offsets(spot, timeout=PATIENCE)
        except KafkaException:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def messages(asked: dict) -> list:
    """All messages that the topic holds now."""
    settings = {"bootstrap.servers": asked["brokers"], "group.id": asked["topic"] + "-reads"}
    consumer = Consumer({**settings, "enable.auto.commit": False})
    partitions = consumer.list_topics(asked["topic"], timeout=PATIENCE).topics[asked["topic"]].partitions
    spots = [TopicPartition(asked["topic"], partition, 0) for partition in partitions]
    held = {spot.partition: bounds(consumer, spot) for spot in spots}
    for spot in spots:
        spot.offset = held[spot.partition][0]
    consumer.assign(spots)
    missing, found, end = sum(e - s for s, e in held.values()), [], time.monotonic() + PATIENCE
    while len(found) < missing and time.monotonic() < end:
        message = consumer.poll(1)
        if message is not None:
            assert message.error() is None, message.error()
            found.append(message)
    consumer.close()
    assert len(found) == missing, f"{len(found)} of {missing} messages came"
    return found


def read(asked: dict) -> dict:
    """Addresses of the states, as Confluent's deserialiser has them; and how many messages are none."""
    context = SerializationContext(asked["topic"], MessageField.VALUE)
    deserializer = AvroDeserializer(SchemaRegistryClient({"url": asked["registry"], "timeout": 10}))
    found = messages(asked)
    framed = [m for m in found if m.value() and m.value()[0] == 0]
    states = [deserializer(m.value(), context) for m in framed]
    keys_fit = all(m.key().decode() == s["icao24"] for m, s in zip(framed, states))
    return {"states": [s["icao24"] for s in states], "others": len(found) - len(framed), "keys_fit": keys_fit}


def dead(asked: dict) -> list:
    """Copies of dead letters: key, and where from and why by their headers."""
    found = messages({**asked, "topic": asked["topic"] + "-dlq"})
    return [{"key": (m.key() or b"").decode(), **{name: text.decode() for name, text in m.headers()}} for m in found]


def write(asked: dict) -> dict:
    """States by Confluent's serialiser: one that is there, once more under other addresses.

    With `field`, a field of Avro, and its `value`: by a next version of the schema that has it.
    """
    context, subject = SerializationContext(asked["topic"], MessageField.VALUE), asked["topic"] + "-value"
    client = SchemaRegistryClient({"url": asked["registry"], "timeout": 10})
    schema = json.loads(client.get_latest_version(subject).schema.schema_str)
    deserializer = AvroDeserializer(client)
    first = next(m for m in messages(asked) if m.value()[0] == 0)
    state = deserializer(first.value(), context)
    if field := asked.get("field"):
        if field["name"] not in [known["name"] for known in schema["fields"]]:
            schema["fields"].append(field)
            client.register_schema(subject, Schema(json.dumps(schema), "AVRO"))
        state[field["name"]] = asked["value"]
    conf = {"auto.register.schemas": False, "use.latest.version": True}
    serializer = AvroSerializer(client, json.dumps(schema), conf=conf)
    values = []
    for number in range(asked["rows"]):
        key = f"{asked.get('prefix', 'f')}{number:05x}"
        values.append((key.encode(), serializer({**state, "icao24": key}, context)))
    return produce(asked, values)


def foreign(asked: dict) -> dict:
    """Messages of all sorts that are no states."""
    client = SchemaRegistryClient({"url": asked["registry"], "timeout": 10})
    other = {"type": "record", "name": "Parcel", "fields": [{"name": "weight", "type": "double"}]}
    ours = client.get_latest_version(asked["topic"] + "-value").schema_id
    other_id = client.register_schema(asked["topic"] + "-parcels-value", Schema(json.dumps(other), "AVRO"))
    values = [
        (b"plain", b"hello"),
        (b"json", b'{"icao24": "3c6444"}'),
        (b"empty", b""),
        (b"null", None),
        (b"short", b"\x00\x00"),
        (b"unknown", b"\x00" + struct.pack(">I", 2_000_000_001) + b"\x02"),
        (b"parcel", b"\x00" + struct.pack(">I", other_id) + struct.pack("<d", 2.5)),
        (b"bent", b"\x00" + struct.pack(">I", ours) + b"\xff\xff\xff"),
    ]
    return produce(asked, values)


def produce(asked: dict, values: list) -> dict:
    producer = Producer({"bootstrap.servers": asked["brokers"], "enable.idempotence": True})
    for key, value in values:
        producer.produce(asked["topic"], key=key, value=value)
    left = producer.flush(PATIENCE)
    assert left == 0, f"{left} messages were not taken"
    return {"written": len(values)}


def delete(asked: dict) -> dict:
    """Deletes the topic; returns when it is gone."""
    admin = AdminClient({"bootstrap.servers": asked["brokers"]})
    admin.delete_topics([asked["topic"]], operation_timeout=PATIENCE)[asked["topic"]].result(PATIENCE)
    until(lambda: asked["topic"] not in admin.list_topics(timeout=PATIENCE).topics, "the topic is gone")
    return {}


def create(asked: dict) -> dict:
    admin = AdminClient({"bootstrap.servers": asked["brokers"]})
    topic = NewTopic(asked["topic"], asked.get("partitions", 3), 1)
    admin.create_topics([topic], operation_timeout=PATIENCE)[asked["topic"]].result(PATIENCE)
    return {}


def empty(asked: dict) -> dict:
    """Deletes all records that are there; how many there were since their beginning."""
    admin = AdminClient({"bootstrap.servers": asked["brokers"]})
    partitions = admin.list_topics(asked["topic"], timeout=PATIENCE).topics[asked["topic"]].partitions
    consumer = Consumer({"bootstrap.servers": asked["brokers"], "group.id": asked["topic"] + "-empties"})
    spots = [TopicPartition(asked["topic"], partition) for partition in partitions]
    for spot in spots:
        spot.offset = consumer.get_watermark_offsets(spot, timeout=PATIENCE)[1]
    for gone in admin.delete_records(spots).values():
        gone.result(PATIENCE)
    consumer.close()
    return {"records": sum(spot.offset for spot in spots)}


def until(so, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < end, what
        time.sleep(0.1)


VERBS = {verb.__name__: verb for verb in (read, dead, write, foreign, delete, create, empty)}
question = json.loads(sys.argv[1])
print(json.dumps(VERBS[question["verb"]](question)))
