#!/usr/bin/env bash
# parquet-go 0.32.0: a time.Time in a column tagged "date", and a time.Duration in one tagged "time(millisecond)" or "time(microsecond)", all of
# which its documentation names, are written as nanoseconds, cut to the column's width, without an error: every reader sees another day and
# another time.
#
# Writers for rows of a struct scale a time.Time by the unit of a timestamp alone, and take a Duration as the integer that it is. The same
# values in rows of a map, under the same schema, are written right.
#
# Seen, of midnight of 2020-01-02 and twice one second, as days, milliseconds and microseconds that pyarrow 26.0.1 reads: "rows of a struct:
# 1255735296, 1000000000, 1000000000", "rows of a map: 18263, 1000, 1000000"; parquet-go itself reads the former as 277h46m40s and 16m40s
# Source: column_buffer_write.go, writeRowsFuncOfTime and writeRowsFuncOfInt, of github.com/parquet-go/parquet-go v0.32.0; tags: schema.go.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
python3 -m venv v
v/bin/pip -q install pyarrow==26.0.1 > pip.log 2>&1 || { cat pip.log; exit 1; }
cat > go.mod <<'MOD'
module finding
go 1.26
require github.com/parquet-go/parquet-go v0.32.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"

	"github.com/parquet-go/parquet-go"
)

type row struct {
	Day    time.Time     `parquet:"day,date"`
	Millis time.Duration `parquet:"millis,time(millisecond)"`
	Micros time.Duration `parquet:"micros,time(microsecond)"`
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	r := row{time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), time.Second, time.Second}
	must(parquet.WriteFile("struct.parquet", []row{r}))
	asMap := map[string]any{"day": r.Day, "millis": r.Millis, "micros": r.Micros}
	must(parquet.WriteFile("map.parquet", []any{asMap}, parquet.SchemaOf(row{})))
	back, err := parquet.ReadFile[row]("struct.parquet")
	must(err)
	fmt.Printf("read back by parquet-go: %s, %s, %s\n", back[0].Day.UTC().Format(time.DateOnly), back[0].Millis, back[0].Micros)
}
GO
cat > main.py <<'PY'
import pyarrow as pa
import pyarrow.parquet as pq

for name in ["struct", "map"]:
    t = pq.read_table(name + ".parquet")
    numbers = [t[c].cast(kind)[0].as_py() for c, kind in [("day", pa.int32()), ("millis", pa.int32()), ("micros", pa.int64())]]
    print("rows of a %s: %d, %d, %d (%s)" % (name, *numbers, ", ".join(str(f.type) for f in t.schema)))
PY
go mod tidy > /dev/null 2>&1
got=$(go run . && v/bin/python main.py)
echo "$got"
[ "$got" = "read back by parquet-go: 3440056-06-19, 277h46m40s, 16m40s
rows of a struct: 1255735296, 1000000000, 1000000000 (date32[day], time32[ms], time64[us])
rows of a map: 18263, 1000, 1000000 (date32[day], time32[ms], time64[us])" ]
