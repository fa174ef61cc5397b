"""Reads and writes framed Avro with Confluent's Python client and a schema registry; called by the test beside it."""

import base64
import json
import sys

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError, ServerConfig
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.schema_registry_client import ConfigCompatibilityLevel
from confluent_kafka.serialization import MessageField, SerializationContext

TOPIC = "flight-states"
SUBJECT = f"{TOPIC}-value"


def main() -> None:
    asked = json.loads(sys.argv[1])
    frames = [base64.b64decode(frame) for frame in asked["frames"]]
    context = SerializationContext(TOPIC, MessageField.VALUE)
    settings = {"url": asked["url"], "basic.auth.user.info": f"anybody:{asked['token']}"}
    client = SchemaRegistryClient(settings)

    assert client.get_subjects() == [SUBJECT]
    assert client.get_versions(SUBJECT) == [1]
    assert client.get_compatibility() == "BACKWARD"
    assert client.get_latest_version(SUBJECT).schema_id == asked["id"]
    found = client.lookup_schema(SUBJECT, Schema(asked["schema"], "AVRO"))
    assert (found.version, found.schema_id) == (1, asked["id"]), found
    assert json.loads(client.get_schema(asked["id"]).schema_str) == json.loads(asked["schema"])

    deserializer = AvroDeserializer(client)
    read = [deserializer(frame, context) for frame in frames]
    written = [AvroSerializer(client, asked["schema"])(state, context) for state in read]

    # The next version: one more column that we do not know.
    newer = json.loads(asked["schema"])
    newer["fields"].append({"name": "ours_not", "type": ["null", "string"], "default": None})
    assert client.test_compatibility(SUBJECT, Schema(json.dumps(newer), "AVRO"))
    serializer = AvroSerializer(client, json.dumps(newer))
    newer_frames = [serializer({**state, "ours_not": "x"}, context) for state in read]
    # A client of its own: the first one remembers what was the latest.
    second = SchemaRegistryClient(settings).get_latest_version(SUBJECT)
    assert second.version == 2, second

    # One that does not fit is refused; deleting too.
    clash = json.loads(asked["schema"])
    next(field for field in clash["fields"] if field["name"] == "icao24")["type"] = "long"
    clash = Schema(json.dumps(clash), "AVRO")
    assert not client.test_compatibility(SUBJECT, clash)
    refused = refusal(lambda: client.register_schema(SUBJECT, clash), 409, 409)
    refusal(lambda: client.delete_subject(SUBJECT), 405, 405)
    refusal(lambda: client.get_schema(99), 404, 40403)

    # Levels, global and own.
    assert client.set_compatibility(SUBJECT, "FULL")["compatibility"] == "FULL"
    assert client.get_compatibility(SUBJECT) == "FULL"
    client.set_config(SUBJECT, ServerConfig(compatibility=ConfigCompatibilityLevel.FORWARD_TRANSITIVE))
    assert client.get_config(SUBJECT).compatibility_level == ConfigCompatibilityLevel.FORWARD_TRANSITIVE
    client.delete_config(SUBJECT)
    refusal(lambda: client.get_config(SUBJECT), 404, 40408)
    assert client.get_mode(SUBJECT) == "READWRITE"

    text = lambda frames: [base64.b64encode(frame).decode() for frame in frames]
    answer = {
        "read": [{"icao24": state["icao24"], "feed": state["feed"]} for state in read],
        "written": text(written),
        "newer": text(newer_frames),
        "second_id": second.schema_id,
        "refused": refused,
    }
    print(json.dumps(answer))


def refusal(call, status: int, code: int) -> str:
    try:
        call()
    except SchemaRegistryError as error:
        assert (error.http_status_code, error.error_code) == (status, code), error
        return error.error_message
    raise AssertionError(f"expected a refusal with {code}")


main()
