package redis

import (
	"errors"
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// A refusal of a key, or of a field of it, names the first row that writes there; one of another key names none.
func TestRefusedKeyNamesItsRow(t *testing.T) {
	b := &fencepost.Batch{Offsets: []fencepost.Offset{7, 8, 9}, Times: make([]int64, 3),
		Segments: []fencepost.Segment{{TopicPartition: fencepost.TopicPartition{Topic: "t"}, Lo: 1, Hi: 3}}, // row 0 is of no segment
		Columns:  []fencepost.Column{{Name: "k", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}}
	for i, k := range []string{"b", "a", "b"} {
		b.Columns[0].AppendText(k)
		b.Columns[1].AppendInt(int64(i))
	}
	c := Config{Effects: []Effect{{Op: HIncrBy, Key: Text("sums"), Name: Column("k"), Value: Column("n")}, {Op: SAdd, Key: Join(Text("of:"), Column("k")), Value: Column("n")}}}
	for _, want := range []struct {
		key, field string
		row        int
	}{{"sums", "b", 2}, {"sums", "a", 1}, {"sums", "", 1}, {"of:b", "", 2}, {"sums", "c", 0}, {"others", "", 0}} {
		err := nameRow(c, "g", b, fmt.Errorf("commit batch: %w", refusedKey{&sink.Rejected{Code: "WRONGTYPE"}, want.key, want.field}))
		if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Row != want.row {
			t.Errorf("key %q, field %q: got %v, want row %d", want.key, want.field, r, want.row)
		}
	}
}
