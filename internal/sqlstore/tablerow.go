package sqlstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// TableRow is one row of [TableLayout.Query]: nil is null.
type TableRow struct{ Group, TopicPartition, Partition, Offset, From *string }

// RowOf is a row of text; nil is null.
func RowOf(row [][]byte) TableRow {
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		s := string(b)
		return &s
	}
	return TableRow{Group: text(row[0]), TopicPartition: text(row[1]), Partition: text(row[2]), Offset: text(row[3]), From: text(row[4])}
}

// Foreign makes entries of the rows of [TableLayout.Query].
//
// Errors: *fencepost.UserError layout-damaged, naming the row; choice-needed where the rows are of several groups.
func (t TableLayout) Foreign(rows []TableRow) (foreign.Offsets, error) {
	var f foreign.Offsets
	if len(rows) > mostRows {
		return f, &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("table %s has more than %d such rows: no table of offsets, or a history", t.Table, mostRows),
			Help: "a history that is only appended to: latest=COLUMN; or fewer rows: where=CONDITION"}
	}
	if err := t.oneGroup(rows); err != nil {
		return f, err
	}
	seen := map[fencepost.TopicPartition]foreign.Entry{}
	for _, r := range rows {
		e, err := t.entry(r)
		if err != nil {
			return foreign.Offsets{}, t.damaged(r, err)
		}
		if was, twice := seen[e.TopicPartition]; twice {
			if t.Latest != "" && was.From == e.From && was.Until == e.Until {
				continue // equal rows of one moment say the same
			}
			return foreign.Offsets{}, t.twice(r, was, e)
		}
		seen[e.TopicPartition] = e
	}
	for _, tp := range slices.SortedFunc(maps.Keys(seen), fencepost.TopicPartition.Compare) {
		f.Entries = append(f.Entries, seen[tp])
	}
	if len(rows) == 0 {
		f.Notes = append(f.Notes, "table "+t.Table+" has no such row")
	}
	return f, nil
}

// entry makes a foreign.Entry of a row.
func (t TableLayout) entry(r TableRow) (e foreign.Entry, err error) {
	e.TopicPartition, err = t.partitionOf(r)
	if err != nil {
		return e, err
	}
	e.From = foreign.NoFrom
	if e.Until, err = offsetOf("offset", r.Offset); err != nil {
		return e, err
	}
	e.Raw, e.Where = strings.TrimSpace(*r.Offset), "table "+t.Table+" row "+e.TopicPartition.String()
	if t.From == "" {
		return e, nil
	}
	if e.From, err = offsetOf("from", r.From); err != nil {
		return e, err
	}
	if e.From > e.Until {
		return e, fmt.Errorf("it goes from %d back to %d", e.From, e.Until)
	}
	e.Raw = strings.TrimSpace(*r.From) + "|" + e.Raw
	return e, nil
}

// partitionOf reads topic and partition, which a layout keeps apart or together.
func (t TableLayout) partitionOf(r TableRow) (tp fencepost.TopicPartition, err error) {
	topic, partition := r.TopicPartition, r.Partition
	if topic == nil {
		return tp, errors.New("the topic is null")
	}
	if t.TopicPartition != "" {
		whole := strings.TrimSpace(*topic)
		i := strings.LastIndex(whole, t.Separator)
		if i < 0 {
			return tp, fmt.Errorf("no %q in %q", t.Separator, whole)
		}
		head, tail := whole[:i], whole[i+len(t.Separator):]
		topic, partition = &head, &tail
	}
	if partition == nil {
		return tp, errors.New("the partition is null")
	}
	tp.Topic = strings.TrimSpace(*topic)
	if tp.Topic == "" {
		return tp, errors.New("the topic is empty")
	}
	n, err := strconv.ParseInt(strings.TrimSpace(*partition), 10, 32)
	if err != nil || n < 0 {
		return tp, fmt.Errorf("%q is no partition", *partition)
	}
	tp.Partition = int32(n)
	return tp, nil
}

// offsetOf reads an offset: an integer of 64 bits that is not negative.
func offsetOf(what string, s *string) (fencepost.Offset, error) {
	if s == nil {
		return 0, fmt.Errorf("the %s is null", what)
	}
	text := strings.TrimSpace(*s)
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("the %s %s does not fit into 64 bits", what, text)
	case err != nil:
		return 0, fmt.Errorf("the %s %q is no integer", what, text)
	case n < 0:
		return 0, fmt.Errorf("the %s %d is negative", what, n)
	}
	return fencepost.Offset(n), nil
}

// oneGroup refuses rows of several groups: their partitions would be mixed.
func (t TableLayout) oneGroup(rows []TableRow) error {
	if t.GroupColumn == "" {
		return nil
	}
	groups := map[string]bool{}
	for _, r := range rows {
		if r.Group == nil {
			return t.damaged(r, errors.New("the group is null"))
		}
		groups[*r.Group] = true
	}
	if len(groups) < 2 {
		return nil
	}
	names := slices.Sorted(maps.Keys(groups))
	shown := names[:min(len(names), 5)]
	return &fencepost.UserError{Code: "choice-needed", Exit: 2,
		Err:  fmt.Errorf("table %s holds the offsets of %d groups: %s", t.Table, len(names), strings.Join(shown, ", ")),
		Help: "name one: group=" + names[0]}
}

// damaged names the row that cannot be read.
func (t TableLayout) damaged(r TableRow, err error) error {
	return &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("table %s, row %s: %w", t.Table, t.name(r), err),
		Help: "mend the row, or leave it out: where=CONDITION"}
}

// name is a row as its table would say it: topic "orders", part "3".
func (t TableLayout) name(r TableRow) string {
	columns := []string{t.GroupColumn, t.Topic, t.Partition}
	if t.TopicPartition != "" {
		columns[1], columns[2] = t.TopicPartition, ""
	}
	var parts []string
	for i, v := range []*string{r.Group, r.TopicPartition, r.Partition} {
		switch {
		case columns[i] == "":
		case v == nil:
			parts = append(parts, columns[i]+" null")
		default:
			parts = append(parts, fmt.Sprintf("%s %q", columns[i], *v))
		}
	}
	return strings.Join(parts, ", ")
}

// twice is the refusal of a partition that has two rows.
func (t TableLayout) twice(r TableRow, a, b foreign.Entry) error {
	f := &fencepost.UserError{Code: "layout-damaged",
		Err:  fmt.Errorf("table %s, row %s: %s stands there twice, with %s and with %s", t.Table, t.name(r), a.TopicPartition, a.Raw, b.Raw),
		Help: "a history that is only appended to: latest=COLUMN; rows of several owners: where=CONDITION"}
	if t.Latest != "" {
		f.Help = "both have the greatest " + t.Latest + ": name another column, or leave rows out: where=CONDITION"
	}
	return f
}
