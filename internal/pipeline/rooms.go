package pipeline

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/kafka"
)

// Missing says that the ledger can not be there, since its file is not: to look must not make one.
//
// Errors: *fencepost.Fault ledger-missing.
func (f *File) Missing() error { return f.ledgerFile() }

// Rooms is the pipeline's ledger, brokers and sink for an operator's verbs; the caller adds Who and Where.
func (o *Opened) Rooms() admin.Rooms {
	f := o.File
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
	return r
}

// LedgerURL names where the ledger is, without a password.
func (f *File) LedgerURL() string {
	return f.ledgerStore().where()
}

// Brokers is the source without its topics: where the file leads to Kafka, for whoever asks about other topics.
func (f *File) Brokers() kafka.Config {
	c := f.kafka(Hooks{})
	return kafka.Config{Brokers: c.Brokers, TLS: c.TLS, SASL: c.SASL}
}
