//go:build realservers

package mysql

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// altered is a table that other sessions alter.
type altered struct{ *store }

func (a altered) Alterations() []sinktest.Alteration {
	const swap = "rename table altered to altered_tmp, altered_other to altered, altered_tmp to altered_other"
	one := sinktest.Altering
	return []sinktest.Alteration{
		one("int as double", "alter table altered modify a double", "alter table altered modify a bigint"),
		one("int as decimal", "alter table altered modify b decimal(20,3)", "alter table altered modify b bigint"),
		one("int as int", "alter table altered modify b int", "alter table altered modify b bigint"),
		one("int as text", "alter table altered modify a varchar(40)", "alter table altered modify a bigint"),
		one("int unsigned", "alter table altered modify a bigint unsigned", "alter table altered modify a bigint"),
		one("double as float", "alter table altered modify x float", "alter table altered modify x double"),
		one("text as varchar", "alter table altered modify s varchar(40)", "alter table altered modify s longtext"),
		one("text as latin1", "alter table altered modify s varchar(40) character set latin1", "alter table altered modify s longtext character set utf8mb4"),
		one("text as bytes", "alter table altered modify s longblob", "alter table altered modify s longtext character set utf8mb4"),
		one("datetime as timestamp", "alter table altered modify at timestamp(6) null", "alter table altered modify at datetime(6)"),
		one("away", "rename table altered to altered_away", "rename table altered_away to altered"),
		one("column away", "alter table altered change s t longtext", "alter table altered change t s longtext"),
		{Name: "column wanted", Do: []string{"alter table altered add c int not null default 0", "alter table altered alter c drop default"},
			Mend: []string{"alter table altered drop column c"}},
		one("columns in another order", "alter table altered modify x double first, modify b bigint after s", "alter table altered modify a bigint first"),
		one("unique", "create unique index altered_a on altered (a)", "drop index altered_a on altered"),
		one("trigger", "create trigger no before insert on altered for each row signal sqlstate '45000' set message_text = 'not now'", "drop trigger no"),
		one("swap", swap, swap),
		{Name: "swap and back", Do: []string{swap, swap}},
	}
}

func (a altered) Execute(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		a.exec(t, sql)
	}
}

func (a altered) Open(t *testing.T) sink.Sink {
	s, err := a.open(t.Context(), Config{Table: "altered"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (a altered) Altered(t *testing.T) map[fencepost.Offset][][]string {
	const columns = "select _offset, concat(a), concat(b), concat(x), convert(s using utf8mb4), concat(at) from "
	rows, err := a.db.QueryContext(t.Context(), columns+"altered union all "+columns+"altered_other")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	return sinktest.AlteredRows(t, rows)
}

// A hundred alterations under a running worker: every row is its record's, or its commit failed and went on once the table
// was mended.
func TestAlteredUnderAWorker(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table altered (a bigint, b bigint, x double, s longtext, at datetime(6), _offset bigint) character set utf8mb4")
	s.exec(t, "create table altered_other (at datetime(6), s varchar(40), x float, b bigint, a decimal(20), _offset bigint) character set utf8mb4")
	sinktest.Altered(t, altered{s}, 100, 1)
}
