"""Serializes values as Python producers do: jobs as JSON on stdin, what they became on stdout. See serializers.go."""
import base64
import datetime
import decimal
import json
import sys
import uuid

from confluent_kafka.schema_registry import (
    Schema, SchemaReference, SchemaRegistryClient, header_schema_id_serializer, prefix_schema_id_serializer)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

# What JSON has no type for, as {"$decimal": "1.20"}.
SPECIAL = {
    "$bytes": base64.b64decode,
    "$decimal": decimal.Decimal,
    "$datetime": datetime.datetime.fromisoformat,
    "$date": datetime.date.fromisoformat,
    "$time": datetime.time.fromisoformat,
    "$uuid": uuid.UUID,
    "$float": float,
    "$tuple": tuple,
}


def special(value):
    if len(value) == 1:
        (name, text), = value.items()
        if name in SPECIAL:
            return SPECIAL[name](text)
    return value


def message(job):
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(job["files"]))
    for file in files.file:
        pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(job["message"]))
    return kind, json_format.Parse(json.dumps(job["value"]), kind(), descriptor_pool=pool)


def serializer(job, client):
    config = {"schema.id.serializer": header_schema_id_serializer if job.get("header") else prefix_schema_id_serializer}
    references = [SchemaReference(r["name"], r["subject"], r["version"]) for r in job.get("references") or []]
    value = json.loads(json.dumps(job["value"]), object_hook=special)
    if job["type"] == "AVRO":
        return AvroSerializer(client, Schema(job["schema"], "AVRO", references), conf=config), value
    if job["type"] == "JSON":
        return JSONSerializer(Schema(job["schema"], "JSON", references), client, conf=config), value
    kind, value = message(job)
    return ProtobufSerializer(kind, client, dict(config, **{"use.deprecated.format": False})), value


def main(url):
    clients = {False: SchemaRegistryClient({"url": url}), True: SchemaRegistryClient.new_client({"url": "mock://"})}
    results = []
    for job in json.load(sys.stdin):
        try:
            serialize, value = serializer(job, clients[job.get("mock", False)])
            context = SerializationContext(job["topic"], MessageField.KEY if job.get("key") else MessageField.VALUE, [])
            data = serialize(value, context)
            headers = [{"key": k, "value": base64.b64encode(v).decode()} for k, v in context.headers]
            results.append({"bytes": None if data is None else base64.b64encode(data).decode(), "headers": headers})
        except Exception as e:
            results.append({"error": "%s: %s" % (type(e).__name__, e)})
    json.dump(results, sys.stdout)


main(sys.argv[1])
