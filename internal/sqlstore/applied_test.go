package sqlstore

import (
	"errors"
	"slices"
	"testing"

	"github.com/fencepost/fencepost/sink"
)

func TestNamesRecords(t *testing.T) {
	for _, c := range []struct {
		columns []string
		says    string // empty: they do
	}{
		{[]string{"n", "_topic", "_partition", "_offset"}, ""},
		{[]string{"_topic"}, "table partly has no _partition, _offset"},
		{nil, "table partly has no _topic, _partition, _offset"},
	} {
		err := NamesRecords("partly", func(name string) bool { return slices.Contains(c.columns, name) })
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%q: %v, want that they name their records", c.columns, err)
		case c.says != "" && (!errors.Is(err, sink.ErrNoProvenance) || err.Error() != sink.ErrNoProvenance.Error()+": "+c.says):
			t.Errorf("%q: %v, want ErrNoProvenance: %s", c.columns, err, c.says)
		}
	}
	if !errors.Is(ErrOwnSQL, sink.ErrNoProvenance) {
		t.Error("ErrOwnSQL is no ErrNoProvenance")
	}
}

// What was read comes before the error that ended the reading.
func TestAppliedEndsWithItsError(t *testing.T) {
	cut := errors.New("cut")
	var rows []int64
	var last error
	for a, err := range Applied(func(yield func(sink.Applied, error) bool) error {
		yield(sink.Applied{Rows: 3}, nil)
		return cut
	}) {
		if last = err; err == nil {
			rows = append(rows, a.Rows)
		}
	}
	if !slices.Equal(rows, []int64{3}) || !errors.Is(last, cut) {
		t.Errorf("got %v, then %v; want 3 rows, then that it was cut", rows, last)
	}
}
