package sink_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Only the rows of a batch's segments are part of it.
func TestAnyDelete(t *testing.T) {
	op := fencepost.Column{Name: fencepost.MetaOp, Type: fencepost.Text}
	for _, o := range []string{fencepost.OpDelete, "u", "c", fencepost.OpDelete} {
		op.AppendText(o)
	}
	b := &fencepost.Batch{Columns: []fencepost.Column{op}, Offsets: make([]fencepost.Offset, 4), Times: make([]int64, 4)}
	for _, c := range []struct {
		lo, hi int
		want   bool
	}{{0, 1, true}, {1, 3, false}, {1, 4, true}, {4, 4, false}} {
		b.Segments = []fencepost.Segment{{Lo: c.lo, Hi: c.hi}}
		if got := sink.AnyDelete(b); got != c.want {
			t.Errorf("rows [%d, %d): got %t, want %t", c.lo, c.hi, got, c.want)
		}
	}
	if sink.AnyDelete(&fencepost.Batch{Segments: []fencepost.Segment{{Hi: 0}}}) {
		t.Error("a batch without the column deletes")
	}
}

// taker is a sink that takes any columns.
type taker struct{ sink.Sink }

func (taker) Columns(context.Context, []fencepost.ColumnSpec) ([]string, error) { return nil, nil }

// A struct without a field for what a record does would read a delete as a row of nulls.
func TestAStructThatKnowsNoDeletes(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "id", Type: fencepost.Text}, {Name: fencepost.MetaOp, Type: fencepost.Text}}
	type blind struct {
		ID *string `json:"id"`
	}
	type knowing struct {
		ID *string `json:"id"`
		Op string  `json:"_op"`
	}
	_, err := sink.ForRows[blind](taker{}, nil).Columns(t.Context(), columns)
	if fault, ok := errors.AsType[*fencepost.UserError](err); !ok || fault.Code != "deletes-not-taken" || fault.Help == "" {
		t.Errorf("a struct without _op: got %v", err)
	}
	if _, err := sink.ForRows[knowing](taker{}, nil).Columns(t.Context(), columns); err != nil {
		t.Errorf("a struct with _op: got %v", err)
	}
	if _, err := sink.ForRows[blind](taker{}, nil).Columns(t.Context(), columns[:1]); err != nil {
		t.Errorf("without deletes: got %v", err)
	}
}

func BenchmarkAnyDelete(b *testing.B) {
	op := fencepost.Column{Name: fencepost.MetaOp, Type: fencepost.Text}
	for range 20_000 {
		op.AppendText("u")
	}
	batch := &fencepost.Batch{Columns: []fencepost.Column{op}, Segments: []fencepost.Segment{{Hi: 20_000}}}
	b.ReportAllocs()
	for b.Loop() {
		if sink.AnyDelete(batch) {
			b.Fatal("no row deletes")
		}
	}
}
