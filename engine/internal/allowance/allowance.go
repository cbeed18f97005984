package allowance

import "time"

// Limit is how many are passed in how long. Max below 0: any number.
type Limit struct {
	Max int
	Per time.Duration
}

// Spent is what a partition has passed lately. The zero Spent is nothing.
type Spent struct {
	marks []mark // oldest first
	count int
}

// mark is how many were passed at one moment.
type mark struct {
	at time.Time
	n  int
}

// Take passes one more, unless the limit forbids it.
func (s *Spent) Take(l Limit, now time.Time) bool {
	if l.Max < 0 {
		return true
	}
	old := 0
	for old < len(s.marks) && now.Sub(s.marks[old].at) >= l.Per {
		s.count -= s.marks[old].n
		old++
	}
	s.marks = s.marks[old:]
	if s.count >= l.Max {
		return false
	}
	s.count++
	if last := len(s.marks) - 1; last >= 0 && s.marks[last].at.Equal(now) {
		s.marks[last].n++
		return true
	}
	s.marks = append(s.marks, mark{now, 1})
	return true
}
