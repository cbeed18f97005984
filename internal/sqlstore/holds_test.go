package sqlstore

import "testing"

// What a column holds follows from its type, as Postgres, MariaDB and MySQL show it.
func TestHoldingOf(t *testing.T) {
	decimals, millis := Holding{Decimals: true}, Holding{Millis: true}
	for sql, want := range map[string]Holding{
		"bigint": {}, "bigint(20) unsigned": {}, "numeric": decimals, "numeric(20,0)": decimals, "decimal(65,30)": decimals, "numeric(18)": decimals,
		"timestamp without time zone": {}, "timestamp(6) without time zone": {}, "timestamp(3) without time zone": millis, "timestamp(0) with time zone": millis, "time without time zone": {},
		"datetime": millis, "datetime(3)": millis, "datetime(4)": {}, "timestamp": millis, "time(6)": {},
		"text": {}, "double precision": {}, "varchar(40) character set latin1 collate latin1_bin": {}, "date": {}, "": {},
	} {
		if got := HoldingOf(sql); got != want {
			t.Errorf("%s: got %+v, want %+v", sql, got, want)
		}
	}
}
