package sinktest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// broken is a store with one fault of its own: each field replaces one thing that the reference does right.
type broken struct {
	reference
	read   func(*memory.Store, context.Context, fencepost.Group) (ledger.Snapshot, error)
	move   func(*memory.Store, context.Context, ledger.Actor, []ledger.Move) error
	commit func(sink.Lane, *memory.Store, context.Context, ledger.Actor, sink.Commit) error
	moves  func(ledger.Recorded) (ledger.Recorded, bool)
	last   func(ledger.LastMoves) ledger.LastMoves
	group  func(fencepost.Group) fencepost.Group
}

func (s broken) Open(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	if _, err := s.reference.Open(ctx, keep); err != nil {
		return nil, err
	}
	return brokenSink{s}, nil
}

func (s broken) OpenTyped(ctx context.Context, c []fencepost.ColumnSpec) (sink.Sink, error) {
	if _, err := s.reference.OpenTyped(ctx, c); err != nil {
		return nil, err
	}
	return brokenSink{s}, nil
}

type brokenSink struct{ broken }

func (s brokenSink) Ledger() ledger.Ledger { return s }

func (s brokenSink) named(w ledger.Actor) ledger.Actor {
	if s.group != nil {
		w.Group = s.group(w.Group)
	}
	return w
}

func (s brokenSink) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	g = s.named(ledger.Actor{Group: g}).Group
	if s.read != nil {
		return s.read(s.Store, ctx, g)
	}
	return s.Store.Read(ctx, g)
}

func (s brokenSink) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	w = s.named(w)
	if s.move != nil {
		return s.move(s.Store, ctx, w, moves)
	}
	return s.Store.Move(ctx, w, moves)
}

func (s brokenSink) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	g = s.named(ledger.Actor{Group: g}).Group
	return func(yield func(ledger.Recorded, error) bool) {
		for r, err := range s.Store.Moves(ctx, g) {
			keep := true
			if s.moves != nil && err == nil {
				r, keep = s.moves(r)
			}
			if keep && !yield(r, err) {
				return
			}
		}
	}
}

func (s brokenSink) LastMoves(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]ledger.LastMoves, error) {
	all, err := ledger.LastMovesOf(s.Moves(ctx, g))
	for tp, l := range all {
		if s.last != nil {
			all[tp] = s.last(l)
		}
	}
	return all, err
}

func (s brokenSink) Lane(ctx context.Context, n int) (sink.Lane, error) {
	l, err := s.Store.Lane(ctx, n)
	return brokenLane{l, s}, err
}

type brokenLane struct {
	sink.Lane
	sink brokenSink
}

func (l brokenLane) Commit(ctx context.Context, w ledger.Actor, b sink.Commit) error {
	w = l.sink.named(w)
	if l.sink.commit != nil {
		return l.sink.commit(l.Lane, l.sink.Store, ctx, w, b)
	}
	return l.Lane.Commit(ctx, w, b)
}

// believing is the batch, with each Held that f says is near enough replaced by what the ledger holds.
func believing(s *memory.Store, w ledger.Actor, b sink.Commit, near func(held, ledger ledger.Position) bool) sink.Commit {
	snap, err := s.Read(context.Background(), w.Group)
	if err != nil {
		return b
	}
	c := copied(b)
	for i := range c.Segments {
		s, m := &c.Segments[i], &c.Moves[i]
		if p := snap.Positions[m.TopicPartition]; !p.Absent() && near(m.Held, p) {
			m.Held, m.Next.Fence, m.Next.TopicID = p, p.Fence, p.TopicID
			s.Hi = s.Lo + max(0, min(s.Rows(), int(m.Next.Offset-p.Offset)))
			s.Range.From = p.Offset
		}
	}
	return c
}

// extra passes what is left in front of a letter's record, and writes the letter, in a commit of its own.
func extra(l sink.Lane, s *memory.Store, w ledger.Actor, d ledger.DeadLetter) {
	snap, _ := s.Read(context.Background(), w.Group)
	c := sinktest.Commit(sinktest.Span{TopicPartition: d.TopicPartition, Held: snap.Positions[d.TopicPartition], Until: d.Offset + 1, Rows: []fencepost.Offset{}})
	c.Dead = []ledger.DeadLetter{d}
	if err := l.Commit(context.Background(), w, c); err != nil {
		panic(err)
	}
}

// wrong is a broken store with the demand that must find it.
type wrong struct {
	name, found string
	store       broken
}

