package admin

import (
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
)

// Difference is two looks side by side.
type Difference struct {
	Lines                      []Twofold // in partition order: what at least one has a position of
	Equal, Apart, OnlyA, OnlyB int
}

// Twofold is one partition as A and as B have it; nil: it has no position of it.
type Twofold struct {
	fencepost.TopicPartition
	A, B *Standing
}

// Apart is A - B; 0 where only one has a position.
func (t Twofold) Apart() int64 {
	if t.A == nil || t.B == nil {
		return 0
	}
	return int64(t.A.Position.Offset - t.B.Position.Offset)
}

// LogOffsets is the brokers' last answer.
func (t Twofold) LogOffsets() fencepost.LogOffsets {
	if t.B != nil {
		return t.B.Bounds
	}
	return t.A.Bounds
}

// Diff compares two looks at the same cluster. REQUIRES: both were made with its brokers.
func Diff(a, b View, sel Selection) (d Difference, err error) {
	lines := map[fencepost.TopicPartition]*Twofold{}
	side := func(v View, put func(*Twofold, *Standing)) {
		for i := range v.Standings {
			s := &v.Standings[i]
			if s.Position.Absent() || !sel.Has(s.TopicPartition) {
				continue
			}
			if lines[s.TopicPartition] == nil {
				lines[s.TopicPartition] = &Twofold{TopicPartition: s.TopicPartition}
			}
			put(lines[s.TopicPartition], s)
		}
	}
	side(a, func(t *Twofold, s *Standing) { t.A = s })
	side(b, func(t *Twofold, s *Standing) { t.B = s })
	if len(lines) == 0 {
		return d, nothing("neither A nor B has a position of what was chosen")
	}
	for _, tp := range slices.SortedFunc(maps.Keys(lines), fencepost.TopicPartition.Compare) {
		t := *lines[tp]
		d.Lines = append(d.Lines, t)
		switch {
		case t.B == nil:
			d.OnlyA++
		case t.A == nil:
			d.OnlyB++
		case t.Apart() != 0:
			d.Apart++
		default:
			d.Equal++
		}
	}
	return d, nil
}
