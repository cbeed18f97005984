package main

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/text"
)

// A plan says what repeating does in each kind of sink; one of Redis has no table.
func TestSinkText(t *testing.T) {
	for want, sink := range map[string]string{
		"the commands of sink.redis are applied again to 300 records": "redis: {addr: h, commands: [SADD a b]}",
		"table trips has no key: 300 rows will stand there twice":     "sqlite: {path: a.db, table: trips}",
		"table trips has a key: rows are written again":               "sqlite: {path: a.db, table: trips, key: [id]}",
		"the statements of sink.sqlite.sql are applied again":         "sqlite: {path: a.db, sql: SELECT 1}",
	} {
		f, err := pipeline.Parse("f.yaml", []byte("group: g\nsource: {brokers: [h:1], topics: [t]}\nschema: {id: int}\nsink: {"+sink+"}\n"), pipeline.Process())
		if err != nil {
			t.Fatal(err)
		}
		if got := sinkText(text.Amount{N: 300}, f); !strings.HasPrefix(got, want) {
			t.Errorf("sink text is %q, want %q ...", got, want)
		}
	}
	f, err := pipeline.Parse("f.yaml", []byte("group: g\nsource: {brokers: [h:1], topics: [t]}\nschema: {id: int}\ntombstone: skip\nsink: {sqlite: {path: a.db, table: trips}}\n"), pipeline.Process())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sinkText(text.Amount{N: 300}, f), "table trips has no key: up to 300 rows will stand there twice"; !strings.HasPrefix(got, want) {
		t.Errorf("where records without a value are skipped: got %q, want %q ...", got, want)
	}
}
