package sinktest_test

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// reference is the memory store as the suite reaches it.
type reference struct{ *memory.Store }

func newReference(*testing.T) sinktest.Store {
	s := memory.Open()
	s.SetReject(func(r memory.Row) *sink.Rejected {
		if n, ok := r.Values[1].(int64); ok && n < 0 {
			return &sink.Rejected{Code: "check", Reason: "n is negative", Hint: "send no negative n"}
		}
		return nil
	})
	return reference{s}
}

func (r reference) Open(_ context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	r.SetKeep(keep)
	return r.Store, nil
}

func (r reference) Rows(*testing.T) []sinktest.Row {
	var rows []sinktest.Row
	for _, m := range r.Store.Rows() {
		rows = append(rows, sinktest.Row{TopicPartition: m.TopicPartition, Offset: m.Offset, Value: m.Values[0].(string), N: m.Values[1].(int64)})
	}
	return rows
}

func (r reference) DeleteRow(_ *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	r.Store.DeleteRow(g, tp)
}

func (r reference) ForeignWrite(_ *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	r.Store.ForeignWrite(g, tp, at)
}

func (r reference) OpenTyped(context.Context, []fencepost.ColumnSpec) (sink.Sink, error) {
	r.SetReject(nil)
	return r.Store, nil
}

func (r reference) TypedRows(*testing.T, []fencepost.ColumnSpec) [][]any {
	var rows [][]any
	for _, m := range r.Store.Rows() {
		rows = append(rows, m.Values)
	}
	return rows
}

func (r reference) LoseAnswer(_ *testing.T, applied bool) {
	if applied {
		r.Inject(memory.LostAfter)
		return
	}
	r.Inject(memory.LostBefore)
}

func (r reference) MakeNewer(*testing.T) { r.Store.MakeNewer() }

func TestReferencePasses(t *testing.T) {
	sinktest.Run(t, sinktest.Fixture{New: newReference})
}
