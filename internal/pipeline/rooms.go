package pipeline

import (
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Missing says that the ledger can not be there, since its file is not: to look must not make one.
//
// Errors: *fencepost.Fault ledger-missing.
func (f *File) Missing() error {
	if a, ok := f.ledgerStore().(kinds.Absentee); ok {
		return f.Pointed(a.Missing())
	}
	return nil
}

// Rooms is the pipeline's ledger, brokers and sink for an operator's verbs; the caller adds Who. A ledger that is not
// there is refused here: to look must not make one.
func (o *Opened) Rooms() (admin.Rooms, error) {
	if err := o.File.Missing(); err != nil {
		return admin.Rooms{}, err
	}
	return o.RoomsToFill(), nil
}

// RoomsToFill is Rooms for a copy into the pipeline, whose first move may make the ledger.
func (o *Opened) RoomsToFill() admin.Rooms {
	f := o.File
	decoder := o.decoder()
	var row []fencepost.Column
	for _, c := range decoder.Columns() {
		row = append(row, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	r := admin.Rooms{
		Group: f.Group, Ledger: o.Sink.Ledger(), Cluster: o.Source.Cluster(), Reader: o.Source,
		Where: f.LedgerURL(), Policy: f.Policy, Uncommitted: f.Source.Uncommitted,
		Try: func(rec *fencepost.Record) error {
			err := decoder.Decode(rec, row)
			for i := range row {
				row[i].Truncate(0)
			}
			return err
		},
	}
	r.History, _ = ledger.As[ledger.History](r.Ledger)
	r.Provenance, _ = sink.As[sink.Provenance](o.Sink)
	return r
}

// LedgerURL names where the ledger is, without a password.
func (f *File) LedgerURL() string {
	return f.ledgerStore().Where()
}

// Beside is the same pipeline under another group, as a backfill runs it: nothing is passed by policy, and no static
// member is taken the place of.
func (f *File) Beside(group fencepost.Group) *File {
	other := *f
	other.of = f.Group  // the sink is the same one, also where its keys have the group in them
	other.Mirrors = nil // they would send the other tools back to the old range
	other.Group, other.Policy, other.Source.InstanceID = group, ledger.Policy{}, ""
	return &other
}

// Taking is the same pipeline with these partitions alone, without a Kafka group.
func (f *File) Taking(tps []fencepost.TopicPartition) *File {
	other := *f
	other.Source.Partitions, other.Source.Pattern, other.Source.Topics = tps, "", nil
	for _, tp := range tps {
		if !slices.Contains(other.Source.Topics, tp.Topic) {
			other.Source.Topics = append(other.Source.Topics, tp.Topic)
		}
	}
	return &other
}
