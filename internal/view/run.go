package view

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/text"
)

// Run is what a worker answers of itself while it runs.
type Run struct {
	Head
	Time      Instant         `json:"time"`
	Group     fencepost.Group `json:"group"`
	Worker    string          `json:"worker"`
	Since     Instant         `json:"since"` // when it was started
	Topics    string          `json:"topics"`
	Into      string          `json:"into"`
	Promise   string          `json:"promise"`
	Phase     string          `json:"phase"` // starting, running, stopping, ended
	Live      bool            `json:"live"`
	Ready     bool            `json:"ready"`
	Reasons   []Reason        `json:"reasons"` // why it is not ready
	Totals    Totals          `json:"totals"`  // of the partitions that it holds
	LagTime   Age             `json:"lag_seconds"`
	Work      Work            `json:"work"`
	Positions []RunPosition   `json:"positions"` // that it holds, in partition order
}

// Runs are those of the pipelines of one process.
type Runs struct {
	Head
	Time Instant `json:"time"`
	Runs []Run   `json:"runs"`
}

// NewRuns makes a Runs.
func NewRuns(now time.Time, runs []Run) Runs { return Runs{head("run"), Instant{Time: now}, runs} }

// Work is what a worker has done since it was started.
type Work struct {
	Records     int64 `json:"records"`
	Commits     int64 `json:"commits"`
	Bytes       int64 `json:"bytes"`
	Gaps        int64 `json:"gaps"`
	Skipped     int64 `json:"skipped"`
	DeadLetters int64 `json:"dead_letters"`
	CommitP50   Age   `json:"commit_p50_seconds"`
}

func work(s engine.Status) Work {
	w := Work{Records: s.Records, Commits: s.Commits, Bytes: s.Bytes, Gaps: s.Gaps, Skipped: s.Skipped, DeadLetters: s.Letters, CommitP50: -1}
	if s.Commits > 0 {
		w.CommitP50 = Age(s.CommitP50)
	}
	return w
}

// RunPosition is one partition that a worker holds. Its names are those of a Standing, and mean the same.
type RunPosition struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Position  *Position `json:"position"`
	Lag       Number    `json:"lag"`
	State     Word      `json:"state"`
	Code      Word      `json:"code"`
	Reason    Word      `json:"reason"`
	Since     Instant   `json:"since"`
}

// Reason is why a worker is not ready.
type Reason struct {
	Group      fencepost.Group `json:"group"`
	State      string          `json:"state"` // of partitions, as offsets show says it; starting or stopping, of the worker
	Code       Word            `json:"code"`
	Reason     Word            `json:"reason"`
	Since      Instant         `json:"since"`      // of the first of them
	Partitions []string        `json:"partitions"` // trips:0-3; none where it is about the worker
}

// Readiness is whether a worker does its part.
type Readiness struct {
	Head
	Ready   bool     `json:"ready"`
	Reasons []Reason `json:"reasons"`
}

// NewReadiness makes a Readiness.
func NewReadiness(reasons []Reason) Readiness {
	return Readiness{head("run"), len(reasons) == 0, append([]Reason{}, reasons...)}
}

// Codes is Readiness without data: the codes alone, or the state where there is none.
type Codes struct {
	Ready bool     `json:"ready"`
	Codes []string `json:"codes"`
}

// Codes are the codes of the reasons, each once.
func (r Readiness) Codes() Codes {
	codes, seen := []string{}, map[string]bool{}
	for _, one := range r.Reasons {
		code := string(one.Code)
		if code == "" {
			code = one.State
		}
		if !seen[code] {
			seen[code], codes = true, append(codes, code)
		}
	}
	return Codes{r.Ready, codes}
}

// Liveness is whether a worker's loops turn.
type Liveness struct {
	Head
	Live  bool    `json:"live"`
	Stuck []Stuck `json:"stuck"`
}

// Stuck is a loop that does not.
type Stuck struct {
	Group fencepost.Group `json:"group"`
	What  string          `json:"what"`
	For   Age             `json:"seconds"`
}

// NewLiveness makes a Liveness of a process without workers.
func NewLiveness() Liveness { return Liveness{head("run"), true, []Stuck{}} }

// Add adds the loops of a worker that do not turn.
func (l *Liveness) Add(group fencepost.Group, stuck []engine.Stuck) {
	for _, s := range stuck {
		l.Live = false
		l.Stuck = append(l.Stuck, Stuck{group, s.What, Age(s.For)})
	}
}

// NewRun makes the answer of a worker from what its engine says; the caller adds what concerns the pipeline.
func NewRun(s engine.Status, parts []engine.PartitionStatus) Run {
	r := Run{Head: head("run"), LagTime: -1, Positions: make([]RunPosition, 0, len(parts)), Work: work(s)}
	for _, p := range parts {
		one := RunPosition{Topic: p.Topic, Partition: p.Partition, Position: position(p.Position), Lag: Number(p.Lag), State: Word(p.State()),
			Code: Word(p.Report.Code), Reason: Word(p.Report.Reason), Since: Instant{p.Report.Since}}
		r.Positions = append(r.Positions, one)
		r.Totals.add(one)
	}
	return r
}

// add counts a position.
func (t *Totals) add(p RunPosition) {
	counts := map[Word]*int{"running": &t.Running, "idle": &t.Idle, "waiting": &t.Waiting, "blocked": &t.Blocked, "parked": &t.Parked, "retrying": &t.Retrying}
	t.Partitions++
	if n := counts[p.State]; n != nil {
		*n++
	}
	if t.Lag += max(0, int64(p.Lag)); p.Lag < 0 {
		t.LagUnknown++
		t.AtLeast = true
	}
}

// Reasons are why partitions stand still; those of which the same is said are named together.
func Reasons(parts []engine.PartitionStatus) (list []Reason) {
	type same struct{ state, code, reason string }
	at, of := map[same]int{}, [][]engine.PartitionStatus{}
	for _, p := range parts {
		key := same{p.State(), p.Report.Code, p.Report.Reason}
		if key.state == "idle" || key.state == "running" {
			continue
		}
		if p.Report.Halt == "" {
			key.reason = "its position is being compared with the log"
		}
		i, seen := at[key]
		if !seen {
			i = len(list)
			at[key], of = i, append(of, nil)
			list = append(list, Reason{State: key.state, Code: Word(key.code), Reason: Word(key.reason), Since: Instant{p.Report.Since}})
		}
		of[i] = append(of[i], p)
		if since := p.Report.Since; since.Before(list[i].Since.Time) {
			list[i].Since = Instant{since}
		}
	}
	for i, all := range of {
		list[i].Partitions = text.Spans(len(all), func(n int) (string, int32) { return all[n].Topic, all[n].Partition })
	}
	return list
}
