package admin_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
	"github.com/fencepost/fencepost/source"
)

// lived is a world whose rows a worker really commits, and to which anything may happen: rewinds, repairs, lost answers,
// crashes, retention, truncation, recreation.
type lived struct {
	*world
	lane   sink.Lane
	other  *memory.Store                                // another ledger, to copy to and from
	held   map[fencepost.TopicPartition]ledger.Position // the worker's own view; another may have moved them
	epochs map[fencepost.TopicPartition][]epochStart
	log    []string // what happened, for a failure
}

// epochStart is where a leader's epoch begins in the log.
type epochStart struct {
	epoch fencepost.LeaderEpoch
	at    fencepost.Offset
}

// epochOf is the epoch of an entry.
func (l *lived) epochOf(tp fencepost.TopicPartition, o fencepost.Offset) fencepost.LeaderEpoch {
	e := fencepost.NoEpoch
	for _, s := range l.epochs[tp] {
		if s.at <= o {
			e = s.epoch
		}
	}
	return e
}

// LogOffsets answers where an epoch ends as brokers do: where the next larger one begins.
func (l *lived) LogOffsets(ctx context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	got := l.cluster.LogOffsets(ctx, asks)
	for _, a := range asks {
		b := got[a.TopicPartition]
		b.EpochEnd = -1
		if a.LeaderEpoch >= 0 {
			b.EpochEnd = b.HighWatermark
			for _, s := range slices.Backward(l.epochs[a.TopicPartition]) {
				if s.epoch > a.LeaderEpoch {
					b.EpochEnd = s.at
				}
			}
		}
		got[a.TopicPartition] = b
	}
	return got
}

func (l *lived) Describe(ctx context.Context) (source.Description, error) {
	return l.cluster.Describe(ctx)
}

func (l *lived) CommittedOffsets(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return l.cluster.CommittedOffsets(ctx, g)
}

func (l *lived) Mirror(ctx context.Context, g fencepost.Group, m map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return l.cluster.Mirror(ctx, g, m)
}

const parts = 3

func newLived(t *testing.T) *lived {
	l := &lived{world: newWorld(t, parts), held: map[fencepost.TopicPartition]ledger.Position{},
		epochs: map[fencepost.TopicPartition][]epochStart{}}
	l.resources.Cluster = l
	var err error
	l.store = memory.Open() // a fresh one: newWorld's commits have no rows
	l.store.SetKeep(ledger.KeepAll)
	l.other = memory.Open()
	l.resources.Ledger, l.resources.History, l.resources.Provenance = l.store, l.store, rowsOf{l.store, nil}
	if l.lane, err = l.store.Lane(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var starts []ledger.Move
	for p := range int32(parts) {
		l.bounds(p, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 20, 20 })
		l.epochs[tp(p)] = []epochStart{{0, 0}}
		starts = append(starts, ledger.Move{TopicPartition: tp(p), Cause: ledger.CauseStart, Partitions: parts,
			Next: ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: ledger.NewFence(l.resources.Random()), TopicID: topicID}})
	}
	l.move(starts...)
	l.restart()
	return l
}

// rowsOf is the provenance of the rows in the memory store, changed by what a test planted.
type rowsOf struct {
	store  *memory.Store
	change func(map[fencepost.TopicPartition]map[fencepost.Offset]int64)
}

func (r rowsOf) counts() map[fencepost.TopicPartition]map[fencepost.Offset]int64 {
	n := map[fencepost.TopicPartition]map[fencepost.Offset]int64{}
	for _, row := range r.store.Rows() {
		if n[row.TopicPartition] == nil {
			n[row.TopicPartition] = map[fencepost.Offset]int64{}
		}
		n[row.TopicPartition][row.Offset]++
	}
	if r.change != nil {
		r.change(n)
	}
	return n
}

func (r rowsOf) Applied(context.Context) iter.Seq2[sink.Applied, error] {
	return func(yield func(sink.Applied, error) bool) {
		counts := r.counts()
		for _, tp := range slices.SortedFunc(maps.Keys(counts), fencepost.TopicPartition.Compare) {
			for _, o := range slices.Sorted(maps.Keys(counts[tp])) {
				if n := counts[tp][o]; n > 0 && !yield(sink.Applied{TopicPartition: tp, Offset: o, Rows: n}, nil) {
					return
				}
			}
		}
	}
}

