#!/usr/bin/env bash
# avro 1.12.2 (Apache's, for Python): a decimal with fewer digits behind the point than the schema's scale is written as a smaller number,
# without an error: 1.5 at scale 2 as 0.15, 100 as 1.00 or, where it is written 1E+2, as 0.01. fastavro 1.13.1 writes them as they are.
#
# The writer puts the digits of the Decimal together and leaves its exponent out, except to refuse more digits behind the point than the scale
# has. So what comes out depends on how the number was spelled (1.5 or 1.50, which are equal), and sums and quotients of a program have any
# exponent. Its reader then takes what was written for what was meant.
#
# Seen: "1.50: 1.50, by fastavro 1.50", "1.5: 0.15, by fastavro 1.50", "100: 1.00, by fastavro 100.00", "1E+2: 0.01, by fastavro 100.00"
# Source: avro/io.py, BinaryEncoder.write_decimal_bytes and write_decimal_fixed, of avro 1.12.2.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv v
v/bin/pip -q install avro==1.12.2 fastavro==1.13.1 > pip.log 2>&1 || { cat pip.log; exit 1; }
cat > main.py <<'PY'
import io
import json
from decimal import Decimal

import avro.io
import avro.schema
import fastavro

PLAIN = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
FIXED = {"type": "fixed", "name": "f", "size": 3, "logicalType": "decimal", "precision": 6, "scale": 2}


def by_avro(schema, number):
    b = io.BytesIO()
    avro.io.DatumWriter(avro.schema.parse(json.dumps(schema))).write(number, avro.io.BinaryEncoder(b))
    return b.getvalue()


def by_fastavro(schema, number):
    b = io.BytesIO()
    fastavro.schemaless_writer(b, schema, number)
    return b.getvalue()


def read(schema, b):
    """Both readers have to agree."""
    one = avro.io.DatumReader(avro.schema.parse(json.dumps(schema))).read(avro.io.BinaryDecoder(io.BytesIO(b)))
    assert one == fastavro.schemaless_reader(io.BytesIO(b), schema, None)
    return one


for text in ["1.50", "1.5", "100", "1E+2"]:
    for name, schema in [("bytes", PLAIN), ("fixed", FIXED)]:
        print("%s as %s: %s, by fastavro %s" % (
            text, name, read(schema, by_avro(schema, Decimal(text))), read(schema, by_fastavro(schema, Decimal(text)))))
PY
got=$(v/bin/python main.py)
echo "$got"
[ "$got" = "1.50 as bytes: 1.50, by fastavro 1.50
1.50 as fixed: 1.50, by fastavro 1.50
1.5 as bytes: 0.15, by fastavro 1.50
1.5 as fixed: 0.15, by fastavro 1.50
100 as bytes: 1.00, by fastavro 100.00
100 as fixed: 1.00, by fastavro 100.00
1E+2 as bytes: 0.01, by fastavro 100.00
1E+2 as fixed: 0.01, by fastavro 100.00" ]
