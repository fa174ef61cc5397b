"""Reads a topic with Confluent's consumer, and writes what it read once more under the next schema; called by a test."""

import json
import sys
import time

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

PATIENCE = 30


def main() -> None:
    asked = json.loads(sys.argv[1])
    context = SerializationContext(asked["topic"], MessageField.VALUE)
    client = SchemaRegistryClient({"url": asked["url"], "timeout": 10})
    states = consume(asked, AvroDeserializer(client), context)

    newer = json.loads(client.get_latest_version(f"{asked['topic']}-value").schema.schema_str)
    newer["fields"].append({"name": "ours_not", "type": ["null", "string"], "default": None})
    serializer = AvroSerializer(client, json.dumps(newer))
    producer = Producer({"bootstrap.servers": asked["brokers"]})
    for state in states:
        value = serializer({**state, "ours_not": "x"}, context)
        producer.produce(asked["topic"], key=state["icao24"].encode(), value=value)
    left = producer.flush(PATIENCE)
    assert left == 0, f"{left} messages were not taken"
    print(json.dumps({"read": [state["icao24"] for state in states]}))


def consume(asked: dict, deserializer: AvroDeserializer, context: SerializationContext) -> list[dict]:
    settings = {"bootstrap.servers": asked["brokers"], "group.id": asked["topic"], "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe([asked["topic"]])
    states, end = [], time.monotonic() + PATIENCE
    while len(states) < asked["rows"] and time.monotonic() < end:
        message = consumer.poll(1)
        if message is not None:
            assert message.error() is None, message.error()
            states.append(deserializer(message.value(), context))
    consumer.close()
    return states


main()