func (l *lived) note(format string, args ...any) { l.log = append(l.log, fmt.Sprintf(format, args...)) }

// restart is a worker that reads the ledger again.
func (l *lived) restart() { maps.Copy(l.held, l.positions()) }

// commit is what the worker does with n more records, if it reads that far; from its own view of its position.
func (l *lived) commit(p int32, n int) {
	b, held := l.cluster.bounds[tp(p)], l.held[tp(p)]
	until := min(held.Offset+fencepost.Offset(n), b.HighWatermark)
	if held.Offset < b.Earliest || until <= held.Offset || held.TopicID != b.TopicID {
		return // it reads nothing there
	}
	s := sinktest.Span{TopicPartition: tp(p), Held: held, Until: until}
	batch := sinktest.Commit(s)
	batch.Moves[0].Next.LeaderEpoch = l.epochOf(tp(p), until-1)
	err := l.lane.Commit(context.Background(), ledger.Actor{Group: group, ClusterID: "c1", Who: "w1@node3"}, batch)
	l.note("commit %d [%d .. %d): %v", p, held.Offset, until, err)
	_, refused := errors.AsType[*ledger.Refused](err)
	switch {
	case err == nil:
		l.held[tp(p)] = batch.Moves[0].Next
	case refused || errors.Is(err, ledger.ErrUnknown):
		l.held[tp(p)] = l.positions()[tp(p)] // it reads again, and obeys
	default:
		l.t.Fatalf("commit: %v", err)
	}
}

// contradicted reports whether some position has to be repaired before anything is set.
func (l *lived) contradicted() bool {
	return slices.ContainsFunc(l.look().Standings, func(s admin.Standing) bool { return s.Decision.Action != ledger.Resume })
}

// set is an operator's `offsets set`.
func (l *lived) set(to string, p int32) {
	if l.contradicted() {
		return
	}
	plan, err := l.plan(to, true, fmt.Sprintf("trips:%d", p))
	if err != nil {
		l.t.Fatalf("plan %s: %v", to, err)
	}
	done, err := plan.Execute(context.Background(), l.resources, "property")
	l.note("set %d %s: %v", p, to, done.Moves)
	if err != nil {
		l.t.Fatalf("set %s: %v", to, err)
	}
}

// mend is an operator's `offsets repair` of everything.
func (l *lived) mend(policy string) {
	if !l.contradicted() {
		return
	}
	done, err := l.repair(policy, 0).Plan.Execute(context.Background(), l.resources, "property")
	l.note("repair %s: %v", policy, done.Moves)
	if err != nil {
		l.t.Fatalf("repair %s: %v", policy, err)
	}
}

// copy takes all positions of one ledger over into the other one, where nothing contradicts them.
func (l *lived) copy(back bool) {
	from, to := l.resources, l.resources
	to.Ledger, to.History = l.other, l.other
	what := "copy out"
	if back {
		from, to, what = to, from, "copy back"
	}
	v, err := admin.Look(context.Background(), from)
	if err != nil || v.Snapshot.Empty() {
		return
	}
	c, err := admin.PlanCopy(context.Background(), v, to, admin.CopyOptions{Over: true, Missing: ledger.Earliest, Policy: ledger.EarliestEverywhere(ledger.StartAt{}),
		From: "the other", Why: "property"})
	if fault, ok := errors.AsType[*fencepost.UserError](err); ok && fault.Code == "copy-refused" {
		l.note("%s: %v", what, err)
		return // of a recreated topic, say
	}
	if err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
	done, err := c.Plan.Execute(context.Background(), to, "")
	l.note("%s: %v", what, done.Moves)
	if err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
}

