package pipeline

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
)

// Rooms is the pipeline's ledger, brokers and sink for an operator's verbs; the caller adds Who. A ledger that is not
// there is refused here: to look must not make one.
func (o *Opened) Rooms() (admin.Rooms, error) {
	f := o.File
	if err := f.ledgerFile(); err != nil {
		return admin.Rooms{}, err
	}
	decoder := o.decoder()
	var row []fencepost.Column
	for _, c := range decoder.Columns() {
		row = append(row, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	r := admin.Rooms{
		Group: f.Group, Ledger: o.Sink.Ledger(), Cluster: o.Source.Cluster(), Reader: o.Source,
		Policy: f.Policy, Uncommitted: f.Source.Uncommitted,
		Try: func(rec *fencepost.Record) error {
			err := decoder.Decode(rec, row)
			for i := range row {
				row[i].Truncate(0)
			}
			return err
		},
	}
	r.History, _ = r.Ledger.(fencepost.History)
	r.Provenance, _ = o.Sink.(fencepost.Provenance)
	return r, nil
}

// LedgerURL names where the ledger is, without a password.
func (f *File) LedgerURL() string {
	return f.ledgerStore().where()
}
