package pipeline

import (
	"github.com/fencepost/fencepost/internal/text"
	"math"
	"slices"
	"strings"
	"time"
)

// parse makes a value of what stands at a key. want is empty, or what the value is not, for a person.
func parse(k *key, value string) (v any, want string) {
	switch k.kind {
	case kindText:
		return value, ""
	case kindWord:
		if slices.Contains(k.words, value) || value == "" && k.def == `""` {
			return value, ""
		}
		return nil, "one of: " + strings.Join(k.words, ", ")
	case kindBool:
		if value == "true" || value == "false" {
			return value == "true", ""
		}
		return nil, "true or false"
	case kindCount:
		n, ok := parseCount(value)
		if !ok {
			return nil, "a whole number from 0 to 2,147,483,647"
		}
		return n, ""
	case kindLanes:
		if value == "auto" {
			return 0, ""
		}
		if n, ok := parseCount(value); ok && n >= 1 {
			return n, ""
		}
		return nil, "auto, or a number from 1"
	case kindSize:
		n, ok := text.ParseSize(value)
		if !ok {
			return nil, "a size: bytes, or KiB, MiB, GiB"
		}
		return n, ""
	case kindDuration:
		d, ok := text.ParseDuration(value)
		if !ok {
			return nil, "a duration: ms, s, m, h, d"
		}
		return d, ""
	}
	panic("pipeline: key " + k.path + " has no single value")
}

// parseCount reads a number that fits into 31 bits.
func parseCount(s string) (int, bool) {
	n, ok := text.ParseCount(s)
	return int(n), ok && n >= 0 && n <= math.MaxInt32
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
