package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Exported is the positions of a ledger or layout, to be written down.
type Exported struct {
	Group     fencepost.Group
	ClusterID string
	Positions []At     // in partition order
	Notes     []string // for people: what is odd about another program's offsets
	// Absent are the partitions that are not among Positions though others of their topic are, as far as ledger or layout know
	// them; a layout does not know how many partitions a topic has.
	Absent  []fencepost.TopicPartition
	Foreign bool // of another program's layout
}

// At is one partition's position. The Fence means nothing to another program.
type At struct {
	fencepost.TopicPartition
	ledger.Position
}

// Export reads the positions, of another program's layout in the meaning that was given. It asks no broker.
//
// Errors: *fencepost.UserError ledger-missing, meaning-needed, layout-damaged, nothing-selected.
func Export(ctx context.Context, r Resources, sel Selection) (Exported, error) {
	v := View{Group: r.Group}
	if r.Layout != nil {
		if err := v.readLayout(ctx, r); err != nil {
			return Exported{}, err
		}
	} else {
		if err := r.exists(ctx); err != nil {
			return Exported{}, err
		}
		var err error
		if v.Snapshot, err = r.Ledger.Read(ctx, r.Group); err != nil {
			return Exported{}, fmt.Errorf("read ledger: %w", err)
		}
	}
	e := Exported{Group: r.Group, ClusterID: v.Snapshot.ClusterID, Notes: v.Notes, Foreign: v.Foreign}
	for _, tp := range slices.SortedFunc(maps.Keys(v.Snapshot.Positions), fencepost.TopicPartition.Compare) {
		if sel.Has(tp) {
			e.Positions = append(e.Positions, At{tp, v.Snapshot.Positions[tp]})
		}
	}
	if len(e.Positions) == 0 {
		return e, nothing(r.Where + " has no position of what was chosen")
	}
	e.absent(v)
	return e, nil
}

// absent finds what is left out of the topics that are exported.
func (e *Exported) absent(v View) {
	topics, there := map[string]bool{}, map[fencepost.TopicPartition]bool{}
	for _, at := range e.Positions {
		topics[at.Topic], there[at.TopicPartition] = true, true
	}
	for _, tp := range v.partitions() {
		if topics[tp.Topic] && !there[tp] {
			e.Absent = append(e.Absent, tp)
		}
	}
}
