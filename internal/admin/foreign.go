package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// readLayout reads another program's entries as positions: without topic ID, epoch and fence, for which it has no field.
func (v *View) readLayout(ctx context.Context, r Resources) error {
	f, err := readForeign(ctx, r)
	if err != nil {
		return err
	}
	if r.Meaning == foreign.MeaningUnset {
		return meaningNeeded(ctx, r, f)
	}
	v.Foreign, v.Meaning, v.Notes, v.mirrorOf = true, r.Meaning, f.Notes, f.Mirror
	v.entries = make(map[fencepost.TopicPartition]foreign.Entry, len(f.Entries))
	v.Snapshot.Positions = make(map[fencepost.TopicPartition]ledger.Position, len(f.Entries))
	for _, e := range f.Entries {
		at, err := e.Resume(r.Meaning)
		if err != nil {
			return &fencepost.UserError{Code: "layout-damaged", Err: err, Help: "mend that entry, or take it out"}
		}
		v.entries[e.TopicPartition] = e
		p := ledger.Position{Offset: at, LeaderEpoch: fencepost.NoEpoch}
		if !e.Own.Absent() { // our own export keeps them
			p.LeaderEpoch, p.TopicID = e.Own.LeaderEpoch, e.Own.TopicID
		}
		v.Snapshot.Positions[e.TopicPartition] = p
	}
	return nil
}

// Seen is another program's offsets as they were read a moment ago. They are taken once: who asks again, as a move does when it verifies
// itself, reads anew. For one goroutine.
type Seen struct{ offsets *foreign.Offsets }

func (s *Seen) keep(f foreign.Offsets) {
	if s != nil {
		s.offsets = &f
	}
}

func (s *Seen) take() *foreign.Offsets {
	if s == nil {
		return nil
	}
	f := s.offsets
	s.offsets = nil
	return f
}

// readForeign reads a layout that must not be empty: a mistyped key reads as "nothing there".
func readForeign(ctx context.Context, r Resources) (foreign.Offsets, error) {
	if f := r.Seen.take(); f != nil {
		return *f, nil
	}
	f, err := r.Layout.Foreign(ctx)
	if err != nil {
		return f, fmt.Errorf("read %s: %w", r.Where, err)
	}
	if x, ok := r.Layout.(foreign.Explainer); ok && len(f.Entries) == 0 {
		return f, x.Absence(ctx)
	}
	if len(f.Entries) == 0 {
		why := r.Where
		if len(f.Notes) > 0 {
			why = strings.Join(f.Notes, "; ") // a batch that was begun and not finished, an empty file
		}
		return f, &fencepost.UserError{Code: "ledger-missing", Err: fmt.Errorf("%s holds no offsets: %s", r.Subject, why),
			Help: "mend the key, the path or the group"}
	}
	return f, nil
}

// Topics is the topics that the ledger or layout has positions of: those to ask the brokers about where no pipeline
// names any. It makes no ledger.
//
// Errors: as Look, without meaning-needed.
func Topics(ctx context.Context, r Resources) ([]string, error) {
	topics := map[string]bool{}
	if r.Layout != nil {
		f, err := readForeign(ctx, r)
		if err != nil {
			return nil, err
		}
		r.Seen.keep(f)
		for _, e := range f.Entries {
			topics[e.Topic] = true
		}
		return slices.Sorted(maps.Keys(topics)), nil
	}
	if err := r.exists(ctx); err != nil {
		return nil, err
	}
	snap, err := r.Ledger.Read(ctx, r.Group)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	for topic := range snap.Topics {
		topics[topic] = true
	}
	for tp := range snap.Positions {
		topics[tp.Topic] = true
	}
	return slices.Sorted(maps.Keys(topics)), nil
}

// readings are the meanings with what each of them says of the number.
var readings = []struct {
	meaning foreign.Meaning
	text    string
}{
	{foreign.MeaningNext, "%s is next to read: Spark's range.untilOffset"},
	{foreign.MeaningBatchStart, "it was saved before the results: repeat that batch"},
	{foreign.MeaningLastProcessed, "%s is the last one done: a record's own offset"},
}

// meaningNeeded shows what each meaning would make of an entry. Where one of them would resume past the end of the log,
// that is reported: it cannot be the right one, unless records were deleted.
func meaningNeeded(ctx context.Context, r Resources, f foreign.Offsets) error {
	e := f.Entries[0]
	var b strings.Builder
	fmt.Fprintf(&b, "%s holds numbers that do not say what they mean", r.Subject)
	fmt.Fprintf(&b, "\n  %s holds %s. Reading would resume", e.TopicPartition, e.Raw)
	name := "the number"
	if e.From != foreign.NoFrom {
		name = "until"
	}
	for _, reading := range readings {
		at, err := e.Resume(reading.meaning)
		if err != nil {
			continue
		}
		says := reading.text
		if strings.Contains(says, "%s") {
			says = fmt.Sprintf(says, name)
		}
		fmt.Fprintf(&b, "\n    --meaning %-14s  at %s   %s", reading.meaning, text.Count(at), says)
	}
	if hint := atEnd(ctx, r, f); hint != "" {
		b.WriteString("\n  " + hint)
	}
	return &fencepost.UserError{Code: "meaning-needed", Exit: 2, Err: fmt.Errorf("%s", b.String()),
		Help: "look where the job saves, then add one of the three. Nothing was changed"}
}

// atEnd finds an entry that only one reading would take past the end.
func atEnd(ctx context.Context, r Resources, f foreign.Offsets) string {
	if r.Cluster == nil {
		return ""
	}
	asks := make([]fencepost.OffsetQuery, len(f.Entries))
	for i, e := range f.Entries {
		asks[i] = fencepost.OffsetQuery{TopicPartition: e.TopicPartition, LeaderEpoch: fencepost.NoEpoch}
	}
	bounds := r.Cluster.LogOffsets(ctx, asks)
	for _, e := range f.Entries {
		if b, ok := bounds[e.TopicPartition]; ok && b.Err == nil && b.HighWatermark == e.Until {
			return fmt.Sprintf("A hint: %s stands at %s, which is End; last-processed would resume past it.", e.TopicPartition, text.Count(e.Until))
		}
	}
	return ""
}
