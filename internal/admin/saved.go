package admin

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// saved is a plan as a file holds it, in the names of -o json.
type saved struct {
	Format    int         `json:"format"`
	Command   string      `json:"command"`
	Group     string      `json:"group"`
	Ledger    string      `json:"ledger_id"`
	ClusterID string      `json:"cluster_id"`
	Made      time.Time   `json:"time"`
	Stay      int         `json:"stay"`
	Lines     []savedLine `json:"moves"`
}

type savedLine struct {
	Topic      string        `json:"topic"`
	Partition  int32         `json:"partition"`
	Cause      string        `json:"cause"`
	Held       savedPosition `json:"held"`
	Next       savedPosition `json:"next"`
	Repeats    int64         `json:"repeats"`
	Dense      bool          `json:"repeats_exact,omitempty"`
	AtMost     int64         `json:"loses_at_most"` // -1: unknown
	Partitions int32         `json:"topic_partitions,omitempty"`
	Why        string        `json:"why,omitempty"`
}

// savedPosition is a Position; all zero: absent. The fence is 16 hexadecimal digits, as JSON readers round 63 bits.
type savedPosition struct {
	Offset      int64  `json:"offset"`
	LeaderEpoch int32  `json:"leader_epoch"`
	Fence       string `json:"fence,omitempty"`
	TopicID     string `json:"topic_id"`
}

// Encode is the plan as a file: carried out later, it is exactly this, or refused.
func (p *Plan) Encode() []byte {
	s := saved{Format: 1, Command: "offsets set", Group: string(p.Group), Ledger: p.Ledger.String(), ClusterID: p.ClusterID, Made: p.Made.UTC(), Stay: p.Stay}
	for _, l := range p.Lines {
		s.Lines = append(s.Lines, savedLine{Topic: l.Topic, Partition: l.Partition, Cause: l.Cause.String(), Held: savePosition(l.Held),
			Next: savePosition(l.Next), Repeats: l.Repeats, Dense: l.Dense, AtMost: l.AtMost, Partitions: l.Partitions, Why: l.Why})
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		panic(err) // a struct of ours
	}
	return append(text, '\n')
}

func savePosition(p ledger.Position) savedPosition {
	out := savedPosition{Offset: int64(p.Offset), LeaderEpoch: int32(p.LeaderEpoch), TopicID: p.TopicID.String()}
	if p.Fence != 0 {
		out.Fence = p.Fence.String()
	}
	return out
}

func (s savedPosition) position() (ledger.Position, error) {
	p := ledger.Position{Offset: fencepost.Offset(s.Offset), LeaderEpoch: fencepost.LeaderEpoch(s.LeaderEpoch)}
	if s.Fence != "" {
		n, err := strconv.ParseInt(s.Fence, 16, 64)
		if err != nil || len(s.Fence) != 16 || n <= 0 {
			return p, fmt.Errorf("fence %q is not 16 hexadecimal digits", s.Fence)
		}
		p.Fence = ledger.Fence(n)
	}
	var err error
	p.TopicID, err = fencepost.ParseTopicID(s.TopicID)
	return p, err
}

// DecodePlan reads what Encode wrote.
//
// Errors: *fencepost.UserError plan-damaged.
func DecodePlan(data []byte) (*Plan, error) {
	var s saved
	err := json.Unmarshal(data, &s)
	if err == nil && (s.Format != 1 || s.Command != "offsets set") {
		err = errors.New("it is no plan of format 1 of offsets set")
	}
	p := &Plan{Group: fencepost.Group(s.Group), ClusterID: s.ClusterID, Made: s.Made.Local(), Stay: s.Stay, Exact: true}
	if err == nil {
		err = p.decodeLines(s)
	}
	if err != nil {
		return nil, &fencepost.UserError{Code: "plan-damaged", Exit: 2, Err: fmt.Errorf("the plan can not be read: %w; nothing was changed", err),
			Help: "make it anew with --plan-out"}
	}
	return p, nil
}

func (p *Plan) decodeLines(s saved) error {
	id, err := hex.DecodeString(s.Ledger)
	if err != nil || len(id) != len(p.Ledger) {
		return fmt.Errorf("ledger_id %q is not 32 hexadecimal digits", s.Ledger)
	}
	p.Ledger = fencepost.LedgerID(id)
	for _, l := range s.Lines {
		line := Line{TopicPartition: fencepost.TopicPartition{Topic: l.Topic, Partition: l.Partition}, Repeats: l.Repeats, Dense: l.Dense, AtMost: l.AtMost,
			Partitions: l.Partitions, Why: l.Why}
		var err1, err2, err3 error
		line.Cause, err1 = ledger.ParseCause(l.Cause)
		line.Held, err2 = l.Held.position()
		line.Next, err3 = l.Next.position()
		check := ledger.Move{TopicPartition: line.TopicPartition, Held: line.Held, Next: line.Next, Cause: line.Cause}
		check.Next.Fence = line.Held.Fence ^ 1 | 1<<62
		if err := errors.Join(err1, err2, err3); err != nil {
			return fmt.Errorf("%s: %w", line.TopicPartition, err)
		}
		if err := check.Validate(); err != nil || line.Cause == ledger.CauseCommit {
			return fmt.Errorf("%s: not a move that an operator makes: %v", line.TopicPartition, err)
		}
		p.Lines = append(p.Lines, line)
	}
	return nil
}

// Recheck compares a saved plan with the group as it is now: the same ledger, and every target still in the log.
//
// Errors: *fencepost.UserError plan-stale, out-of-bounds, set-refused.
func (p *Plan) Recheck(v View) error {
	if p.Group != v.Group || p.Ledger != v.Snapshot.Ledger || v.Foreign && p.ClusterID != v.About.ClusterID {
		return &fencepost.UserError{Code: "plan-stale", Exit: 4, Help: "name the pipeline file that the plan was made for",
			Err: fmt.Errorf("the plan is for group %s in ledger %s, this is %s in %s; nothing was changed", p.Group, p.Ledger.Short(), v.Group, v.Snapshot.Ledger.Short())}
	}
	standing := map[fencepost.TopicPartition]Standing{}
	for _, s := range v.Standings {
		standing[s.TopicPartition] = s
	}
	p.Left = v.Left
	var bad []outside
	held := &ledger.Refused{Held: map[fencepost.TopicPartition]ledger.Position{}}
	for i := range p.Lines {
		l := &p.Lines[i]
		s, ok := standing[l.TopicPartition]
		if !ok || !s.Position.Holds(l.Held) {
			held.Held[l.TopicPartition] = s.Position
			continue
		}
		fresh, err := newLine(s, v, Selection{})
		if err != nil {
			return err
		}
		l.earliest, l.end, l.verdict, l.diverged, l.left, l.mends = fresh.earliest, fresh.end, fresh.verdict, fresh.diverged, fresh.left, fresh.mends
		if wants, ok := fresh.aim(offsetOf(l.Next.Offset), false, 0); !ok {
			bad = append(bad, wants)
		}
	}
	switch {
	case len(held.Held) > 0:
		return p.stale(held)
	case len(bad) > 0:
		return outOfBounds(bad, len(p.Lines))
	}
	return nil
}
