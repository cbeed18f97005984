package sink_test

import (
	"context"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

type (
	plain    struct{ sink.Lane }
	applying struct{ plain }
	wrapped  struct {
		plain
		inner sink.Lane
	}
)

func (applying) Apply(context.Context, *fencepost.Batch) error { return nil }

func (w wrapped) Unwrap() sink.Lane { return w.inner }

// As finds an ability of a lane through wrappers that do not have it, and none where no lane has it.
func TestAs(t *testing.T) {
	for what, c := range map[string]struct {
		in   sink.Lane
		want bool
	}{
		"its own":              {applying{}, true},
		"behind two":           {wrapped{inner: wrapped{inner: applying{}}}, true},
		"nobody's, behind two": {wrapped{inner: wrapped{inner: plain{}}}, false},
		"behind nothing":       {wrapped{}, false},
		"of nothing":           {nil, false},
	} {
		a, ok := sink.LaneAs[sink.Applier](c.in)
		if ok != c.want || ok != (a != nil) {
			t.Errorf("%s: got %v, %t, want %t", what, a, ok, c.want)
		}
	}
}

// A wrapper is seen through also where the caller has it by its own type.
func TestAsOfAConcreteType(t *testing.T) {
	if _, ok := sink.LaneAs[sink.Applier](wrapped{inner: applying{}}); !ok {
		t.Error("what a wrapper wraps is not found")
	}
}
