package sqlstore

import (
	"fmt"
	"strings"
)

// ParseName splits the name of a table, NAME or SCHEMA.NAME, into its parts. A part in double quotes is taken as it is, and a
// quote in it is doubled: "my.table".
func ParseName(text string) (parts []string, err error) {
	for rest := text; ; {
		part, behind := "", ""
		if strings.HasPrefix(rest, `"`) {
			part, behind = unquote(rest[1:])
		} else if at := strings.IndexByte(rest, '.'); at >= 0 {
			part, behind = rest[:at], rest[at:]
		} else {
			part = rest
		}
		parts = append(parts, part)
		dotted := strings.HasPrefix(behind, ".")
		if part == "" || len(parts) > 2 || behind != "" && !dotted {
			return nil, fmt.Errorf("%q is neither a name nor schema.name; double quotes hold a name with dots", text)
		}
		if !dotted {
			return parts, nil
		}
		rest = behind[1:]
	}
}

// unquote reads up to the end of a quoted part. Without its end there is no part.
func unquote(text string) (part, behind string) {
	for at := 0; at < len(text); at++ {
		if text[at] != '"' {
			continue
		}
		if at+1 == len(text) || text[at+1] != '"' {
			return strings.ReplaceAll(text[:at], `""`, `"`), text[at+1:]
		}
		at++
	}
	return "", ""
}

// Named writes parts so that ParseName reads them, as the value of a key in YAML.
func Named(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, p := range parts {
		if quoted[i] = p; strings.ContainsAny(p, `."`) {
			quoted[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
	}
	name := strings.Join(quoted, ".")
	if strings.ContainsAny(name, `"':#{}[],&*!|>%@`+"` ") {
		return "'" + strings.ReplaceAll(name, "'", "''") + "'"
	}
	return name
}

// Qualified writes the name of a table, each part as write does. A text that ParseName does not take is one part.
func Qualified(name string, write func(string) string) string {
	parts, err := ParseName(name)
	if err != nil {
		parts = []string{name}
	}
	for i, p := range parts {
		parts[i] = write(p)
	}
	return strings.Join(parts, ".")
}
