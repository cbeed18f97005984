package pipeline

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parse makes a value of a key's text. want is empty, or what the text is not, for a person.
func parse(k *key, text string) (v any, want string) {
	switch k.kind {
	case kindText:
		return text, ""
	case kindWord:
		if slices.Contains(k.words, text) || text == "" && k.def == `""` {
			return text, ""
		}
		return nil, "one of: " + strings.Join(k.words, ", ")
	case kindBool:
		if text == "true" || text == "false" {
			return text == "true", ""
		}
		return nil, "true or false"
	case kindCount:
		n, ok := parseCount(text)
		if !ok {
			return nil, "a whole number from 0 to 2,147,483,647"
		}
		return n, ""
	case kindLanes:
		if text == "auto" {
			return 0, ""
		}
		if n, ok := parseCount(text); ok && n >= 1 {
			return n, ""
		}
		return nil, "auto, or a number from 1"
	case kindSize:
		n, ok := parseSize(text)
		if !ok {
			return nil, "a size: bytes, or KiB, MiB, GiB"
		}
		return n, ""
	case kindDuration:
		d, ok := ParseDuration(text)
		if !ok {
			return nil, "a duration: ms, s, m, h, d"
		}
		return d, ""
	}
	panic("pipeline: key " + k.path + " has no single value")
}

// parseCount reads 20000, 20_000 and 20,000: what is printed can be typed.
func parseCount(s string) (int, bool) {
	n, err := strconv.Atoi(digits(s))
	return n, err == nil && n >= 0 && n <= math.MaxInt32
}

// digits takes the separators out of a number, if each stands before three digits.
func digits(s string) string {
	for _, sep := range []string{",", "_"} {
		parts := strings.Split(s, sep)
		grouped := len(parts) > 1 && parts[0] != "" && len(parts[0]) <= 3
		for _, p := range parts[1:] {
			grouped = grouped && len(p) == 3
		}
		if grouped {
			return strings.Join(parts, "")
		}
	}
	return s
}

// sizeUnits are powers of two only: MB is written by people who mean either, so it is refused.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}, {"", 1}}

func parseSize(s string) (int64, bool) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		number = strings.TrimSpace(number)
		n, err := strconv.ParseInt(digits(number), 10, 64)
		return n * u.bytes, err == nil && n >= 1 && n <= (1<<40)/u.bytes
	}
	return 0, false
}

// ParseDuration reads what time.ParseDuration reads, and days: 6d4h. A bare number other than 0 is refused, since
// nobody can say its unit.
func ParseDuration(s string) (time.Duration, bool) {
	days := time.Duration(0)
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(before)
		if err != nil || n < 0 || n > 10_000 {
			return 0, false
		}
		days = time.Duration(n) * 24 * time.Hour
		if after == "" {
			return days, true
		}
		s = after
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 10_000*24*time.Hour {
		return 0, false
	}
	return days + d, true
}

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
