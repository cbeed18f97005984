package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/mysql"
	"github.com/fencepost/fencepost/postgres"
)

// Rooms is the pipeline's ledger, brokers and sink for an operator's verbs; the caller adds Who. A ledger that is not
// there is refused here: to look must not make one.
func (o *Opened) Rooms() (admin.Rooms, error) {
	f := o.File
	if f.Sink.Kind == "sqlite" {
		if _, err := os.Stat(f.Sink.Path); errors.Is(err, fs.ErrNotExist) {
			return admin.Rooms{}, f.Pointed(&fencepost.Fault{Code: "ledger-missing", Err: fmt.Errorf("%s does not exist: the pipeline has not run yet", f.Sink.Path),
				Help: "fencepost run FILE; or mend sink.sqlite.path"})
		}
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
	if f.Sink.Kind == "sqlite" {
		return "sqlite:" + f.Sink.Path
	}
	if f.Sink.Redis != nil {
		return f.Sink.Redis.url()
	}
	dsn, err := f.Sink.DSN.Reveal()
	if err != nil {
		return f.Sink.Kind
	}
	address := postgres.Address
	if f.Sink.Kind == "mysql" {
		address = mysql.Address
	}
	named, err := address(dsn)
	if err != nil {
		return f.Sink.Kind
	}
	return named
}
