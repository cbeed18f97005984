package sqlstore

import "testing"

// What a column holds follows from its type, as Postgres, MariaDB and MySQL show it.
func TestHoldingOf(t *testing.T) {
	unsigned, decimals, millis := Holding{Unsigned: true}, Holding{Decimals: true}, Holding{Millis: true}
	for sql, want := range map[string]Holding{
		"bigint": {}, "bigint(20)": {}, "int(10) unsigned": {}, "bigint unsigned": unsigned, "bigint(20) unsigned": unsigned, "BIGINT UNSIGNED": unsigned,
		"numeric": {Unsigned: true, Decimals: true}, "numeric(20,0)": {Unsigned: true, Decimals: true}, "decimal(65,30)": {Unsigned: true, Decimals: true},
		"numeric(12,2)": decimals, "numeric(18)": decimals, "decimal(20,2)": decimals, "numeric(19)": {Unsigned: true, Decimals: true}, "decimal(30,12)": decimals,
		"timestamp without time zone": {}, "timestamp(6) without time zone": {}, "timestamp(3) without time zone": millis, "timestamp(0) with time zone": millis, "time without time zone": {},
		"datetime": millis, "datetime(3)": millis, "datetime(4)": {}, "timestamp": millis, "time(6)": {},
		"text": {}, "double precision": {}, "varchar(40) character set latin1 collate latin1_bin": {}, "date": {}, "": {},
	} {
		if got := HoldingOf(sql); got != want {
			t.Errorf("%s: got %+v, want %+v", sql, got, want)
		}
	}
}
