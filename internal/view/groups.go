package view

import (
	"cmp"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// Groups is the answer of offsets groups: the groups of a ledger or a cluster.
type Groups struct {
	Head
	fine
	URL    string   `json:"url"`
	Notes  []string `json:"notes"` // what may be hidden
	Groups []Group  `json:"groups"`
}

// Group is one of them.
type Group struct {
	Group      fencepost.Group `json:"group"`
	Kind       string          `json:"kind"`
	State      Word            `json:"state"`
	Members    Number          `json:"members"`
	Topics     int             `json:"topics"`
	Partitions int             `json:"partitions"`
}

// NewGroups makes the answer; where names the ledger or the cluster, user who asked by a name.
func NewGroups(groups []admin.Group, where, user string) Groups {
	out := Groups{Head: head("offsets groups"), URL: where, Notes: []string{}, Groups: []Group{}}
	if user != "" {
		out.Notes = append(out.Notes, fmt.Sprintf("groups and topics that user %s may not DESCRIBE are not in the answer", user))
	}
	for _, g := range groups {
		out.Groups = append(out.Groups, Group{g.Name, g.Kind, Word(g.State), Number(g.Members), g.Topics, g.Partitions})
	}
	return out
}

// Rows are the groups.
func (g Groups) Rows() any { return g.Groups }

// Table is the groups in a table.
func (g Groups) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "GROUP", Cut: true}, {Name: "KIND"}, {Name: "STATE"}, {Name: "MEMBERS", Right: true},
		{Name: "TOPICS", Right: true}, {Name: "PARTITIONS", Right: true}}}
	for _, one := range g.Groups {
		table.Rows = append(table.Rows, screen.Row{Cells: []string{screen.Printable(string(one.Group)), one.Kind, cmp.Or(string(one.State), "-"),
			one.Members.String(), text.Count(one.Topics), text.Count(one.Partitions)}})
	}
	return table
}
