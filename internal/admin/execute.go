package admin

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Done is what Execute did, as it was read back.
type Done struct {
	Moves   []ledger.Move // as the ledger took them
	Repeats []text.Amount // :: move -> records that are applied again; UnknownLoss
	// WentOn is how many partitions were past their Next already when they were read back: a worker took them up.
	WentOn int
}

// tries bounds how often a relative destination is counted again while workers commit. Each try is one round trip, and a
// worker that is in the way commits a few hundred times a second at most.
const tries = 2000

// settleTime is the default of Resources.Patience.
const settleTime = 30 * time.Second

func (r Resources) patience() time.Duration { return cmp.Or(r.Patience, settleTime) }

// Execute carries the plan out: all of its moves in one compare-and-set or none. Where a worker committed in between,
// a plan that is not Exact counts again from what the ledger holds; where a position was moved, it is refused.
//
//	Move --refused, same fence--> a worker committed: aim again from what the ledger holds --> Move ...
//	     --refused, other fence-> it was moved: plan-stale
//	     --unknown-------------> the same moves again: the compare-and-set decides (law 7)
//	     |                         |--refused--> settle: the positions or the history hold our fence, or show that they do not
//	     |                         '--no answer for Resources.Patience--> outcome-unknown
//	     --done----------------> read back
//
// Errors: *fencepost.UserError plan-stale, out-of-bounds, outcome-unknown, not-verified. With any other one nothing was
// changed.
func (p *Plan) Execute(ctx context.Context, r Resources, why string) (Done, error) {
	if len(p.Lines) == 0 {
		return Done{}, nil
	}
	if r.Layout != nil {
		return p.put(ctx, r)
	}
	w := ledger.Actor{Group: p.Group, ClusterID: p.ClusterID, Who: r.Who}
	moves := p.moves(r, why)
	var doubt time.Time // since when an answer is missing; zero: none is
	for try := 0; ; try++ {
		err := r.Ledger.Move(ctx, w, moves)
		made := err == nil
		held, lost := errors.AsType[*ledger.Refused](err)
		unknown := errors.Is(err, ledger.ErrUnknown)
		if unknown && doubt.IsZero() {
			doubt = time.Now()
		}
		if lost && !doubt.IsZero() {
			made, err = p.settle(ctx, r, held, moves)
			lost = err == nil
		}
		switch {
		case made:
			return p.readBack(ctx, r, moves)
		case !lost && (unknown || passes(err)) && !doubt.IsZero() && time.Since(doubt) < r.patience() && pause(ctx, settlePause) == nil:
			continue
		case !lost && !doubt.IsZero():
			return Done{}, unsettled(err)
		case !lost:
			return Done{}, untouched(err)
		case p.Exact || try >= tries || !p.follow(held):
			return Done{}, p.stale(held)
		}
		if err := p.aimAgain(ctx, r, held); err != nil {
			return Done{}, err
		}
		moves, doubt = p.moves(r, why), time.Time{} // the earlier moves were refused: they never happened
	}
}

// settle reports whether moves whose answer was lost were made, now that the same moves are refused. The refusal alone
// proves nothing: they may have been made, and the partitions may have been moved again since.
//
//	a partition holds our fence                --> made
//	a partition is as it was held              --> not made: they are made together
//	each has another fence; the history has    --> made
//	                        it has not         --> not made: it keeps every move but commits
//	                        it does not answer --> an error: the outcome is not known
func (p *Plan) settle(ctx context.Context, r Resources, held *ledger.Refused, moves []ledger.Move) (made bool, err error) {
	ours := map[ledger.Fence]bool{}
	asHeld := false
	for _, m := range moves {
		h, refused := held.Held[m.TopicPartition]
		if refused && h.Fence == m.Next.Fence {
			return true, nil
		}
		asHeld = asHeld || !refused || h.Fence == m.Held.Fence && h.Fence != 0
		ours[m.Next.Fence] = true
	}
	if asHeld {
		return false, nil
	}
	if r.History == nil {
		return false, fmt.Errorf("%s was moved by somebody since, and this ledger keeps no history", moves[0].TopicPartition)
	}
	for m, err := range r.History.Moves(ctx, p.Group) {
		if err != nil {
			return false, fmt.Errorf("look for them in the history: %w", err)
		}
		if ours[m.Next.Fence] {
			return true, nil
		}
	}
	return false, nil
}

// settlePause lies between two tries while the outcome is not known.
const settlePause = 100 * time.Millisecond

// passes reports whether an error is one that goes by itself: the store does not answer.
func passes(err error) bool {
	f, ok := errors.AsType[*fencepost.UserError](err)
	return ok && f.Passing
}

// unsettled is the UserError of moves whose answer was lost, and whose outcome the store does not show.
func unsettled(err error) error {
	return &fencepost.UserError{Code: "outcome-unknown", Exit: 1, Err: fmt.Errorf("nobody knows yet whether the positions were moved: all of them were, or none: %w", err),
		Help: "when it answers again: fencepost offsets show FILE"}
}

// untouched adds to an error that it stopped everything.
func untouched(err error) error {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		said := *f
		said.Err = fmt.Errorf("%w; nothing was changed", f.Err)
		return &said
	}
	return fmt.Errorf("move positions: %w; nothing was changed", err)
}

