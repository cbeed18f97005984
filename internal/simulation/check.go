package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// check compares what has become of everything with what has to hold, while the workers run.
func (w *world) check() {
	for _, m := range w.cluster.GroupInfo(string(group)).Members {
		w.note("the group has given %s %v", m.ClientID, m.Assignment[topic])
	}
	w.checkChain()
	w.checkRows()
	w.checkLetters()
	w.checkMirror()
	w.checkStatus()
	w.checkReports()
	w.checkEvents()
}

// checkChain: the moves are a chain without hole and overlap, each of a kind that has a reason; the store's own history says the
// same, and its positions are where the chain ends (I3, I7, I10).
func (w *world) checkChain() {
	last := map[fencepost.TopicPartition]ledger.Position{}
	var moves []ledger.Move
	for _, e := range w.db.journal {
		for _, m := range e.moves {
			if was := last[m.TopicPartition]; was.Offset != m.Held.Offset || was.Fence != m.Held.Fence || was.Absent() != m.Held.Absent() {
				w.broken("%s moves %s from %+v, and the move before left %+v", e.who, m.TopicPartition, m.Held, was)
			}
			last[m.TopicPartition] = m.Next
			moves = append(moves, m)
			w.checkMove(e.who, m)
		}
	}
	snap, err := w.db.Read(context.Background(), group)
	if err != nil {
		w.broken("read ledger: %v", err)
	}
	if !maps.Equal(snap.Positions, last) {
		w.broken("the ledger holds %v, and the moves end at %v", snap.Positions, last)
	}
	var kept []ledger.Recorded
	for r, err := range w.db.Moves(context.Background(), group) {
		if err != nil {
			w.broken("read history: %v", err)
		}
		kept = append(kept, r)
	}
	if err := sinktest.Proof(kept, snap); err != nil {
		w.broken("the history does not prove the positions: %v", err)
	}
	if !slices.EqualFunc(kept, moves, func(r ledger.Recorded, m ledger.Move) bool { return r.Move == m }) {
		w.broken("the history has %d moves, and %d were made, or others", len(kept), len(moves))
	}
	if n := snap.Topics[topic].Partitions; n != w.plan.Partitions {
		w.broken("the ledger counts %d partitions, and there are %d", n, w.plan.Partitions)
	}
}

// checkMove: a worker commits, starts at the beginning, and passes records only that are deleted.
func (w *world) checkMove(who string, m ledger.Move) {
	earliest := w.log.earliest[of(m.TopicPartition, m.Next)]
	other := m.Held.TopicID != m.Next.TopicID
	switch {
	case !w.log.ids[m.Next.TopicID], other && !m.Held.Absent() && m.Cause != ledger.CauseStart:
		w.broken("%s: a position of another topic: %+v", who, m)
	case who == "operator":
	case m.Cause == ledger.CauseCommit && m.Next.Offset > m.Held.Offset:
	case m.Cause == ledger.CauseStart && (m.Held.Absent() || other) && m.Next.Offset <= earliest:
	case m.Cause == ledger.CauseGap && m.Next.Offset <= earliest && m.AtMost == int64(m.Next.Offset-m.Held.Offset) && m.AtMost > 0:
	default:
		w.broken("%s makes a move without a reason: %s, at most %d, earliest %d", who, m, m.AtMost, earliest)
	}
}

// checkRows: the rows of each partition are, in order, the records of the ranges that were committed, and no others (I1, I2, I4, I5, I9).
func (w *world) checkRows() {
	got := map[fencepost.TopicPartition][]string{}
	for _, r := range w.db.Rows() {
		got[r.TopicPartition] = append(got[r.TopicPartition], fmt.Sprintf("%d:%v", r.Offset, r.Values[0]))
	}
	want := map[fencepost.TopicPartition][]string{}
	for _, e := range w.db.journal {
		for _, m := range e.moves {
			if m.Cause != ledger.CauseCommit {
				continue
			}
			offsets, ids := w.log.between(of(m.TopicPartition, m.Next), fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset})
			for i, id := range ids {
				if !undecodable(id) && !refusable(id) {
					want[m.TopicPartition] = append(want[m.TopicPartition], fmt.Sprintf("%d:%d", offsets[i], id))
				}
			}
		}
	}
	for p := range w.plan.Partitions {
		if i, differ := firstDifference(got[tp(p)], want[tp(p)]); differ {
			w.broken("rows of partition %d: %d, want %d; from the row %d on they are %v, want %v", p, len(got[tp(p)]), len(want[tp(p)]), i,
				few(got[tp(p)], i), few(want[tp(p)], i))
		}
	}
}

