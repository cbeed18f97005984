#!/usr/bin/env bash
# Go 1.26.8 (time): on the last day of a leap year behind 2037, Time.ZoneBounds names an end of the zone that is not later than the time
# it is asked about, in zones whose rule goes on for ever (Europe/Berlin, America/New_York).
#
# Behind the last entry of a zone's table the bounds are computed from its rule, within one year. The end of a period that reaches into the
# next year is given as 365 days after the year's beginning, also in a year of 366: in Berlin the last day of 2040 lies behind the end of
# its own period. A program that walks from period to period, by end, does not get past that day.
#
# Seen: "2040-12-31T12:00:00+01:00 is in a period that ends at 2040-12-31T01:00:00+01:00; of 2041 it is later: true"
# Source: src/time/zoneinfo.go, tzset and Location.lookup, of Go 1.26.8.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
cat > go.mod <<'MOD'
module finding
go 1.26
toolchain go1.26.8
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"time"
	_ "time/tzdata"
)

func main() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	leap, next := time.Date(2040, 12, 31, 12, 0, 0, 0, berlin), time.Date(2041, 12, 31, 12, 0, 0, 0, berlin)
	_, end := leap.ZoneBounds()
	_, later := next.ZoneBounds()
	fmt.Printf("%s is in a period that ends at %s; of 2041 it is later: %t\n", leap.Format(time.RFC3339), end.Format(time.RFC3339), later.After(next))
}
GO
got=$(go run .)
echo "$got"
[ "$got" = "2040-12-31T12:00:00+01:00 is in a period that ends at 2040-12-31T01:00:00+01:00; of 2041 it is later: true" ]
