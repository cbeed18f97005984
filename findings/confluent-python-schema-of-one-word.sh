#!/usr/bin/env bash
# confluent-kafka 2.16.1 (Python) with fastavro 1.13.1: AvroSerializer takes no schema that is one word in quotes, though "string" is a whole
# schema by the specification of Avro, and usual for keys. The same schema as {"type": "string"} works.
#
# The serializer asks the parsed schema for its name as if it were an object.
#
# Seen: "\"string\": AttributeError; {\"type\": \"string\"}: 0000000001046869"
# Source: confluent_kafka/schema_registry/_sync/avro.py.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv v
v/bin/pip -q install 'confluent-kafka[avro,schemaregistry]==2.16.1' fastavro==1.13.1 >/dev/null 2>&1
cat > main.py <<'PY'
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def tried(schema):
    client = SchemaRegistryClient.new_client({"url": "mock://"})
    try:
        return AvroSerializer(client, Schema(schema, "AVRO"))("hi", SerializationContext("t", MessageField.KEY)).hex()
    except Exception as e:
        return type(e).__name__


print("; ".join("%s: %s" % (s, tried(s)) for s in ['"string"', '{"type": "string"}']))
PY
got=$(v/bin/python main.py 2>&1 | tail -1)
echo "$got"
[ "$got" = '"string": AttributeError; {"type": "string"}: 0000000001046869' ]
