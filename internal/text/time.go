package text

import "time"

// timeForms are the ways to write a point in time; those without a zone are local.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05",
	"2006-01-02 15:04:05 -07:00", "2006-01-02 15:04", "2006-01-02"}

// ParseTime reads a point in time as people and as our own tables write it; without an offset it is local.
func ParseTime(s string) (time.Time, bool) {
	for _, form := range timeForms {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// ParsePast reads a point in time, or how long before now it was: 24h.
func ParsePast(s string, now time.Time) (time.Time, bool) {
	if d, ok := ParseDuration(s); ok {
		return now.Add(-d), true
	}
	return ParseTime(s)
}
