package main

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/pipeline"
)

// A plan says what repeating does in each kind of sink; one of Redis has no table.
func TestSinkText(t *testing.T) {
	for want, sink := range map[string]pipeline.Sink{
		"the commands of sink.redis are applied again to 300 records": {Kind: "redis", Redis: &pipeline.Redis{}},
		"table trips has no key: 300 rows will stand there twice":     {Kind: "sqlite", Table: "trips"},
		"table trips has a key: rows are written again":               {Kind: "sqlite", Table: "trips", Key: []string{"id"}},
		"the statements of sink.sqlite.sql are applied again":         {Kind: "sqlite", SQL: "SELECT 1"},
	} {
		if got := sinkText(300, &pipeline.File{Sink: sink}); !strings.HasPrefix(got, want) {
			t.Errorf("sink text is %q, want %q ...", got, want)
		}
	}
}
