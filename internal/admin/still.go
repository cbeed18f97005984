package admin

import (
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Still reports whether a plan that somebody has looked at is true yet: the same ledger, each position where it was, the same verdict of
// it, and each target in the log. Of a plan that is not Exact, workers may have committed meanwhile: Execute follows them. The plan is not
// changed by it, so that what is carried out passes no more than was looked at.
//
// Errors: *fencepost.UserError plan-stale, out-of-bounds, set-refused.
func (p *Plan) Still(v View) error {
	if p.Group != v.Group || p.Ledger != v.Snapshot.Ledger || p.ClusterID != v.About.ClusterID {
		return &fencepost.UserError{Code: "plan-stale", Exit: 4, Help: "make the plan anew",
			Err: fmt.Errorf("the plan is for ledger %s, and this is %s; nothing was changed", p.Ledger.Short(), v.Snapshot.Ledger.Short())}
	}
	held := &ledger.Refused{Held: map[fencepost.TopicPartition]ledger.Position{}}
	at := map[fencepost.TopicPartition]Standing{}
	for _, s := range v.Standings {
		at[s.TopicPartition] = s
	}
	for _, l := range p.Lines {
		if s := at[l.TopicPartition]; !s.Position.Holds(l.Held) {
			held.Held[l.TopicPartition] = s.Position
		}
	}
	if len(held.Held) > 0 && (p.Exact || !p.follow(held)) {
		return p.stale(held)
	}
	var bad []outside
	for _, l := range p.Lines {
		if p.Exact { // of a repair: what the verdicts are now, PlanRepair says
			continue
		}
		s := at[l.TopicPartition]
		if s.Decision.Verdict != l.verdict {
			return &fencepost.UserError{Code: "plan-stale", Exit: 4, Help: "make the plan anew",
				Err: fmt.Errorf("%s: the verdict is %s, and was %s; nothing was changed", l.TopicPartition, s.Decision.Verdict, l.verdict)}
		}
		fresh, err := newLine(s, v, Selection{})
		if err != nil {
			return err
		}
		if wants, ok := fresh.aim(offsetOf(l.Next.Offset), false, 0); !ok {
			bad = append(bad, wants)
		}
	}
	if len(bad) > 0 {
		return outOfBounds(bad, len(p.Lines))
	}
	return nil
}

// MovedSince is one partition of a plan that somebody else has moved, as it is now.
type MovedSince struct {
	Was Line
	Now Standing
}

// MovedSince lists the partitions of the plan that were moved since it was made, but by commits of a worker that Execute would follow.
func (p *Plan) MovedSince(v View) (list []MovedSince) {
	for _, s := range v.Standings {
		for _, l := range p.Lines {
			if l.TopicPartition == s.TopicPartition && !s.Position.Holds(l.Held) && (p.Exact || s.Position.Fence != l.Held.Fence) {
				list = append(list, MovedSince{l, s})
			}
		}
	}
	return list
}

// SameMoves reports whether another plan moves the same partitions from and to the same offsets, at the same price.
func (p *Plan) SameMoves(other *Plan) bool {
	return slices.EqualFunc(p.Lines, other.Lines, func(a, b Line) bool {
		return a.TopicPartition == b.TopicPartition && a.Held == b.Held && a.Next == b.Next && a.Cause == b.Cause && a.AtMost == b.AtMost
	})
}