var breaks = []wrong{
	{"compares the offset only", "refused-says-how-it-stands", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		return l.Commit(ctx, w, believing(s, w, b, func(h, p ledger.Position) bool { return h.Offset == p.Offset }))
	}}},
	{"compares offsets as floats", "large-numbers", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		return l.Commit(ctx, w, believing(s, w, b, func(h, p ledger.Position) bool {
			return float64(h.Offset) == float64(p.Offset) && h.Fence == p.Fence
		}))
	}}},
	{"applies the segments that are not refused", "all-or-nothing-commit", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if r, ok := errors.AsType[*ledger.Refused](err); ok {
			refused := func(tp fencepost.TopicPartition) bool { _, bad := r.Held[tp]; return bad }
			c := copied(b)
			c.Segments = slices.DeleteFunc(c.Segments, func(s fencepost.Segment) bool { return refused(s.TopicPartition) })
			c.Moves = slices.DeleteFunc(c.Moves, func(m ledger.Move) bool { return refused(m.TopicPartition) })
			return errors.Join(err, l.Commit(ctx, w, c))
		}
		return err
	}}},
	{"swallows refusals", "two-workers-race-for-one-partition", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if _, ok := errors.AsType[*ledger.Refused](err); ok {
			return nil
		}
		return err
	}}},
	{"writes the rows before it compares", "chain", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if _, ok := errors.AsType[*ledger.Refused](err); ok {
			_ = l.Commit(ctx, ledger.Actor{Group: "rows only"}, startedElsewhere(s, b))
		}
		return err
	}}},
	{"tries a lost answer again with what it then reads", "unknown-is-settled-by-the-next-try", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if errors.Is(err, ledger.ErrUnknown) || errors.Is(err, context.Canceled) {
			_ = l.Commit(context.Background(), ledger.Actor{Group: "rows only"}, startedElsewhere(s, b))
			return l.Commit(context.Background(), w, b)
		}
		return err
	}}},
	{"calls an unknown outcome a plain error", "a-lost-answer-is-one-effect", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if errors.Is(err, ledger.ErrUnknown) {
			return errors.New("connection reset")
		}
		return err
	}}},
	{"names every partition in a refusal", "all-or-nothing-commit", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if r, ok := errors.AsType[*ledger.Refused](err); ok {
			snap, _ := s.Read(ctx, w.Group)
			for _, m := range b.Moves {
				r.Held[m.TopicPartition] = snap.Positions[m.TopicPartition]
			}
		}
		return err
	}}},
	{"folds the case of groups", "group-names", broken{group: func(g fencepost.Group) fencepost.Group { return fencepost.Group(strings.ToLower(string(g))) }}},
	{"trims groups", "group-names", broken{group: func(g fencepost.Group) fencepost.Group { return fencepost.Group(strings.TrimSpace(string(g))) }}},
	{"makes moves one by one", "all-or-nothing-move", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		for _, m := range moves {
			if err := s.Move(ctx, w, []ledger.Move{m}); err != nil {
				return err
			}
		}
		return nil
	}}},
	{"surfaces a deadlock", "opposite-orders-do-not-deadlock", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		if len(moves) > 1 && moves[0].Compare(moves[1].TopicPartition) > 0 && moves[0].Cause == ledger.CauseRewind {
			return errors.New("deadlock detected (40P01)")
		}
		return s.Move(ctx, w, moves)
	}}},
	{"starts over a row", "a-start-needs-no-row", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		moves = slices.Clone(moves)
		snap, _ := s.Read(ctx, w.Group)
		for i, m := range moves {
			if m.Cause == ledger.CauseStart && m.Held.Absent() {
				moves[i].Held = snap.Positions[m.TopicPartition]
			}
		}
		return s.Move(ctx, w, moves)
	}}},
	{"forgets the roster", "topics-counts", broken{read: func(s *memory.Store, ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
		snap, err := s.Read(ctx, g)
		for topic, e := range snap.Topics {
			e.Partitions = 0
			for tp := range snap.Positions {
				e.Partitions = max(e.Partitions, tp.Partition+1)
			}
			snap.Topics[topic] = e
		}
		return snap, err
	}}},
	{"repairs a part of a recreated topic", "topics-recreated", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		err := s.Move(ctx, w, moves)
		if err != nil && strings.Contains(err.Error(), "start all of them") {
			moves = slices.DeleteFunc(slices.Clone(moves), func(m ledger.Move) bool { return m.Held.Absent() })
			for i := range moves {
				moves[i].Cause = ledger.CauseRewind
			}
			return s.Move(ctx, w, moves)
		}
		return err
	}}},
	{"does not count imports", "topics-of-imports", broken{read: func(s *memory.Store, ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
		snap, err := s.Read(ctx, g)
		started := map[string]bool{}
		for m := range s.Moves(ctx, g) {
			started[m.Topic] = started[m.Topic] || m.Cause == ledger.CauseStart
		}
		maps.DeleteFunc(snap.Topics, func(topic string, _ ledger.TopicState) bool { return !started[topic] })
		return snap, err
	}}},
	{"takes an unknown topic ID for another", "topics-without-a-topic-id", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		snap, _ := s.Read(ctx, w.Group)
		for _, m := range moves {
			if e := snap.Topics[m.Topic]; e.Partitions > 0 && e.TopicID != m.Next.TopicID {
				return errors.New("another topic ID")
			}
		}
		return s.Move(ctx, w, moves)
	}}},
	{"learns no topic ID where the offset stays", "topics-learns-a-topic-id", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		moves = slices.Clone(moves)
		for i, m := range moves {
			if m.Adopts() {
				moves[i].Next.TopicID = m.Held.TopicID
			}
		}
		return s.Move(ctx, w, moves)
	}}},
	{"has another identity at each read", "identity", broken{read: func(s *memory.Store, ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
		snap, err := s.Read(ctx, g)
		snap.Ledger[0] = byte(rand.Uint32())
		return snap, err
	}}},
	{"reads a newer ledger", "newer", broken{read: func(s *memory.Store, ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
		snap, err := s.Read(ctx, g)
		if errors.Is(err, ledger.ErrNewer) {
			return snap, nil
		}
		return snap, err
	}}},
	{"checks no cluster at a commit", "other-cluster", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		w.ClusterID = ""
		return l.Commit(ctx, w, b)
	}}},
	{"binds the group at an empty move", "nothing-to-move-writes-nothing", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		if len(b.Segments) == 0 {
			s.ForeignWrite(w.Group, fencepost.TopicPartition{}, 0)
		}
		return l.Commit(ctx, w, b)
	}}},
	{"drops the reason of a move", "history-keeping-none", broken{moves: func(r ledger.Recorded) (ledger.Recorded, bool) { r.Why = ""; return r, true }}},
	{"keeps what a backfill is for among the words", "history-of-backfills", broken{moves: func(r ledger.Recorded) (ledger.Recorded, bool) {
		r.Why, r.Backfill = r.Reason(), ledger.Backfill{}
		return r, true
	}}},
	{"counts every merged row once", "history-keeping-merged", broken{moves: func(r ledger.Recorded) (ledger.Recorded, bool) { r.Commits = min(r.Commits, 1); return r, true }}},
	{"keeps no gap", "history-keeping-all", broken{moves: func(r ledger.Recorded) (ledger.Recorded, bool) { return r, r.Cause != ledger.CauseGap }}},
	{"takes a start for the last move by a person", "last-moves-keeping-none", broken{last: func(l ledger.LastMoves) ledger.LastMoves {
		if l.Last.Cause == ledger.CauseStart {
			l.Moved = &l.Last
		}
		return l
	}}},
	{"drops the epoch", "epoch-and-topic-id-are-kept", broken{read: func(s *memory.Store, ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
		snap, err := s.Read(ctx, g)
		for tp, p := range snap.Positions {
			p.LeaderEpoch = fencepost.NoEpoch
			snap.Positions[tp] = p
		}
		return snap, err
	}}},
	{"writes every row of the batch", "rows-of-no-segment-stay-out", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		if len(b.Segments) > 0 && b.Rows() < len(b.Offsets) {
			_ = l.Commit(ctx, ledger.Actor{Group: "rows only"}, startedElsewhere(s, b))
		}
		return l.Commit(ctx, w, b)
	}}},
	{"lets a rejected row out", "rejected-rows-leave-nothing", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if _, ok := errors.AsType[*sink.Rejected](err); ok {
			return nil
		}
		return err
	}}},
	{"turns a null into a zero", "every-type", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		if len(b.Columns) > 2 {
			c := fencepost.Column{Name: b.Columns[1].Name, Type: fencepost.Int}
			for i := range b.Columns[1].Len() {
				c.AppendInt(b.Columns[1].Int(i))
			}
			b.Columns[1] = c
		}
		return l.Commit(ctx, w, b)
	}}},
	{"takes at most 9,999 partitions", "ten-thousand-partitions", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		return s.Move(ctx, w, moves[:min(len(moves), 9_999)])
	}}},
	{"has a unique key over the place of a row", "a-range-applied-twice-has-its-rows-twice", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		c := copied(b)
		for i := range c.Segments {
			seg := &c.Segments[i]
			if slices.ContainsFunc(s.Rows(), func(r memory.Row) bool {
				return seg.Hi > seg.Lo && r.TopicPartition == seg.TopicPartition && r.Offset == c.Offsets[seg.Lo]
			}) {
				seg.Hi = seg.Lo
			}
		}
		return l.Commit(ctx, w, c)
	}}},
	{"puts question marks into text", "text-that-is-not-utf-8", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		c := fencepost.Column{Name: b.Columns[0].Name, Type: fencepost.Text}
		for i := range b.Columns[0].Len() {
			c.AppendText(strings.ToValidUTF8(b.Columns[0].Text(i), "?"))
		}
		b.Columns[0] = c
		return l.Commit(ctx, w, b)
	}}},
	{"counts topics without their case", "topics-that-differ-in-case", broken{read: func(s *memory.Store, ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
		snap, err := s.Read(ctx, g)
		for topic := range snap.Topics {
			if state, ok := snap.Topics[strings.ToLower(topic)]; ok {
				snap.Topics[topic] = state
			}
		}
		return snap, err
	}}},
	{"drops what is dead", "letters-are-in-the-commit", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		b.Dead = nil
		return l.Commit(ctx, w, b)
	}}},
	{"keeps the letters of a commit that is refused", "letters-are-in-the-commit", broken{commit: func(l sink.Lane, s *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		err := l.Commit(ctx, w, b)
		if _, ok := errors.AsType[*ledger.Refused](err); ok && len(b.Dead) > 0 {
			extra(l, s, w, b.Dead[0])
		}
		return err
	}}},
	{"takes letters of two incarnations for one", "letters-are-in-the-commit", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		b.Dead = slices.Clone(b.Dead)
		for i := range b.Dead {
			b.Dead[i].TopicID = fencepost.TopicID{15: 1}
		}
		return l.Commit(ctx, w, b)
	}}},
	{"replays what is gone", "letters-are-replayed-once", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		if err := l.Commit(ctx, w, b); !errors.Is(err, ledger.ErrLetterGone) {
			return err
		}
		return nil
	}}},
	{"removes no letter of a commit", "letters-of-records-passed-again-go", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		if len(b.Moves) > 0 {
			b.Removed = nil
		}
		return l.Commit(ctx, w, b)
	}}},
	{"drops why a commit passes records", "commits-that-say-why-are-kept", broken{commit: func(l sink.Lane, _ *memory.Store, ctx context.Context, w ledger.Actor, b sink.Commit) error {
		b.Moves = slices.Clone(b.Moves)
		for i := range b.Moves {
			b.Moves[i].AtMost, b.Moves[i].Why = 0, ""
		}
		return l.Commit(ctx, w, b)
	}}},
	{"checks no move", "invalid-moves-are-refused", broken{move: func(s *memory.Store, ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
		return s.Move(ctx, w, slices.DeleteFunc(slices.Clone(moves), func(m ledger.Move) bool { return m.Validate() != nil }))
	}}},
}

