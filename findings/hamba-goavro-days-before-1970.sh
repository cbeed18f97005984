#!/usr/bin/env bash
# hamba/avro 2.31.0 and goavro 2.15.0 write the date of a time before 1970 as the day after, unless it is midnight exactly; twmb/avro 1.9.1 writes
# the day itself. So the last day of 1969 does not exist at noon, and 1970-01-01 takes two days of times.
#
# Avro's date is the number of days since 1970-01-01. Both divide seconds by a day, which rounds towards zero, that is forwards before 1970.
# Their decimals round the other way: of a number that lies between two of the scale both write the lower one without an error (-0.005 becomes
# -0.01, 0.005 becomes 0.00), while twmb/avro refuses it.
#
# Seen: "noon of 1969-12-31: hamba 1970-01-01, goavro 1970-01-01, twmb 1969-12-31", the same with 1500-06-01 and 1500-06-02, and
# "-1/200 at scale 2: hamba -1/100, goavro -1/100, twmb refuses", with 1/200 as 0/1
# Source: codec_native.go of github.com/hamba/avro/v2 v2.31.0 and logical_type.go of github.com/linkedin/goavro/v2 v2.15.0.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
cat > go.mod <<'MOD'
module finding
go 1.26
require (
	github.com/hamba/avro/v2 v2.31.0
	github.com/linkedin/goavro/v2 v2.15.0
	github.com/twmb/avro v1.9.1
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"math/big"
	"time"

	hamba "github.com/hamba/avro/v2"
	"github.com/linkedin/goavro/v2"
	twmb "github.com/twmb/avro"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// written gives v to each library, and what it wrote to one reader.
func written(schema string, v any, show func(any) string) string {
	s := twmb.MustParse(schema)
	goavroCodec, err := goavro.NewCodec(schema)
	must(err)
	read := func(b []byte, err error) string {
		if err != nil {
			return "refuses"
		}
		var back any
		_, err = s.Decode(b, &back)
		must(err)
		return show(back)
	}
	h, g := read(hamba.Marshal(hamba.MustParse(schema), v)), read(goavroCodec.BinaryFromNative(nil, v))
	return fmt.Sprintf("hamba %s, goavro %s, twmb %s", h, g, read(s.Encode(v)))
}

func main() {
	for _, day := range []string{"1500-06-01", "1969-12-31", "1970-01-01"} {
		noon, err := time.Parse(time.DateTime, day+" 12:00:00")
		must(err)
		fmt.Printf("noon of %s: %s\n", day, written(`{"type": "int", "logicalType": "date"}`, noon, func(v any) string {
			return v.(time.Time).Format(time.DateOnly)
		}))
	}
	for _, n := range []int64{-1, 1} {
		r := big.NewRat(n, 200)
		fmt.Printf("%s at scale 2: %s\n", r, written(`{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}`, r, func(v any) string {
			return v.(*big.Rat).String()
		}))
	}
}
GO
go mod tidy > /dev/null 2>&1
got=$(go run .)
echo "$got"
[ "$got" = "noon of 1500-06-01: hamba 1500-06-02, goavro 1500-06-02, twmb 1500-06-01
noon of 1969-12-31: hamba 1970-01-01, goavro 1970-01-01, twmb 1969-12-31
noon of 1970-01-01: hamba 1970-01-01, goavro 1970-01-01, twmb 1970-01-01
-1/200 at scale 2: hamba -1/100, goavro -1/100, twmb refuses
1/200 at scale 2: hamba 0/1, goavro 0/1, twmb refuses" ]
