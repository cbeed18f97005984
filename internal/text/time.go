package text

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// timeForm is a point in time: a day, or a day and a clock, with or without seconds, fractions and an offset. So write people,
// RFC 3339, Kafka's tools (2026-10-25T02:30:00.000+0200) and our own tables (2026-10-25 02:30:00 +02:00).
var timeForm = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?(?: ?(?:Z|([+-])(\d\d)(?::?(\d\d))?))?)?$`)

// ErrNoTime says that a text is not a point in time.
var ErrNoTime = errors.New("not a time")

// LocalTimeError says that a text without an offset is a time that the clocks of its zone show twice, or never.
type LocalTimeError struct {
	Text     string
	Instants [2]time.Time // those that the text may mean, each in the offset that the clocks show then
}

// Error names both.
func (e *LocalTimeError) Error() string {
	first, second := e.Written()
	_, before := e.Instants[0].Zone()
	_, after := e.Instants[1].Zone()
	if before < after {
		return fmt.Sprintf("%s is skipped here, where clocks go from %s to %s: it may be %s or %s", e.Text, ClockAt(e.Instants[0]), ClockAt(e.Instants[1]), first, second)
	}
	return fmt.Sprintf("%s is shown twice here, where clocks go back: it may be %s or %s", e.Text, first, second)
}

// Written is both as they are typed.
func (e *LocalTimeError) Written() (first, second string) {
	return e.Instants[0].Format(time.RFC3339Nano), e.Instants[1].Format(time.RFC3339Nano)
}

// ParseTime reads a point in time. Without an offset it is one of zone.
//
// Errors: ErrNoTime, *LocalTimeError.
func ParseTime(s string, zone *time.Location) (time.Time, error) {
	m := timeForm.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, ErrNoTime
	}
	day, clock, seconds, sign, hours, minutes := m[1], m[2], m[3], m[4], m[5], m[6]
	if clock == "" {
		clock = "00:00"
	}
	if seconds == "" {
		seconds = ":00"
	}
	wall, err := time.Parse("2006-01-02T15:04:05", day+"T"+clock+seconds) // fractions are taken behind seconds
	switch {
	case err != nil:
		return time.Time{}, ErrNoTime
	case wall.Year() < 2: // the zero time stands for none
		return time.Time{}, ErrNoTime
	case sign != "":
		return behind(wall, sign, hours, minutes)
	case s[len(s)-1] == 'Z':
		return wall, nil
	}
	return local(s, wall, zone)
}

// behind is the instant at which a clock with an offset shows wall.
func behind(wall time.Time, sign, hours, minutes string) (time.Time, error) {
	h, _ := strconv.Atoi(hours) // two digits
	m, _ := strconv.Atoi(minutes)
	if h > 23 || m > 59 {
		return time.Time{}, ErrNoTime
	}
	seconds := (h*60 + m) * 60
	if sign == "-" {
		seconds = -seconds
	}
	return wall.Add(-time.Duration(seconds) * time.Second).In(time.FixedZone("", seconds)), nil
}

const (
	mostOffset  = 26 * time.Hour   // more than any zone is from UTC
	leastOffset = 15 * time.Minute // no zone has an offset for less
)

// local is the instant at which the clocks of zone show wall, which is in UTC: with each offset that the zone has about
// that day it is another instant, and right where the zone has that offset then. (Time.ZoneBounds does not lead through that day: on
// the last one of a leap year behind 2037 the end that it names is no later than the time it is asked about, Go 1.26.8.)
func local(s string, wall time.Time, zone *time.Location) (time.Time, error) {
	var right, all []time.Time
	for about := -mostOffset; about <= mostOffset; about += leastOffset {
		_, seconds := wall.Add(about).In(zone).Zone()
		at := wall.Add(-time.Duration(seconds) * time.Second).In(zone)
		if slices.ContainsFunc(all, at.Equal) {
			continue
		}
		all = append(all, at)
		if _, has := at.Zone(); has == seconds {
			right = append(right, at)
		}
	}
	switch len(right) {
	case 1:
		return right[0], nil
	case 0: // taken by the offset before and by the one after: the later clock gives the earlier instant
		return time.Time{}, &LocalTimeError{s, [2]time.Time{all[len(all)-1], all[0]}}
	}
	return time.Time{}, &LocalTimeError{s, [2]time.Time{right[0], right[1]}}
}

// ParsePast reads a point in time, of now's zone where it has no offset, or how long before now it was: 24h.
//
// Errors: as ParseTime.
func ParsePast(s string, now time.Time) (time.Time, error) {
	if d, ok := ParseDuration(s); ok {
		return now.Add(-d), nil
	}
	return ParseTime(s, now.Location())
}

// Clock writes times for people, all of them in one offset: that of one moment, which a heading names. In the zone of that
// moment two instants would read alike when clocks go back, and half of the year's would not be in the offset that is named.
type Clock struct{ zone *time.Location }

// ClockAt is the clock with the offset that now is in.
func ClockAt(now time.Time) Clock {
	_, seconds := now.Zone()
	return Clock{time.FixedZone("", seconds)}
}

// String is the offset: +01:00.
func (c Clock) String() string { return c.in(time.Time{}).Format("-07:00") }

// Time is a time in that offset, which stands elsewhere. The zero one is "-".
func (c Clock) Time(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return c.in(t).Format(time.DateTime)
}

// TimeOfDay is the time of day in that offset: 03:12:45.
func (c Clock) TimeOfDay(t time.Time) string { return c.in(t).Format(time.TimeOnly) }

func (c Clock) in(t time.Time) time.Time {
	if c.zone == nil {
		return t.UTC()
	}
	return t.In(c.zone)
}