func firstDifference(a, b []string) (int, bool) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i, true
		}
	}
	return min(len(a), len(b)), len(a) != len(b)
}

func few(all []string, from int) []string { return all[from:min(len(all), from+5)] }

// checkLetters: each bad record of a committed range is kept as it was read, once, and no other.
func (w *world) checkLetters() {
	want := map[string]string{}
	if w.plan.Bad == engine.DeadLetter {
		for _, e := range w.db.journal {
			for _, m := range e.moves {
				if m.Cause == ledger.CauseCommit {
					w.lettersOf(m, want)
				}
			}
		}
	}
	got := map[string]string{}
	for l, err := range w.db.Letters(context.Background(), group) {
		if err != nil {
			w.broken("read letters: %v", err)
		}
		got[fmt.Sprint(l.Partition, "@", l.Offset, l.TopicID)] = string(l.Value)
	}
	if !maps.Equal(got, want) {
		w.broken("dead letters: %v, want %v", got, want)
	}
}

func (w *world) lettersOf(m ledger.Move, into map[string]string) {
	offsets, ids := w.log.between(of(m.TopicPartition, m.Next), fencepost.OffsetRange{From: m.Held.Offset, Until: m.Next.Offset})
	for i, id := range ids {
		if undecodable(id) || refusable(id) {
			into[fmt.Sprint(m.Partition, "@", offsets[i], m.Next.TopicID)] = string(value(id))
		}
	}
}

// checkMirror: the Kafka group's offsets are those of the ledger, whoever committed last. Where a person moved a position at the store, the next
// commit mirrors it.
func (w *world) checkMirror() {
	info := w.cluster.GroupInfo(string(group))
	snap, _ := w.db.Read(context.Background(), group) // the journal was compared with it already
	last := map[fencepost.TopicPartition]string{}     // :: partition -> who moved it last
	for _, e := range w.db.journal {
		for _, m := range e.moves {
			last[m.TopicPartition] = e.who
		}
	}
	for at, held := range snap.Positions {
		c, there := info.Commits[topic][at.Partition]
		if there && last[at] != "operator" && fencepost.Offset(c.Offset) != held.Offset {
			w.late("the group's offset of %d is %d, and the ledger's %d", at.Partition, c.Offset, held.Offset)
		}
	}
}

// checkStatus: the workers know that they hold everything, that all of it runs, and that nothing is left.
func (w *world) checkStatus() {
	running := 0
	for _, k := range w.live() {
		s := k.engine.Status()
		running += s.Running
		if s.Lag != 0 || s.Parked+s.Waiting+s.Blocked+s.Unknown > 0 || s.Silent || s.Outside {
			w.late("%s says of itself, after all was applied: %+v", k.name, s)
		}
	}
	if running != int(w.plan.Partitions) {
		w.late("%d partitions run, want %d", running, w.plan.Partitions)
	}
}

// checkReports: nothing is said to stand still where it is.
func (w *world) checkReports() {
	known, err := ledger.ReadReports(context.Background(), w.db, group)
	if err != nil {
		w.broken("read reports: %v", err)
	}
	snap, err := w.db.Read(context.Background(), group)
	if err != nil {
		w.broken("read ledger: %v", err)
	}
	for at, r := range known.Reports {
		if !r.Current(snap.Positions[at]) {
			continue
		}
		w.late("the ledger says that partition %d stands still: %s %s %s, of %s", at.Partition, r.Halt, r.Code, r.Reason, r.Who)
	}
}

