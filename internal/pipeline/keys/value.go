package keys

import (
	"math"
	"slices"
	"strings"

	"github.com/fencepost/fencepost/internal/text"
)

// Parse makes a value of the node at a key. want is empty, or what the value is not, for a person.
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