// startedElsewhere makes a batch of b's rows for a group of its own, whose moves are accepted: rows without the moves
// that belong to them.
func startedElsewhere(s *memory.Store, b sink.Commit) sink.Commit {
	c := copied(b)
	snap, _ := s.Read(context.Background(), "rows only")
	for i := range c.Segments {
		m := &c.Moves[i]
		was := snap.Positions[m.TopicPartition]
		start := ledger.Move{TopicPartition: m.TopicPartition, Held: was, Next: m.Held, Cause: ledger.CauseStart}
		start.Next.Fence = ledger.NewFence(rand.Uint64())
		if err := s.Move(context.Background(), ledger.Actor{Group: "rows only"}, []ledger.Move{start}); err != nil {
			panic(err)
		}
		m.Held, m.Next.Fence = start.Next, start.Next.Fence
	}
	return c
}

// copied has segments and moves of its own; the rows are b's.
func copied(b sink.Commit) sink.Commit {
	batch := *b.Batch
	batch.Segments = slices.Clone(b.Segments)
	return sink.Commit{Batch: &batch, Moves: slices.Clone(b.Moves)}
}

// breakVariable names the broken store that a child of this test's process runs the suite on.
const breakVariable = "LEDGERTEST_BREAK"

// Each broken store is found, by the demand that is there for it. The suite fails in a child process, so that its
// failure is an answer and not a failure of this test.
func TestBrokenStoresAreFound(t *testing.T) {
	if name := os.Getenv(breakVariable); name != "" {
		i := slices.IndexFunc(breaks, func(b wrong) bool { return b.name == name })
		sinktest.Run(t, sinktest.Fixture{New: func(t *testing.T) sinktest.Store {
			s := breaks[i].store
			s.reference = newReference(t).(reference)
			return s
		}})
		return
	}
	for _, b := range breaks {
		t.Run(strings.ReplaceAll(b.name, " ", "-"), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBrokenStoresAreFound$/^"+b.found+"$")
			cmd.Env = append(os.Environ(), breakVariable+"="+b.name)
			out, err := cmd.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed || !strings.Contains(string(out), fmt.Sprintf("--- FAIL: TestBrokenStoresAreFound/%s ", b.found)) {
				t.Errorf("a store that %s passes the demand %s:\n%s", b.name, b.found, out)
			}
		})
	}
}