// moves makes the plan's moves, under fresh fences.
func (p *Plan) moves(r Resources, why string) []ledger.Move {
	var moves []ledger.Move
	for _, l := range p.Lines {
		if !l.moves() {
			continue
		}
		m := ledger.Move{TopicPartition: l.TopicPartition, Held: l.Held, Next: l.Next, Cause: l.Cause, AtMost: l.AtMost, Why: l.Why,
			Backfill: l.Backfill, Partitions: l.Partitions}
		switch {
		case why != "" && l.Cause == ledger.CauseImport && l.Why != "":
			m.Why = why + "; " + l.Why // where it came from is kept
		case why != "":
			m.Why = why
		}
		if l.left != (fencepost.Place{}) {
			m.Why = ledger.Despite(l.left, m.Why)
		}
		if l.forgets {
			m.Why = ledger.Forgetting(m.Why)
		}
		m.Next.Fence = r.fence()
		moves = append(moves, m)
	}
	return moves
}

func (r Resources) fence() ledger.Fence {
	if r.Random != nil {
		return ledger.NewFence(r.Random())
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return ledger.NewFence(binary.LittleEndian.Uint64(b[:]))
}

// follow reports whether nothing but commits is between the plan and what the ledger holds.
func (p *Plan) follow(held *ledger.Refused) bool {
	for _, l := range p.Lines {
		h, moved := held.Held[l.TopicPartition]
		if moved && (h.Fence != l.Held.Fence || h.Absent() || h.Offset < l.Held.Offset) {
			return false
		}
	}
	return true
}

// aimAgain counts the plan's destination from what the ledger holds now. A destination that leaves the log by that, clamped or not, is
// looked at against fresh bounds: the log may have grown too.
func (p *Plan) aimAgain(ctx context.Context, r Resources, held *ledger.Refused) error {
	var bad []outside
	fresh := false
	for i := 0; i < len(p.Lines); i++ {
		l := &p.Lines[i]
		h, moved := held.Held[l.TopicPartition]
		if !moved {
			continue
		}
		l.Held = h
		if p.to.Kind == ToTime || p.to.Kind == ToOffset || p.to.Kind == ToEarliest {
			if l.pastLast { // the end that was taken; a worker may have gone on past it
				l.Next.Offset = max(l.Next.Offset, h.Offset)
			}
			l.price() // else Next stays; what was committed since was not looked at
			continue
		}
		wants, ok := l.aim(p.to, p.clamp, 0)
		if (!ok || l.Clamped) && !fresh {
			p.freshBounds(ctx, r)
			fresh = true
			wants, ok = l.aim(p.to, p.clamp, 0)
		}
		if !ok {
			bad = append(bad, wants)
		}
	}
	if len(bad) > 0 {
		return outOfBounds(bad, len(p.Lines))
	}
	return nil
}

func (p *Plan) freshBounds(ctx context.Context, r Resources) {
	var asks []fencepost.OffsetQuery
	for _, l := range p.Lines {
		asks = append(asks, fencepost.OffsetQuery{TopicPartition: l.TopicPartition, LeaderEpoch: fencepost.NoEpoch})
	}
	got := r.Cluster.LogOffsets(ctx, asks)
	for i := range p.Lines {
		if b, ok := got[p.Lines[i].TopicPartition]; ok && b.Err == nil {
			p.Lines[i].earliest, p.Lines[i].end = b.Earliest, b.HighWatermark
		}
	}
}

// stale says which position moved since the plan was made.
func (p *Plan) stale(held *ledger.Refused) error {
	what := "positions moved since the plan was made"
	for _, l := range p.Lines {
		h, moved := held.Held[l.TopicPartition]
		switch {
		case !moved:
			continue
		case h.Absent():
			what = fmt.Sprintf("%s has no row any more, the plan says %s", l.TopicPartition, text.Count(l.Held.Offset))
		case l.Held.Absent() && h.Fence == 0:
			return &fencepost.UserError{Code: "copy-refused", Exit: 4, Help: placeOfItsOwn,
				Err: fmt.Errorf("%s stands at %s there without a fence: that is another program's entry, and no ledger; nothing was changed",
					l.TopicPartition, text.Count(h.Offset))}
		case l.Held.Absent():
			what = fmt.Sprintf("%s is held at %s now, the plan found no row of it", l.TopicPartition, text.Count(h.Offset))
		default:
			what = fmt.Sprintf("%s is at %s, the plan says %s", l.TopicPartition, text.Count(h.Offset), text.Count(l.Held.Offset))
			if h.Offset == l.Held.Offset {
				what = fmt.Sprintf("%s was moved since the plan was made, and is at %s again", l.TopicPartition, text.Count(h.Offset))
			}
		}
		break
	}
	return &fencepost.UserError{Code: "plan-stale", Exit: 4, Err: fmt.Errorf("%s; nothing was changed", what), Help: "make the plan anew"}
}

// readBack reads the ledger and compares it with the moves.
func (p *Plan) readBack(ctx context.Context, r Resources, moves []ledger.Move) (Done, error) {
	d := Done{Moves: moves}
	for _, l := range p.Lines {
		if l.moves() { // as moves does
			d.Repeats = append(d.Repeats, text.Amount{N: l.Repeats, Most: !l.Dense})
		}
	}
	snap, err := r.Ledger.Read(ctx, p.Group)
	if err != nil {
		return d, &fencepost.UserError{Code: "not-verified", Exit: 1, Err: fmt.Errorf("the positions were moved, and could not be read back: %w", err),
			Help: "when it answers again: fencepost offsets show FILE"}
	}
	for _, m := range moves {
		h := snap.Positions[m.TopicPartition]
		switch {
		case h.Fence != m.Next.Fence || h.Offset < m.Next.Offset:
			return d, &fencepost.UserError{Code: "not-verified", Err: fmt.Errorf("%s was moved to %s, and reads back at %s: somebody else moved it right after",
				m.TopicPartition, text.Count(m.Next.Offset), text.Count(h.Offset)), Help: "fencepost moves FILE"}
		case h.Offset > m.Next.Offset:
			d.WentOn++
		}
	}
	return d, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
