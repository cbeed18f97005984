package atleastonce

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Func is a sink that hands each batch to f and then moves the ledger. At least once: see the package.
//
// f is called with a batch that has rows, by one goroutine a lane: engine.Config.Lanes says how many. It must return
// when its context ends, and keep nothing of the batch. Batches have the columns _key and _headers besides the
// decoder's. A nil error says that the effects of all its segments are durable. A *sink.Rejected says that a row is
// bad, and f gets smaller batches until it is found; its partition then parks in front of it. A *fencepost.UserError that is
// not Passing ends the run. After any other error f gets the batch again.
func Func(ledger ledger.Ledger, f func(context.Context, *fencepost.Batch) error) sink.Sink {
	return &function{ledger: ledger, f: f}
}

// function is the Sink of Func.
type function struct {
	ledger ledger.Ledger
	f      func(context.Context, *fencepost.Batch) error
}

// Capabilities says that any number of lanes may call the function.
func (s *function) Capabilities() sink.Capabilities {
	return sink.Capabilities{Name: "function", Apart: true}
}

// Ledger is the one that was given.
func (s *function) Ledger() ledger.Ledger { return s.ledger }

// Columns is both metadata columns: what the function reads is not known.
func (s *function) Columns(context.Context, []fencepost.ColumnSpec) ([]string, error) {
	return []string{fencepost.MetaKey, fencepost.MetaHeaders}, nil
}

// Lane calls the function for one stream of batches.
func (s *function) Lane(context.Context, int) (sink.Lane, error) {
	return newLane(s.ledger, s.call, func() error { return nil }), nil
}

// Close has nothing to close: the ledger is the caller's.
func (s *function) Close() error { return nil }

// call is one effect. Of the function's errors those pass that are the function's to return. Only the text of the others is
// kept: a *Refused of a ledger that the function itself uses does not concern this one.
func (s *function) call(ctx context.Context, b *fencepost.Batch) error {
	err := s.f(ctx, b)
	if err == nil {
		return nil
	}
	if rejected, ok := errors.AsType[*sink.Rejected](err); ok {
		return fmt.Errorf("function: %w", rejected)
	}
	if fault, ok := errors.AsType[*fencepost.UserError](err); ok {
		out := *fault
		out.Err = fmt.Errorf("function: %v", err)
		return &out
	}
	return fmt.Errorf("function: %v", err)
}

// Sink is a sink that applies batches by another one's lanes and then moves the ledger. At least once: see the package.
// The other one's own ledger is not touched. It is closed with the sink that is returned; the ledger is not.
func Sink(l ledger.Ledger, s sink.Sink) sink.Sink {
	return &effects{Sink: s, ledger: l}
}

// effects is the Sink of Sink. Columns and Close are the other sink's.
type effects struct {
	sink.Sink
	ledger ledger.Ledger
}

var _ fencepost.Checker = (*effects)(nil)

// Unwrap is the other sink: its optional abilities, such as the provenance of its rows, apply here too. A record that
// was applied again has its rows twice.
func (s *effects) Unwrap() sink.Sink { return s.Sink }

// Capabilities are the other sink's, with the ledger elsewhere.
func (s *effects) Capabilities() sink.Capabilities {
	t := s.Sink.Capabilities()
	t.Apart = true
	return t
}

// Ledger is the one that was given.
func (s *effects) Ledger() ledger.Ledger { return s.ledger }

// Lane opens a lane of the other sink.
//
// Errors: *fencepost.UserError sink-needs-own-ledger for a sink whose lanes are no sink.Applier.
func (s *effects) Lane(ctx context.Context, n int) (sink.Lane, error) {
	inner, err := s.Sink.Lane(ctx, n)
	if err != nil {
		return nil, err
	}
	applier, ok := sink.LaneAs[sink.Applier](inner)
	if !ok {
		return nil, errors.Join(&fencepost.UserError{Code: "sink-needs-own-ledger",
			Err: fmt.Errorf("the sink %s can not apply a batch without its own ledger", s.Capabilities().Name)}, inner.Close())
	}
	apply := func(ctx context.Context, b *fencepost.Batch) error {
		err := applier.Apply(ctx, b)
		if refused, ok := errors.AsType[*ledger.Refused](err); ok {
			return fmt.Errorf("apply batch: %v", refused) // of its own ledger, which is none of ours
		}
		return err
	}
	return newLane(s.ledger, apply, inner.Close), nil
}

// Check is what the other sink finds, without what it says of its own ledger, and what the ledger finds of itself.
func (s *effects) Check(ctx context.Context, columns []fencepost.ColumnSpec) (found []fencepost.Finding) {
	if c, ok := sink.As[fencepost.Checker](s.Sink); ok {
		for _, f := range c.Check(ctx, columns) {
			if f.Subject != "ledger" {
				found = append(found, f)
			}
		}
	}
	if c, ok := ledger.As[fencepost.Checker](s.ledger); ok {
		found = append(found, c.Check(ctx, nil)...)
	}
	return found
}
