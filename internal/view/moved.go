package view

import (
	"fmt"
	"time"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// MovedSince says of each partition of a plan that was moved since it was made, who moved it:
// "trips:7 was at 204,394,798, now 204,394,799 (skip by oncall@ui, 8s ago: INC-4412)".
func MovedSince(p *admin.Plan, v admin.View, now time.Time) (lines []string) {
	for _, one := range p.MovedSince(v) {
		s := one.Now
		line := fmt.Sprintf("%s was %s, now %s", s.TopicPartition, stoodAt(one.Was.Held), stoodAt(s.Position))
		by := s.Last
		if s.Moved != nil && s.Moved.Next.Fence == s.Position.Fence {
			by = s.Moved
		}
		if by != nil {
			line += fmt.Sprintf(" (%s by %s, %s ago", by.Cause, by.Who, Age(max(0, now.Sub(by.At)).Truncate(time.Second)))
			if why := by.Reason(); why != "" {
				line += ": " + why
			}
			line += ")"
		}
		lines = append(lines, screen.Printable(line))
	}
	return lines
}

func stoodAt(p ledger.Position) string {
	if p.Absent() {
		return "absent"
	}
	return "at " + text.Count(p.Offset)
}
