package watch

import (
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// Unknown is what is said where nothing is known.
const Unknown = "unknown"

// Known is a value of an answer for people: unknown where an answer has "-".
func Known(v fmt.Stringer) string {
	if s := v.String(); s != "-" && s != "" {
		return s
	}
	return Unknown
}

// State is a partition's state; that of one that may be read by a worker or by none is to read.
func State(word view.Word) string {
	if word == "" || word == "-" {
		return "to read"
	}
	return string(word)
}

// Count is how many partitions are in a state.
type Count struct {
	N     int
	State string
}

// String is 3 waiting.
func (c Count) String() string { return text.Count(c.N) + " " + c.State }

// States says how many partitions stand still, worst first, and what the others do.
func States(t view.Totals) (still, rest []Count) {
	some := func(all ...Count) (list []Count) {
		for _, c := range all {
			if c.N > 0 {
				list = append(list, c)
			}
		}
		return list
	}
	still = some(Count{t.Parked, "parked"}, Count{t.Blocked, "blocked"}, Count{t.Waiting, "waiting"}, Count{t.Retrying, "retrying"}, Count{t.CutOff, "cut off"})
	other := t.Partitions - t.Parked - t.Blocked - t.Waiting - t.Retrying - t.CutOff - t.Running - t.Idle
	return still, some(Count{t.Running, "running"}, Count{t.Idle, "idle"}, Count{other, "to read"})
}

// Lag is how many records are unread.
func Lag(t view.Totals) string {
	switch {
	case t.Partitions == 0 || t.LagUnknown == t.Partitions:
		return Unknown
	case t.AtLeast:
		return "at least " + text.Count(t.Lag)
	}
	return text.Count(t.Lag)
}

// PerSecond is a pace in whole records.
func PerSecond(n float64) string {
	if n < 0 {
		return Unknown
	}
	return text.Count(int64(n + 0.5))
}

// Trend says whether the lag grows: "grows by 488/s"; empty where it does neither, or is not known.
func (a Pace) Trend() string {
	if a.Applied < 0 || a.Written < 0 {
		return ""
	}
	switch by := a.Written - a.Applied; {
	case by >= 1:
		return "grows by " + PerSecond(by) + "/s"
	case by <= -1:
		return "shrinks by " + PerSecond(-by) + "/s"
	}
	return ""
}

// AtMost is a number of lost records: what moves passed is counted in offsets.
func AtMost(n int64) string {
	if n == 0 {
		return "0"
	}
	return "at most " + text.Count(n)
}

// Ago is how long ago something was, as coarse as it is old: what changes by its age alone is drawn once a minute.
func Ago(now, at time.Time) string {
	d := max(0, now.Sub(at))
	switch {
	case d >= 24*time.Hour:
		d = d.Truncate(time.Hour)
	case d >= time.Minute:
		d = d.Truncate(time.Minute)
	}
	return view.Age(d).String() + " ago"
}

// Ordered is what needs a look, then what an open transaction holds back, then all else; each in partition order.
func Ordered(p view.Positions) []view.Standing {
	plain, odd := p.Ordered()
	var held, rest []view.Standing
	for _, s := range plain[odd:] {
		if s.Transaction != nil {
			held = append(held, s)
		} else {
			rest = append(rest, s)
		}
	}
	return append(append(plain[:odd:odd], held...), rest...)
}

// Mark is a place of a log: passed unapplied, or applied again.
type Mark struct {
	From, Until fencepost.Offset
	Again       bool
}

// Marks is the places of the logs that moves of a week passed, and those that rewinds of a day have applied again.
func (m *Moment) Marks() map[fencepost.TopicPartition][]Mark {
	all := map[fencepost.TopicPartition][]Mark{}
	if m.Week != nil {
		for _, one := range m.Week.Moves {
			if one.Held != nil && one.Next != nil && one.Held.Offset < one.Next.Offset {
				tp := fencepost.TopicPartition{Topic: one.Topic, Partition: one.Partition}
				all[tp] = append(all[tp], Mark{From: one.Held.Offset, Until: one.Next.Offset})
			}
		}
	}
	for _, s := range m.Positions.Positions {
		if mv := s.Moved; mv != nil && !mv.Held.Absent() && mv.Next.Offset < mv.Held.Offset && m.Positions.Time.Sub(mv.At) < 24*time.Hour {
			tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
			all[tp] = append(all[tp], Mark{From: mv.Next.Offset, Until: mv.Held.Offset, Again: true})
		}
	}
	return all
}

// Standing is one partition of a moment.
func (m *Moment) Standing(tp fencepost.TopicPartition) (view.Standing, bool) {
	if m.Known() {
		for _, s := range m.Positions.Positions {
			if s.Topic == tp.Topic && s.Partition == tp.Partition {
				return s, true
			}
		}
	}
	return view.Standing{}, false
}

// Total is the pace of all partitions.
func (m *Moment) Total() (sum Pace) {
	for _, one := range m.Pace {
		sum = sum.Plus(one)
	}
	return sum
}

// Freshness is how old what is shown is, and whether that is too old to be relied on.
func Freshness(now time.Time, moments []*Moment) (says string, stale bool) {
	oldest := time.Duration(0)
	for _, m := range moments {
		switch {
		case !m.Known():
			return "asking", true
		case m.Ledger != nil:
			return "stale, of " + m.Positions.Clock.TimeOfDay(m.Positions.Time.Time), true
		}
		oldest = max(oldest, now.Sub(m.Positions.Time.Time))
	}
	if oldest >= 2*EachSample {
		return "stale, " + view.Ago(now, now.Add(-oldest)), true
	}
	return fmt.Sprintf("live, %.1fs ago", oldest.Seconds()), false
}
