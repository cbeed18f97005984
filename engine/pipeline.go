package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// goneWithin is how long a worker that does something else waits for the group's members to be gone: one that was killed
// is a member until its session ends.
const goneWithin = 10 * time.Second

// admit compares what this run does with what the group did last. What is not known, or is kept nowhere, refuses nothing.
//
// Errors: *fencepost.UserError pipeline-differs.
func (e *Engine) admit(ctx context.Context) error {
	if len(e.cfg.Does) == 0 {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, reportTimeout)
	known, err := ledger.ReadReports(asking, e.ledger, e.cfg.Group)
	cancel()
	if err != nil {
		return nil // the first that is written reports why
	}
	is, began, most := ledger.Pipeline{Parts: e.cfg.Does}, time.Now(), min(goneWithin, 2*e.cfg.Watch)
	for tries := 1; ; tries++ {
		live := 0
		if len(ledger.Differences(known.Pipeline, is)) > 0 {
			live = e.members(ctx) // this worker is not among them yet
		}
		all, refused := ledger.Admit(known.Pipeline, is, live, e.cfg.Changed)
		e.change = PipelineChanged{Was: known.Pipeline, Differences: all, Others: live}
		if !refused {
			return nil
		}
		_, later := ledger.Admit(known.Pipeline, is, 0, false)
		if later || time.Since(began) >= most {
			return differs(e.cfg.Group, e.change)
		}
		if tries == 1 {
			e.emit(Retrying{What: "open", Lane: -1, Attempt: tries, In: most, Err: differs(e.cfg.Group, e.change)})
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// differs refuses a pipeline that does something else than its group.
func differs(g fencepost.Group, c PipelineChanged) error {
	return &fencepost.UserError{Code: "pipeline-differs", Err: fmt.Errorf("group %s does something else: %s", g, c)}
}

// mostDifferences is how many of them a sentence names.
const mostDifferences = 8

// Sentence is differences in one line: table h1b instead of h1, column x added.
func Sentence(all []ledger.Difference) string {
	var words []string
	for i, d := range all {
		if i == mostDifferences {
			words = append(words, fmt.Sprintf("and %d more", len(all)-i))
			break
		}
		words = append(words, d.String())
	}
	return strings.Join(words, ", ")
}

// takePipeline records what this run does, before it joins the group. Where a change is meant it is a move in place, which
// has to be recorded; that the pipeline is kept has not.
func (e *Engine) takePipeline(ctx context.Context) error {
	if len(e.cfg.Does) == 0 {
		return nil
	}
	if e.cfg.Changed && len(e.change.Differences) > 0 {
		if err := e.recordChange(ctx); err != nil {
			return fmt.Errorf("record that the pipeline changed: %w", err)
		}
	}
	if len(e.change.Differences) > 0 {
		e.emit(e.change)
	}
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	err := ledger.WritePipeline(ctx, e.ledger, e.cfg.Group, ledger.Pipeline{Parts: e.cfg.Does, Who: e.cfg.Who, Since: time.Now()})
	e.reporter.report(ctx, err)
	return nil
}

// recordChange records a changed pipeline as a rewind of the group's first partition to where it is: it passes and repeats
// nothing, and every program of before can read it. A worker that commits meanwhile is obeyed.
func (e *Engine) recordChange(ctx context.Context) error {
	why := "pipeline changed: " + Sentence(e.change.Differences)
	if e.cfg.Why != "" {
		why += ": " + e.cfg.Why
	}
	for {
		snap, err := e.ledger.Read(ctx, e.cfg.Group)
		if err != nil || len(snap.Positions) == 0 {
			return err
		}
		var tps []fencepost.TopicPartition
		for tp := range snap.Positions {
			tps = append(tps, tp)
		}
		at := slices.MinFunc(tps, fencepost.TopicPartition.Compare)
		m := ledger.Move{TopicPartition: at, Held: snap.Positions[at], Next: snap.Positions[at], Cause: ledger.CauseRewind, Why: why}
		m.Next.Fence = ledger.NewFence(e.cfg.Random())
		err = e.record(ctx, []ledger.Move{m})
		if _, refused := errors.AsType[*ledger.Refused](err); !refused && !errors.Is(err, ledger.ErrUnknown) {
			return err
		}
		select {
		case <-time.After(e.jitter(20 * time.Millisecond)):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
