package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// update is the statement of a row that does not hold all columns: those stay as they are. nil: it holds all.
func (in *insert) update(b *fencepost.Batch, row int) (*insert, error) {
	which, absent := in.marked(b, row, func(s source, c *fencepost.Column) bool { return s.partial && c.Unchanged(row) }), ""
	if which == nil {
		return nil, nil
	}
	if up := in.updates[string(which)]; up != nil {
		return up, nil
	}
	up, set := &insert{table: in.table, whole: true}, []string{}
	for i, s := range in.sources {
		if s.left && b.Columns[s.column].Absent(row) {
			absent = s.name
		}
		if which[i] == 0 && !slices.Contains(in.by, s) {
			up.sources, set = append(up.sources, s), append(set, quote(s.name)+" = ?")
		}
	}
	if absent != "" {
		return nil, &sink.Rejected{Reason: fmt.Sprintf("column %s is left to its default, which SQLite has no UPDATE for, and others of the row were not sent", absent)}
	}
	if len(set) == 0 { // whether the row is there is all that is asked
		set = append(set, quote(in.by[0].name)+" = "+quote(in.by[0].name))
	}
	up.sources = append(up.sources, in.by...)
	up.only = "UPDATE " + in.into + " SET " + strings.Join(set, ", ") + " WHERE " + strings.Join(in.where, " AND ")
	if in.updates == nil {
		in.updates = map[string]*insert{}
	}
	in.updates[string(which)] = up
	return up, nil
}

// marked notes the sources of a row that hold, a byte each; nil: none does.
func (in *insert) marked(b *fencepost.Batch, row int, holds func(source, *fencepost.Column) bool) (which []byte) {
	for i, s := range in.sources {
		if (s.left || s.partial) && holds(s, &b.Columns[s.column]) {
			if which == nil { // for such rows only
				which = make([]byte, len(in.sources))
			}
			which[i] = 1
		}
	}
	return which
}
