package offsetfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// content is what a file says, before a group is chosen.
type content struct {
	rows  []row
	notes []string
	word  string          // what row.group is; empty: a group
	means foreign.Meaning // of all rows, by the form; unset: the file does not say
}

// row is one line or object.
type row struct {
	group string // empty: the file does not say
	line  int
	foreign.Entry
}

// add appends a row, with the words that every form shares.
func (c *content) add(name string, r row) {
	r.From = foreign.NoFrom
	r.Where = place(name, r.line)
	if r.Raw == "" {
		r.Raw = strconv.FormatInt(int64(r.Until), 10)
	}
	c.rows = append(c.rows, r)
}

// note appends a note about a line.
func (c *content) note(name string, line int, format string, args ...any) {
	c.notes = append(c.notes, place(name, line)+": "+fmt.Sprintf(format, args...))
}

// foreign chooses the group and brings the rows in order.
func (c content) foreign(name string, o Options) (f foreign.Offsets, err error) {
	groups := c.groups()
	f.Notes, f.Means = c.notes, c.means
	word := cmp.Or(c.word, "group")
	switch {
	case len(groups) == 0:
	case o.Group != "" && !slices.Contains(groups, string(o.Group)):
		f.Notes = append(f.Notes, fmt.Sprintf("%s holds nothing of %s %s, only: %s", name, word, o.Group, few(groups)))
	case o.Group == "" && len(groups) > 1:
		return foreign.Offsets{}, &fencepost.UserError{Code: "choice-needed", Exit: 2,
			Err:  fmt.Errorf("%s holds the offsets of %d %ss: %s", name, len(groups), word, few(groups)),
			Help: "name one: group=" + groups[0]}
	}
	seen := map[fencepost.TopicPartition]int{} // :: partition -> line
	for _, r := range c.rows {
		if o.Group != "" && len(groups) > 0 && r.group != string(o.Group) {
			continue
		}
		if line, twice := seen[r.TopicPartition]; twice {
			return foreign.Offsets{}, damaged(name, r.line, "%s stands there twice, first in line %d", r.TopicPartition, line)
		}
		seen[r.TopicPartition] = r.line
		f.Entries = append(f.Entries, r.Entry)
	}
	slices.SortFunc(f.Entries, func(a, b foreign.Entry) int { return a.TopicPartition.Compare(b.TopicPartition) })
	return f, nil
}

// groups are the names of groups in the file.
func (c content) groups() (names []string) {
	for _, r := range c.rows {
		if r.group != "" {
			names = append(names, r.group)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// few is the first names of a list.
func few(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + fmt.Sprintf(" and %d more", len(names)-5)
	}
	return strings.Join(names, ", ")
}

// place is FILE:LINE; line 0 is the file as a whole.
func place(name string, line int) string {
	if line == 0 {
		return name
	}
	return name + ":" + strconv.Itoa(line)
}

// damaged is the refusal of a file.
func damaged(name string, line int, format string, args ...any) error {
	return &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("%s: %w", place(name, line), fmt.Errorf(format, args...)), Help: mendLine}
}

// mendLine is the remedy for a file that a person or a tool wrote down.
const mendLine = "mend that line, or name the form that the file has: layout=..."

// plain takes a byte order mark away.
func plain(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\ufeff")) }

func blank(data []byte) bool { return len(bytes.TrimSpace(data)) == 0 }

// integer reads a decimal integer in white space, up to limit.
func integer(what, text string, limit int64) (int64, error) {
	s := strings.TrimSpace(text)
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(s, "-"), err == nil && n > limit:
		return 0, fmt.Errorf("the %s %s is larger than %d", what, s, limit)
	case errors.Is(err, strconv.ErrRange), err == nil && strings.HasPrefix(s, "-"):
		return 0, fmt.Errorf("the %s %s is negative", what, s)
	case err != nil || s[0] == '+':
		return 0, fmt.Errorf("the %s %q is no integer", what, s)
	}
	return n, nil
}

// goodTopic refuses what brokers do not take for a name.
func goodTopic(s string) error {
	if s == "" || len(s) > 249 || s == "." || s == ".." {
		return fmt.Errorf("%q is no topic name", s)
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return fmt.Errorf("%q is no topic name", s)
		}
	}
	return nil
}

// goodGroup refuses names that are no text.
func goodGroup(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("the group %q holds bytes that are no text", s)
	}
	return nil
}
