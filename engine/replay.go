package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Replay is what dead letters are applied with: those of a Config that a run of the same pipeline has.
type Replay struct {
	Sink    sink.Sink
	Decoder func() fencepost.Decoder
	Writer  ledger.Actor
}

// Replayed is what became of one letter.
type Replayed uint8

// The outcomes of a replay.
const (
	ReplayApplied Replayed = iota // its record is applied, and the letter is gone
	ReplayBad                     // its record is as bad as before: the letter stays, with the new reason
	ReplayGone                    // another replay was faster, or it was discarded: nothing was done
)

// String is the outcome in a word.
func (r Replayed) String() string { return [...]string{"applied", "bad", "gone"}[r] }

// mostReplayTries is how often one letter is tried while the store is away.
const mostReplayTries = 5

// Run applies letters, each in a commit of its own that takes the letter out, and calls each with the outcome and why it is
// bad. That the letter is there is the commit's compare-and-set, so that of two replays at once one applies it. No position is
// moved; a letter of a topic that was recreated is applied all the same.
//
// Errors: those of the sink, for which letters behind the one at hand were not tried. What was reported stands.
func (r Replay) Run(ctx context.Context, letters []ledger.Letter, each func(ledger.Letter, Replayed, error)) error {
	e := newEngineForReplay(r)
	if err := e.askSink(ctx); err != nil {
		return err
	}
	commits, err := r.Sink.Lane(ctx, 0)
	if err != nil {
		return fmt.Errorf("open sink: %w", err)
	}
	l := &lane{e: e, sink: commits}
	if l.decoder = r.Decoder(); l.decoder == decode.None() {
		l.decoder = nil
	}
	for _, one := range letters {
		out, why, err := l.replay(ctx, one)
		if err != nil {
			return errors.Join(fmt.Errorf("replay %s@%d: %w", one.TopicPartition, one.Offset, err), commits.Close())
		}
		each(one, out, why)
	}
	return commits.Close()
}

// newEngineForReplay is an engine that asks and decodes, and never runs.
func newEngineForReplay(r Replay) *Engine {
	return &Engine{cfg: Config{Sink: r.Sink, Decoder: r.Decoder}, writer: r.Writer}
}

// replay applies one letter.
func (l *lane) replay(ctx context.Context, one ledger.Letter) (out Replayed, why, err error) {
	c, bad := l.letterBatch(one.DeadLetter)
	if bad == nil {
		out, err = l.replayed(ctx, c)
		if r, ok := errors.AsType[*sink.Rejected](err); !ok || r.Blame == sink.TheLocks || errors.Is(err, ledger.ErrUnknown) {
			return out, nil, err
		}
		bad = &fencepost.BadRecord{Code: "record-refused", Reason: rejection(err)}
		c.Batch.Segments[0].Hi = c.Batch.Segments[0].Lo
	}
	d := one.DeadLetter
	d.Code, d.Reason = fencepost.BadCode(bad), bad.Error()
	c.Dead = []ledger.DeadLetter{d}
	if out, err = l.replayed(ctx, c); out == ReplayApplied {
		out = ReplayBad
	}
	return out, bad, err
}

// letterBatch makes a batch of a letter's record, in a commit that takes the letter out. Its error is why there is no row.
func (l *lane) letterBatch(d ledger.DeadLetter) (c sink.Commit, bad error) {
	b := &fencepost.Batch{Columns: l.e.columns(l.decoder)}
	r := fencepost.Record{TopicPartition: d.TopicPartition, Offset: d.Offset, Timestamp: d.Timestamp, Key: d.Key, Value: d.Value, Headers: d.Headers}
	cols := 0
	if l.decoder != nil {
		cols = len(l.decoder.Columns())
		bad = l.decoder.Decode(&r, b.Columns[:cols])
	}
	if bad == nil {
		appendRows(b, &r, cols, rowsOf(b, cols))
	} else {
		b.Truncate(0)
	}
	if errors.Is(bad, fencepost.ErrNoRow) {
		bad = nil
	}
	b.Segments = []fencepost.Segment{{TopicPartition: d.TopicPartition, Range: fencepost.OffsetRange{From: d.Offset, Until: d.Offset + 1}, Hi: len(b.Offsets)}}
	return sink.Commit{Batch: b, Removed: []ledger.LetterID{d.LetterID}}, bad
}

// replayed commits a replay, again where its outcome is unknown or the store is away for a while. A letter that is gone after a
// lost answer was taken by that commit.
func (l *lane) replayed(ctx context.Context, c sink.Commit) (out Replayed, err error) {
	unclear := false
	for try := range mostReplayTries {
		err = l.sink.Commit(ctx, l.e.writer, c)
		switch {
		case err == nil, unclear && errors.Is(err, ledger.ErrLetterGone):
			return ReplayApplied, nil
		case errors.Is(err, ledger.ErrLetterGone):
			return ReplayGone, nil
		}
		switch outcomeOf(err) {
		case unknown:
			unclear = true
		case again:
		default:
			return 0, err
		}
		select {
		case <-time.After(time.Duration(try+1) * 200 * time.Millisecond):
		case <-ctx.Done():
			return 0, err
		}
	}
	return 0, err
}
