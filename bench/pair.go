package bench

import (
	"runtime"
	"slices"
	"syscall"
	"time"
)

// sample is what one run of one side took.
type sample struct {
	wall, cpu time.Duration
	mallocs   uint64
}

// measure runs f once.
func measure(f func()) sample {
	runtime.GC()
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	c0, t0 := cpuTime(), time.Now()
	f()
	s := sample{wall: time.Since(t0), cpu: cpuTime() - c0}
	runtime.ReadMemStats(&m1)
	s.mallocs = m1.Mallocs - m0.Mallocs
	return s
}

// cpuTime is what this process has used so far, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// inTurn runs a and b in turn, rounds times each, after one round that is not counted.
func inTurn(rounds int, a, b func()) (as, bs []sample) {
	a()
	b()
	for range rounds {
		as = append(as, measure(a))
		bs = append(bs, measure(b))
	}
	return as, bs
}

// median is the middle one of f over the samples.
func median[T int64 | uint64 | time.Duration](ss []sample, f func(sample) T) T {
	vs := make([]T, len(ss))
	for i, s := range ss {
		vs[i] = f(s)
	}
	slices.Sort(vs)
	return vs[len(vs)/2]
}

func wall(s sample) time.Duration { return s.wall }
func cpu(s sample) time.Duration  { return s.cpu }
func mallocs(s sample) uint64     { return s.mallocs }