// checkEvents: what a worker says that it committed was committed by it; where the answer was lost, by it or by others, in one commit or in several. And it says so
// of each commit of which it got the answer, once, unless it was killed. A restored database has forgotten some of it.
func (w *world) checkEvents() {
	if w.plan.has("restore") {
		return
	}
	passed, by, heard := map[string]bool{}, map[string]int{}, map[string]int{}
	for _, e := range w.db.journal {
		for _, m := range e.moves {
			name := fmt.Sprint(m.TopicPartition, m.Held.Offset, m.Next.Offset)
			passed[fmt.Sprint(m.TopicPartition, m.Next.Offset)] = true
			by[e.who+name]++
			if e.heard && m.Cause == ledger.CauseCommit {
				heard[e.who+name]++
			}
		}
	}
	for _, k := range w.workers {
		k.mu.Lock()
		for _, r := range k.mu.committed {
			name := fmt.Sprint(r.TopicPartition, r.From, r.Until)
			heard[k.name+name]--
			if by[k.name+name]--; by[k.name+name] < 0 && !(r.recovered && passed[fmt.Sprint(r.TopicPartition, r.Until)]) {
				w.broken("%s says that it committed %s %s, and it did not, or says so twice", k.name, r.TopicPartition, r.OffsetRange)
			}
		}
		k.mu.Unlock()
	}
	killed := map[string]bool{}
	for _, k := range w.workers {
		killed[k.name] = k.host.gone()
	}
	for _, e := range w.db.journal {
		for _, m := range e.moves {
			if name := e.who + fmt.Sprint(m.TopicPartition, m.Held.Offset, m.Next.Offset); m.Cause == ledger.CauseCommit && !killed[e.who] && heard[name] > 0 {
				w.broken("%s committed %s %d to %d, was told so, and does not say it", e.who, m.TopicPartition, m.Held.Offset, m.Next.Offset)
			}
		}
	}
}

// checkRefusal: a worker is refused for what another has done since the ledger was where this one took the partition up, or for a change of
// its own whose answer it did not get, or that was under way then; never for what it knows.
func (w *world) checkRefusal(k *worker, ev engine.Refused) {
	up, sent := k.tookUp(ev.TopicPartition, ev.Offset)
	if ev.Unknown || sent <= up.at {
		return // it is of a commit whose answer was lost, or that was under way when the worker took the partition up
	}
	w.db.applying.Lock()
	excused := w.db.restored
	for _, e := range w.db.journal {
		i := slices.IndexFunc(e.moves, func(m ledger.Move) bool { return m.TopicPartition == ev.TopicPartition })
		switch {
		case i < 0:
		case e.at <= up.at && e.moves[i].Next.Offset == up.offset && e.moves[i].Held.Offset != up.offset:
			excused = w.db.restored // it was taken up behind this move, or behind a later one
		default:
			excused = excused || e.who != k.name || !e.heard || e.began <= up.at
		}
	}
	w.db.applying.Unlock()
	if !excused {
		w.broken("%s is refused %s at %d, where the ledger holds %d, and it alone has moved it from %d", k.name, ev.TopicPartition, ev.Offset, ev.Held.Offset, up.offset)
	}
}

// checkWentBack: a ledger is said to have gone back where it has.
func (w *world) checkWentBack(k *worker, ev engine.SinkWentBack) {
	w.db.applying.Lock()
	restored := w.db.restored
	w.db.applying.Unlock()
	if !restored {
		w.broken("%s says that the ledger went back from %d to %d in %s, and it did not", k.name, ev.From, ev.To, ev.TopicPartition)
	}
}

// takenOver is the longest that the partitions of a dead worker may stand still where its sign of life ends with it.
const takenOver = 1500 * time.Millisecond

// checkTakeover kills a worker when all is quiet. The others have its partitions before its session ends.
func (w *world) checkTakeover() {
	live := w.live()
	if w.plan.Silent || len(live) < 2 || w.behind() != "" {
		return
	}
	w.kill(live[w.dice.below(len(live))])
	w.log.produceEach()
	began := time.Now()
	for w.behind() != "" && time.Since(began) < settled {
		time.Sleep(20 * time.Millisecond)
	}
	if took := time.Since(began); took > takenOver {
		w.late("the partitions of a dead worker stood still for %s", took)
	}
}
