package watch

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/view"
)

const (
	rateSpan = 60 * time.Second // that a rate is of
	rateStep = 5 * time.Second  // between samples; a rate of less is not known
)

// sample is where the partitions were at one time.
type sample struct {
	at    time.Time
	marks map[fencepost.TopicPartition]mark
}

// mark is a position and an end; below 0: not known.
type mark struct{ position, end fencepost.Offset }

// Pace is how fast records are applied and written, a second. Below 0: not known.
type Pace struct{ Applied, Written float64 }

// paces remembers the samples of the last minute.
type paces struct{ samples []sample }

// add takes a look in, unless the last sample is newer than a step.
func (p *paces) add(now view.Positions) {
	at := now.Time.Time
	if n := len(p.samples); n > 0 && at.Sub(p.samples[n-1].at) < rateStep {
		return
	}
	s := sample{at, make(map[fencepost.TopicPartition]mark, len(now.Positions))}
	for _, one := range now.Positions {
		m := mark{-1, -1}
		if one.Position != nil {
			m.position = one.Position.Offset
		}
		if one.Bounds != nil {
			m.end = one.Bounds.End
		}
		s.marks[fencepost.TopicPartition{Topic: one.Topic, Partition: one.Partition}] = m
	}
	p.samples = append(p.samples, s)
	for len(p.samples) > 1 && at.Sub(p.samples[0].at) > rateSpan {
		p.samples = p.samples[1:]
	}
}

// of is the pace of one partition over the samples. A position that went back is no negative work, and neither is an end.
func (p *paces) of(tp fencepost.TopicPartition) Pace {
	out := Pace{-1, -1}
	if len(p.samples) < 2 {
		return out
	}
	for _, side := range []struct {
		pick func(mark) fencepost.Offset
		into *float64
	}{
		{func(m mark) fencepost.Offset { return m.position }, &out.Applied},
		{func(m mark) fencepost.Offset { return m.end }, &out.Written},
	} {
		last, since, until := fencepost.Offset(-1), time.Time{}, time.Time{}
		var sum fencepost.Offset
		for _, s := range p.samples {
			m, ok := s.marks[tp]
			if !ok || side.pick(m) < 0 {
				continue
			}
			if last < 0 {
				since = s.at
			} else {
				sum += max(0, side.pick(m)-last)
			}
			last, until = side.pick(m), s.at
		}
		if span := until.Sub(since); span >= rateStep {
			*side.into = float64(sum) / span.Seconds()
		}
	}
	return out
}

// Plus adds a partition's pace; what is not known of one is not known of the sum.
func (a Pace) Plus(b Pace) Pace {
	add := func(x, y float64) float64 {
		if x < 0 || y < 0 {
			return -1
		}
		return x + y
	}
	return Pace{add(a.Applied, b.Applied), add(a.Written, b.Written)}
}
