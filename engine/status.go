package engine

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/assignment"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// stats counts what the run has done.
type stats struct {
	mu struct {
		sync.Mutex
		records, commits, bytes, gaps int64
		skipped, letters              int64
		took                          [64]time.Duration // of the last commits
	}
}

func (s *stats) committed(c Committed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.took[s.mu.commits%int64(len(s.mu.took))] = c.Took
	s.mu.records += int64(c.Records)
	s.mu.bytes += c.Bytes
	s.mu.commits++
}

func (s *stats) passed(p Passed) {
	skipped, letters := p.Counts()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.skipped += int64(skipped)
	s.mu.letters += int64(letters)
}

func (s *stats) moved(moves []ledger.Move) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range moves {
		if m.AtMost != 0 {
			s.mu.gaps++
		}
	}
}

// Status is what the run has done so far, and the state of its partitions now. Before the group is joined it is zero; after
// the run no partition is held.
func (e *Engine) Status() (st Status) {
	select {
	case <-e.opened:
	default:
		return st
	}
	e.stats.mu.Lock()
	st.Records, st.Commits, st.Bytes, st.Gaps = e.stats.mu.records, e.stats.mu.commits, e.stats.mu.bytes, e.stats.mu.gaps
	st.Skipped, st.Letters = e.stats.mu.skipped, e.stats.mu.letters
	st.Queued = e.poller.queued()
	took := slices.Clone(e.stats.mu.took[:min(e.stats.mu.commits, int64(len(e.stats.mu.took)))])
	e.stats.mu.Unlock()
	if len(took) > 0 {
		slices.Sort(took)
		st.CommitP50 = took[len(took)/2]
	}
	worst := int64(0)
	st.Silent = e.silence.silent()
	if brokers, able := e.cluster.(source.Reachability); able {
		st.Outside = !brokers.Member() && !e.isEnded() // a run that has reached its end before it joined is not behind
	}
	for p := range e.every {
		st.count(p)
		if lag := p.Lag(); p.InLog() && lag > 0 {
			st.Lag += lag
			if lag > worst && p.NewestAt() > 0 {
				worst, st.Oldest = lag, time.UnixMilli(p.NewestAt())
			}
		}
		if base, end := p.Base(), p.End(); end >= 0 && base >= 0 {
			st.Done += int64(min(p.Done().Offset, end) - min(base, end))
			st.Total += int64(end - min(base, end))
		}
	}
	return st
}

// count adds a partition to the state that it is in. REQUIRES: its lane's mutex is held.
func (st *Status) count(p *partition) {
	switch {
	case p.State() == assignment.Parked || p.Probing():
		st.Parked++
	case !p.Runs() || p.Silent() || p.Held():
		st.Waiting++
	case p.IsBlocked():
		st.Blocked++
	default:
		st.Running++
	}
	if !p.LagKnown() {
		st.Unknown++
	}
}

// PartitionStatus is one held partition: where it is, and why it stands still if it does.
type PartitionStatus struct {
	fencepost.TopicPartition
	Position ledger.Position // committed; absent: not known yet
	Lag      int64           // HighWatermark - Offset, as far as the run's end; -1: not known
	// What the brokers said last of its log; -1: nothing yet. Old where Lag is not known.
	LastStableOffset, HighWatermark fencepost.Offset
	Newest                          time.Time // timestamp of the newest record that this worker applied; zero: none yet
	Committed                       time.Time // when its last commit was known to be durable; zero: none yet
	Running                         bool      // it was reconciled, and its records are taken; one that is blocked or whose commit is tried again is Running too
	// Report is why it stands still, as it is kept in the ledger for others. Without a Halt: it does not, as far as is known.
	Report ledger.Report
}

// State is what the partition does, in one word: running, idle (nothing is unread), or why it stands still, as a ledger.Halt says it.
func (p PartitionStatus) State() string {
	switch {
	case p.Report.Halt != "":
		return string(p.Report.Halt)
	case !p.Running:
		return string(ledger.HaltWaiting)
	case p.Lag == 0:
		return "idle"
	}
	return "running"
}

// Partitions are the held partitions, in order. Before the group is joined, and after the run, there is none.
func (e *Engine) Partitions() (list []PartitionStatus) {
	select {
	case <-e.opened:
	default:
		return nil
	}
	silent, n, now := e.silence.silent(), e.reporter.news(), time.Now()
	for p := range e.every {
		one := PartitionStatus{TopicPartition: p.TopicPartition, Position: p.Done(), Lag: -1, Running: p.Runs(), Committed: p.DurableAt()}
		one.LastStableOffset, one.HighWatermark = p.Log()
		if at := p.NewestAt(); at > 0 {
			one.Newest = time.UnixMilli(at)
		}
		was := n.stood[p.TopicPartition]
		if s := n.stop(p, was); s.Halt != "" {
			one.Report = e.reporter.full(p.TopicPartition, p.Done(), s, now)
			if continues(was, one.Report) {
				one.Report.Since = was.Since
			}
		}
		if !silent && p.LagKnown() {
			one.Lag = p.Lag()
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b PartitionStatus) int { return a.TopicPartition.Compare(b.TopicPartition) })
	return list
}

// committed counts a batch, mirrors the positions that its moves leave, and reports it.
func (e *Engine) committed(c Committed, moves []ledger.Move) {
	e.stats.committed(c)
	for _, m := range e.mirrors {
		m.committed(moves)
	}
	e.emit(c)
	if e.cfg.Until.Set() {
		e.wakeMonitor()
	}
}

// parkedAt reports that a record parked its partition, once for as long as it is the same record. A test of it that fails
// again is not reported again.
func (e *Engine) parkedAt(p *partition, code string, at fencepost.Offset, reason string, facts map[string]string) {
	p.lane.mu.Lock()
	first := p.BadRecord(at)
	p.lane.mu.Unlock()
	if first {
		all := map[string]string{"record": fmt.Sprint(at), "watch": e.cfg.Watch.String()}
		maps.Copy(all, facts)
		e.emit(Parked{TopicPartition: p.TopicPartition, Code: code, Offset: at, Reason: reason, Facts: all})
	}
	e.wakeMonitor()
}