// truncate cuts the log and begins another epoch, as an unclean election does.
func (l *lived) truncate(p int32, by int) {
	l.bounds(p, func(b *fencepost.LogOffsets) {
		b.HighWatermark = max(b.Earliest, b.HighWatermark-fencepost.Offset(by))
		b.LastStableOffset = b.HighWatermark
		old := l.epochs[tp(p)]
		next := old[len(old)-1].epoch + 1
		kept := slices.DeleteFunc(old, func(s epochStart) bool { return s.at >= b.HighWatermark })
		l.epochs[tp(p)] = append(kept, epochStart{next, b.HighWatermark})
	})
	l.note("truncate %d to %d", p, l.cluster.bounds[tp(p)].HighWatermark)
}

func (l *lived) grow(p int32, n int) {
	l.bounds(p, func(b *fencepost.LogOffsets) {
		b.HighWatermark += fencepost.Offset(n)
		b.LastStableOffset = b.HighWatermark
	})
}

func (l *lived) recreate(id byte) {
	l.cluster.topics["trips"] = fencepost.Topic{ID: fencepost.TopicID{id}, Partitions: parts}
	for p := range int32(parts) {
		l.bounds(p, func(b *fencepost.LogOffsets) {
			*b = fencepost.LogOffsets{TopicID: fencepost.TopicID{id}, LastStableOffset: 10, HighWatermark: 10}
		})
		l.epochs[tp(p)] = []epochStart{{0, 0}}
	}
	l.note("recreated")
}

// live lets anything happen, n times.
func (l *lived) live(rt *rapid.T) {
	id := byte(10)
	someone := func(label string) int32 { return rapid.Int32Range(0, parts-1).Draw(rt, label) }
	deeds := map[string]func(){
		"commit":      func() { l.commit(someone("partition"), rapid.IntRange(1, 12).Draw(rt, "records")) },
		"commit more": func() { l.commit(someone("partition"), rapid.IntRange(1, 12).Draw(rt, "records")) },
		"lost answer": func() {
			l.store.Inject(rapid.SampledFrom([]memory.Fault{memory.LostAfter, memory.LostBefore}).Draw(rt, "fault"))
			p := someone("partition")
			l.commit(p, 5)
			l.commit(p, 5)
		},
		"crash":  l.restart,
		"zombie": func() { maps.Copy(l.held, l.positions()); l.set("-3", someone("partition")) }, // it holds what was before
		"grow":   func() { l.grow(someone("partition"), rapid.IntRange(1, 15).Draw(rt, "records")) },
		"set": func() {
			l.set(rapid.SampledFrom([]string{"earliest", "latest", "-4", "+3", "7", "0"}).Draw(rt, "to"), someone("partition"))
		},
		"retention": func() {
			l.bounds(someone("partition"), func(b *fencepost.LogOffsets) {
				b.Earliest = min(b.HighWatermark, b.Earliest+fencepost.Offset(rapid.IntRange(1, 10).Draw(rt, "deleted")))
			})
		},
		"truncate":  func() { l.truncate(someone("partition"), rapid.IntRange(1, 10).Draw(rt, "lost")) },
		"recreate":  func() { id++; l.recreate(id) },
		"copy":      func() { l.copy(false) },
		"copy back": func() { l.copy(true) },
		"repair": func() {
			l.mend(rapid.SampledFrom([]string{"earliest", "latest", "earliest,truncated=divergence"}).Draw(rt, "policy"))
		},
	}
	names := slices.Sorted(maps.Keys(deeds))
	for range rapid.IntRange(1, 40).Draw(rt, "deeds") {
		deeds[rapid.SampledFrom(names).Draw(rt, "deed")]()
	}
	l.mend("earliest,truncated=divergence")
	for p := range int32(parts) {
		l.restart()
		l.commit(p, 1000)
	}
}

// Whatever happened, the moves prove the positions, an audit finds nothing wrong, and it finds each fault that is planted
// then.
func TestAnySequenceKeepsTheChain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLived(t)
		l.live(rt)
		snapshot, err := l.store.Read(t.Context(), group)
		if err != nil {
			rt.Fatal(err)
		}
		if err := sinktest.Proof(l.history(), snapshot); err != nil {
			rt.Fatalf("%v\n%v", err, l.log)
		}
		if _, got := l.audit(keeps); got != "" {
			rt.Fatalf("nothing was planted, and the audit finds\n%s\nafter %v", got, l.log)
		}
		what, kind := l.plant(rt)
		if what == "" {
			return
		}
		if _, got := l.audit(keeps); !containsKind(got, kind) {
			rt.Fatalf("%s was planted; the audit finds %q\nafter %v", what, got, l.log)
		}
	})
}

