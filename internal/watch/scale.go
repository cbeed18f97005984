package watch

import (
	"math"
	"strconv"

	"github.com/fencepost/fencepost/internal/view"
)

// Scale is that of range bars: a place is the distance to the end of the log, so that bars of all partitions compare. On the logarithmic
// one 70 unread of 200 million and 1,000,000 unread both show.
type Scale struct {
	Linear bool
	Far    float64 // the distance at the left end
}

// nearest is the shortest distance that the left end of a scale stands for.
const nearest = 2_000

// NewScale makes the scale of some partitions.
func NewScale(all []view.Standing, linear bool) Scale {
	longest := 0.0
	for _, s := range all {
		if b := s.Bounds; b != nil {
			longest = max(longest, float64(b.End-b.Earliest))
		}
	}
	return Scale{Linear: linear, Far: round(max(nearest, longest*1.1))}
}

// round is the next of 1, 2, 5, 10, 20, 50 ...
func round(d float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(d)))
	for _, n := range []float64{1, 2, 5, 10} {
		if n*unit >= d {
			return n * unit
		}
	}
	return 10 * unit
}

// At is where a distance to the end lies: 0 is the left end, 1 the end of the log.
func (a Scale) At(d float64) float64 {
	d = min(max(d, 0), a.Far)
	if a.Linear {
		return 1 - d/a.Far
	}
	return 1 - math.Log1p(d/100)/math.Log1p(a.Far/100)
}

// Distance is a distance as a label: 100M, 20k.
func Distance(d float64) string {
	for _, u := range []struct {
		n    float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if d >= u.n {
			return strconv.FormatFloat(d/u.n, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatFloat(d, 'f', -1, 64)
}

// Ticks are the distances that are labelled, the longest first.
func (a Scale) Ticks() (list []float64) {
	if a.Linear {
		return []float64{a.Far * 0.75, a.Far * 0.5, a.Far * 0.25}
	}
	for d := math.Pow(10, math.Floor(math.Log10(a.Far))); d >= 1000; d /= 10 {
		if a.At(d) > 0.03 {
			list = append(list, d)
		}
	}
	return list
}
