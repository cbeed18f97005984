"""Writes apache.txt: the values of Apache Avro's own tests (avro/test/test_io.py of the PyPI package avro 1.12.1), as its own writer encodes
them, and the rows that their values stand for.

    pip install avro==1.12.1 && python apache.py > apache.txt
"""

import datetime
import decimal
import io
import json
import uuid

import avro.io
import avro.schema
from avro.test import test_io


def column(schema, value):
    """The type of a column for a schema, and what the value is in it."""
    kind, logical = (schema.get("type"), schema.get("logicalType")) if isinstance(schema, dict) else (schema, None)
    if value is None:
        return "text", "null"
    if isinstance(value, bool):
        return "bool", str(value).lower()
    if isinstance(value, bytes):
        return "bytes", value.hex()
    if isinstance(value, decimal.Decimal):
        return "decimal", str(value)
    if isinstance(value, datetime.datetime):
        text = value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        fraction = ("%06d" % value.microsecond).rstrip("0")
        return "timestamp", text + ("." + fraction if fraction else "") + "Z"
    if isinstance(value, datetime.date):
        return "date", value.isoformat()
    if isinstance(value, datetime.time):
        fraction = ("%06d" % value.microsecond).rstrip("0")
        return "time", value.strftime("%H:%M:%S") + ("." + fraction if fraction else "")
    if isinstance(value, str):
        return ("uuid", str(uuid.UUID(value))) if logical == "uuid" else ("text", json.dumps(value))
    if isinstance(value, int):
        return "int", str(value)
    if isinstance(value, float):
        return "float", "%g" % value
    return "json", json.dumps(value, separators=(",", ":"))


def block(name, schema, value):
    outer = {"type": "record", "name": "outer", "fields": [{"name": "v", "type": schema}]}
    out = io.BytesIO()
    avro.io.DatumWriter(avro.schema.parse(json.dumps(outer))).write({"v": value}, avro.io.BinaryEncoder(out))
    kind, row = column(schema, value)
    print(f"# {name}\n{json.dumps(outer)}\nv {kind}\n< {out.getvalue().hex()}\n> {row}\n")


for number, (schema, value) in enumerate(test_io.SCHEMAS_TO_VALIDATE):
    schema = json.loads(schema)
    if isinstance(schema, list) and isinstance(value, str):
        continue  # a random UUID
    block(f"value {number} of Apache Avro's tests", schema, value)
for value, digits in test_io.BINARY_ENCODINGS:
    for kind in "int", "long":
        block(f"{value} as {kind}, {digits.decode()}", kind, value)
block("the long record of Apache Avro's tests", test_io.LONG_RECORD_SCHEMA.to_json(), test_io.LONG_RECORD_DATUM)
