package keys

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/fencepost/fencepost"
)

// DraftColumn is one column of a draft, with what was seen of it.
type DraftColumn struct {
	Name  string
	Type  fencepost.Type
	From  string // empty: Name
	Unit  string
	Scale string // of a decimal
	Null  bool   // the field is not in every record, or null in some
	Seen  string // behind the column: -51 .. 573
}

// plainText is text that YAML takes without quotes, whatever is around it: no .5, which is a number.
var plainText = regexp.MustCompile(`^(\.{0,2}/|[A-Za-z])[A-Za-z0-9_./-]*$`)

// IsPlain reports whether YAML takes a text without quotes, whatever is around it.
func IsPlain(s string) bool { return plainText.MatchString(s) }

// Plain is a text as YAML, in quotes where it needs them.
func Plain(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan":
		return `'` + s + `'`
	}
	if plainText.MatchString(s) {
		return s
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0xfeff || r >= 0x2028 && r <= 0x2029 || r >= 0x80 && r < 0xa0
	}) {
		return fmt.Sprintf("%q", s)
	}
	return `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
}

// notName are the characters that an unquoted SQL name cannot have.
var notName = regexp.MustCompile(`[^a-z0-9_]+`)

// TableName is the table that a draft proposes for a topic: a name that needs no quotes in SQL.
func TableName(topic string) string {
	name := strings.Trim(notName.ReplaceAllString(strings.ToLower(topic), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = strings.TrimSuffix("t_"+name, "_")
	}
	return name
}
