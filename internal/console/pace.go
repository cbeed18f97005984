package console

import (
	"time"

	"github.com/fencepost/fencepost/internal/text"
)

// pace is how fast records are applied, over about the last five seconds.
type pace struct {
	seen []sighting
}

type sighting struct {
	at      time.Time
	records int64
}

const window = 5 * time.Second

// see takes a count as of a moment.
func (p *pace) see(at time.Time, records int64) {
	p.seen = append(p.seen, sighting{at, records})
	for len(p.seen) > 2 && at.Sub(p.seen[1].at) >= window {
		p.seen = p.seen[1:]
	}
}

// over is what was seen over how long.
func (p *pace) over() (int64, time.Duration) {
	if len(p.seen) < 2 {
		return 0, 0
	}
	first, last := p.seen[0], p.seen[len(p.seen)-1]
	return last.records - first.records, last.at.Sub(first.at)
}

// String is the pace for people.
func (p *pace) String() string { return text.Rate(p.over()) }

// left says how long n more records take at this pace; empty if that is not known.
func (p *pace) left(n int64) string {
	done, took := p.over()
	if done <= 0 || n <= 0 {
		return ""
	}
	return text.Duration(time.Duration(float64(took)*float64(n)/float64(done))) + " left"
}
