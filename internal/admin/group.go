package admin

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// ReadersOf says who reads by a layout's offsets now; zero where the layout does not know.
func ReadersOf(ctx context.Context, l foreign.Layout) (foreign.Readers, error) {
	if w, ok := l.(foreign.Watched); ok {
		return w.Readers(ctx)
	}
	return foreign.Readers{}, nil
}

// movable refuses a Kafka group whose committed offsets are not what decides where its readers go on. Of one that is movable it
// keeps how many members are live.
func (p *Plan) movable(ctx context.Context, r Resources, mirror fencepost.LedgerID) error {
	if r.Layout == nil {
		return nil
	}
	if mirror != (fencepost.LedgerID{}) {
		return &fencepost.UserError{Code: "set-refused", Help: "fencepost offsets set PIPELINE.yaml, whose ledger that is",
			Err: fmt.Errorf("the offsets of group %s mirror the Fencepost ledger %s, which decides: a move here would change nothing", p.Group, mirror.Short())}
	}
	readers, err := ReadersOf(ctx, r.Layout)
	if err != nil {
		return err
	}
	if readers.Kind == "share" {
		return &fencepost.UserError{Code: "set-refused", Help: fmt.Sprintf("kafka-share-groups --group '%s' --reset-offsets", p.Group),
			Err: fmt.Errorf("%s is a share group (KIP-932), whose start offsets are not commits", p.Group)}
	}
	p.Committed, p.Members = true, readers.Members
	return nil
}

// put commits the plan's offsets to a Kafka group, and reads them back. The brokers themselves refuse it while the group has live
// members. There is no compare-and-set: what an idle group holds is changed by nobody else.
//
// Errors: *fencepost.UserError group-live, not-verified.
func (p *Plan) put(ctx context.Context, r Resources) (Done, error) {
	group, ok := r.Layout.(foreign.LiveLayout)
	if !ok {
		return Done{}, fmt.Errorf("set %s: its layout cannot be written", r.Where)
	}
	before, err := group.Foreign(ctx)
	if err != nil {
		return Done{}, untouched(err)
	}
	if err := p.movable(ctx, r, before.Mirror); err != nil {
		return Done{}, untouched(err)
	}
	if err := p.unmoved(before); err != nil {
		return Done{}, err
	}
	d, ranges := Done{}, map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for _, l := range p.Lines {
		if l.moves() {
			ranges[l.TopicPartition] = fencepost.OffsetRange{From: l.Next.Offset, Until: l.Next.Offset}
			d.Moves = append(d.Moves, ledger.Move{TopicPartition: l.TopicPartition, Held: l.Held, Next: l.Next, Cause: l.Cause, AtMost: l.AtMost})
			d.Repeats = append(d.Repeats, text.Amount{N: l.Repeats, Most: !l.Dense})
		}
	}
	if err := group.Put(ctx, ranges); err != nil {
		return Done{}, err
	}
	f, err := group.Foreign(ctx)
	if err != nil {
		return d, &fencepost.UserError{Code: "not-verified", Err: fmt.Errorf("the offsets were committed, and could not be read back: %w", err), Help: "when it answers again: fencepost offsets show FILE"}
	}
	back := committed(f)
	for _, m := range d.Moves {
		if at, ok := back[m.TopicPartition]; !ok || at != m.Next.Offset {
			return d, &fencepost.UserError{Code: "not-verified", Help: "fencepost offsets show FILE",
				Err: fmt.Errorf("%s was committed at %s, and does not read back so: somebody else committed right after", m.TopicPartition, text.Count(m.Next.Offset))}
		}
	}
	return d, nil
}

// unmoved refuses a plan whose positions were committed anew since it was made.
func (p *Plan) unmoved(f foreign.Offsets) error {
	now := committed(f)
	held := &ledger.Refused{Held: map[fencepost.TopicPartition]ledger.Position{}}
	for _, l := range p.Lines {
		at, there := now[l.TopicPartition]
		if there == l.Held.Absent() || there && at != l.Held.Offset {
			held.Held[l.TopicPartition] = ledger.Position{Offset: at, LeaderEpoch: fencepost.NoEpoch, Fence: 1}
		}
	}
	if len(held.Held) > 0 {
		return p.stale(held)
	}
	return nil
}

// committed is a layout's numbers as next to read, which a Kafka group's are by its protocol.
func committed(f foreign.Offsets) map[fencepost.TopicPartition]fencepost.Offset {
	all := map[fencepost.TopicPartition]fencepost.Offset{}
	for _, e := range f.Entries {
		all[e.TopicPartition] = e.Until
	}
	return all
}
