package keys

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost/internal/text"
)

// Parse makes a value of what stands at a key. want is empty, or what the value is not, for a person.
func Parse(k *Row, value string) (v any, want string) {
	switch k.Form {
	case FormText:
		return value, ""
	case FormWord:
		if slices.Contains(k.Words, value) || value == "" && k.Def == `""` {
			return value, ""
		}
		return nil, "one of: " + strings.Join(k.Words, ", ")
	case FormBool:
		if value == "true" || value == "false" {
			return value == "true", ""
		}
		return nil, "true or false"
	case FormCount:
		n, ok := parseCount(value)
		if !ok {
			return nil, "a whole number from 0 to 2,147,483,647"
		}
		return n, ""
	case FormLanes:
		if value == "auto" {
			return 0, ""
		}
		if n, ok := parseCount(value); ok && n >= 1 {
			return n, ""
		}
		return nil, "auto, or a number from 1"
	case FormSize:
		n, ok := text.ParseSize(value)
		if !ok {
			return nil, "a size: bytes, or KiB, MiB, GiB"
		}
		return n, ""
	case FormDuration:
		d, ok := text.ParseDuration(value)
		if !ok {
			return nil, "a duration: ms, s, m, h, d"
		}
		return d, ""
	}
	panic("keys: key " + k.Path + " has no single value")
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

// Brief is a duration as the file writes it: 30m and not 30m0s.
func Brief(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "m0s") + map[bool]string{true: "m"}[strings.HasSuffix(s, "m0s")]
	return strings.TrimSuffix(s, "h0m") + map[bool]string{true: "h"}[strings.HasSuffix(s, "h0m")]
}
