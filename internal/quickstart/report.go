package quickstart

import (
	"time"

	"github.com/fencepost/fencepost/internal/flights"
)

// Report is what a quickstart found, for programs.
type Report struct {
	Format  int       `json:"format"` // 1
	Command string    `json:"command"`
	Proven  bool      `json:"proven"`
	Against []string  `json:"against"` // the findings against the proof; empty: proven
	Seed    uint64    `json:"seed"`
	Folder  string    `json:"folder"`
	TookMS  int64     `json:"took_ms"`
	Truth   Sums      `json:"truth"`
	Run     RunReport `json:"run"`
	Control RunReport `json:"control"`
	Commits int64     `json:"commits"` // in the run's chain, one for each partition of a batch
	Broken  []string  `json:"broken"`  // holes and overlaps in it
	Exit    int       `json:"exit"`
}

// Sums is what was counted.
type Sums struct {
	Rows     int64 `json:"rows"`
	Delay    int64 `json:"delay"`
	Distance int64 `json:"distance"`
	Origins  int   `json:"origins"`
}

// RunReport is the run, or its control.
type RunReport struct {
	Sums
	Missing int64        `json:"missing"`
	Doubled int64        `json:"doubled"`
	Foreign int64        `json:"foreign"`
	Kills   []KillReport `json:"kills"`
}

// KillReport is one kill.
type KillReport struct {
	Worker int   `json:"worker"`
	PID    int   `json:"pid"`
	Rows   int64 `json:"rows"` // committed by then
	BackMS int64 `json:"back_ms"`
	Hit    bool  `json:"hit"` // the worker was at work
}

func (h *house) report(p *proof) Report {
	r := Report{Format: 1, Command: "quickstart", Against: append([]string{}, p.against()...), Seed: h.cfg.Seed, Folder: h.folder.path,
		TookMS: time.Since(h.story.began).Milliseconds(), Truth: sumsOf(p.truth), Run: runReport(p.run, p.kills),
		Control: runReport(p.control, p.controlKills), Commits: p.chain.commits, Broken: append([]string{}, p.chain.broken...)}
	if r.Proven = len(r.Against) == 0; !r.Proven {
		r.Exit = 3
	}
	return r
}

func sumsOf(t flights.Truth) Sums { return Sums{t.Rows, t.Delay, t.Distance, len(t.Origins)} }

func runReport(c count, kills []*kill) RunReport {
	r := RunReport{Sums: sumsOf(c.truth), Missing: c.rows.missing, Doubled: c.rows.doubled, Foreign: c.rows.foreign, Kills: []KillReport{}}
	for _, k := range kills {
		r.Kills = append(r.Kills, KillReport{k.worker, k.pid, k.rows, k.back.Milliseconds(), k.hit})
	}
	return r
}