// containsKind reports whether one of the faults is of one of these kinds.
func containsKind(faults string, kinds []string) bool {
	return slices.ContainsFunc(kinds, func(k string) bool {
		return len(faults) > 0 && slices.Contains(splitWords(faults), k)
	})
}

func splitWords(s string) (words []string) {
	word := ""
	for _, r := range s + " " {
		if r == ' ' || r == '\n' {
			words, word = append(words, word), ""
			continue
		}
		word += string(r)
	}
	return words
}

// plant spoils one thing, and says what and which kinds of finding may name it. Nothing: there was nothing to spoil.
func (l *lived) plant(rt *rapid.T) (what string, kinds []string) {
	switch rapid.SampledFrom([]string{"row deleted", "row doubled", "entry edited", "move removed"}).Draw(rt, "fault") {
	case "row deleted":
		at, o := l.applied(rt)
		if o < 0 {
			return "", nil
		}
		l.resources.Provenance = rowsOf{l.store, func(n map[fencepost.TopicPartition]map[fencepost.Offset]int64) { n[at][o] = 0 }}
		return fmt.Sprintf("row %s@%d deleted", at, o), []string{"missing"}
	case "row doubled":
		at, o := l.applied(rt)
		if o < 0 {
			return "", nil
		}
		l.resources.Provenance = rowsOf{l.store, func(n map[fencepost.TopicPartition]map[fencepost.Offset]int64) { n[at][o]++ }}
		return fmt.Sprintf("row %s@%d doubled", at, o), []string{"doubled"}
	case "entry edited":
		p := tp(rapid.Int32Range(0, parts-1).Draw(rt, "partition"))
		to := l.positions()[p].Offset + fencepost.Offset(rapid.IntRange(1, 5).Draw(rt, "by"))
		l.store.ForeignWrite(group, p, to)
		return fmt.Sprintf("entry %s set to %d", p, to), []string{"changed"}
	default:
		h := l.history()
		i := rapid.IntRange(0, len(h)-1).Draw(rt, "move")
		l.resources.History = slices.Delete(slices.Clone(h), i, i+1)
		return fmt.Sprintf("move %v removed", h[i]), []string{"hole", "overlap", "fence", "changed"}
	}
}

// applied is one record that has a row, is below its position and still in the log of this incarnation.
func (l *lived) applied(rt *rapid.T) (fencepost.TopicPartition, fencepost.Offset) {
	type record struct {
		fencepost.TopicPartition
		fencepost.Offset
	}
	var all []record
	positions := l.positions()
	for at, offsets := range (rowsOf{l.store, nil}).counts() {
		b := l.cluster.bounds[at]
		for o := range offsets {
			if b.Earliest <= o && o < min(b.HighWatermark, positions[at].Offset) && l.covered(at, o, b.TopicID) {
				all = append(all, record{at, o})
			}
		}
	}
	if len(all) == 0 {
		return fencepost.TopicPartition{}, -1
	}
	slices.SortFunc(all, func(a, b record) int {
		if c := a.Compare(b.TopicPartition); c != 0 {
			return c
		}
		return int(a.Offset - b.Offset)
	})
	r := rapid.SampledFrom(all).Draw(rt, "record")
	return r.TopicPartition, r.Offset
}

// covered reports whether a commit of this incarnation covers an offset.
func (l *lived) covered(at fencepost.TopicPartition, o fencepost.Offset, id fencepost.TopicID) bool {
	return slices.ContainsFunc(l.history(), func(m ledger.Recorded) bool {
		return m.Cause == ledger.CauseCommit && m.TopicPartition == at && m.Next.TopicID == id && m.Held.Offset <= o && o < m.Next.Offset
	})
}
