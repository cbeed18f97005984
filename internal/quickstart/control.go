package quickstart

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Control is the sink of the control: the same file, tables and statements as the sink it is made from, but the rows are
// committed first and the ledger moves in a transaction of its own, as a job does that saves its offsets after its
// results. A kill between the two leaves rows without their offsets, and the heir makes them again.
//
//	quickstart   BEGIN  compare-and-set  rows  COMMIT                              wait for the pace
//	control      BEGIN  rows  COMMIT     wait for the pace     BEGIN  compare-and-set  COMMIT
//
// Both are slowed to the same pace. In the control the wait is between the two commits, not behind them, and is at
// least three times as long as the rows took: that makes the window wide on purpose, so that a handful of kills shows
// within seconds what happens to a job once in months. What a kill then leaves behind is the same, however wide the window.
type Control struct {
	sink sink.Sink
	path string
	rate int // records a second, above 0
}

var _ sink.Sink = (*Control)(nil)

// NewControl makes the control's sink. sink is the SQLite sink of path, whose ledger is moved; rate is the pace.
func NewControl(sink sink.Sink, path string, rate int) *Control {
	return &Control{sink: sink, path: path, rate: rate}
}

// Capabilities are those of the sink it is made from.
func (c *Control) Capabilities() sink.Capabilities { return c.sink.Capabilities() }

// Ledger is that of the sink it is made from.
func (c *Control) Ledger() ledger.Ledger { return c.sink.Ledger() }

// Columns is no metadata: the statements read none that is a column.
func (c *Control) Columns(context.Context, []fencepost.ColumnSpec) ([]string, error) { return nil, nil }

// Lane opens a connection for the rows. The ledger has its own.
func (c *Control) Lane(context.Context, int) (sink.Lane, error) {
	db, err := sqlite.OpenConn(c.path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, fmt.Errorf("open control: %w", err)
	}
	db.SetBusyTimeout(10 * time.Second)
	return &controlLane{control: c, db: db}, nil
}

// Close closes the sink it is made from.
func (c *Control) Close() error { return c.sink.Close() }

type controlLane struct {
	control *Control
	db      *sqlite.Conn
	insert  *sqlite.Stmt // into temp.batch; nil: not made yet
}

// Commit makes the rows durable, waits, and then moves the ledger.
func (l *controlLane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	began := time.Now()
	if err := l.rows(c.Batch); err != nil {
		return fmt.Errorf("commit rows: %w", err)
	}
	pace := time.Duration(c.Rows()) * time.Second / time.Duration(max(1, l.control.rate))
	timer := time.NewTimer(max(pace, 3*time.Since(began)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.control.Ledger().Move(ctx, w, c.Moves)
}

// rows runs the statements over the batch in one transaction.
func (l *controlLane) rows(b *fencepost.Batch) (err error) {
	if err := l.fill(b); err != nil {
		return err
	}
	end, err := sqlitex.ImmediateTransaction(l.db)
	if err != nil {
		return err
	}
	defer end(&err)
	for _, statement := range strings.Split(strings.TrimSuffix(statements, ";"), ";\n") {
		if err := sqlitex.Execute(l.db, statement, nil); err != nil {
			return err
		}
	}
	return nil
}

// fill puts the batch into the temporary table that the statements read.
func (l *controlLane) fill(b *fencepost.Batch) (err error) {
	if l.insert == nil {
		if err := l.create(b); err != nil {
			return err
		}
	}
	end := sqlitex.Transaction(l.db)
	defer end(&err)
	if err := sqlitex.Execute(l.db, "DELETE FROM temp.batch", nil); err != nil {
		return err
	}
	for i := range b.Segments {
		s := &b.Segments[i]
		for row := s.Lo; row < s.Hi; row++ {
			for j := range b.Columns {
				bind(l.insert, j+1, &b.Columns[j], row)
			}
			n := len(b.Columns)
			l.insert.BindText(n+1, s.Topic)
			l.insert.BindInt64(n+2, int64(s.Partition))
			l.insert.BindInt64(n+3, int64(b.Offsets[row]))
			if _, err := l.insert.Step(); err != nil {
				return err
			}
			if err := l.insert.Reset(); err != nil {
				return err
			}
		}
	}
	return nil
}

// create makes the temporary table and its insert.
func (l *controlLane) create(b *fencepost.Batch) error {
	names := make([]string, len(b.Columns))
	for i := range b.Columns {
		names[i] = b.Columns[i].Name
	}
	names = append(names, fencepost.MetaTopic, fencepost.MetaPartition, fencepost.MetaOffset)
	columns := strings.Join(names, ", ")
	if err := sqlitex.ExecuteTransient(l.db, "CREATE TEMP TABLE batch ("+columns+")", nil); err != nil {
		return err
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(names)), ",")
	insert, err := l.db.Prepare("INSERT INTO temp.batch (" + columns + ") VALUES (" + marks + ")")
	l.insert = insert
	return err
}

// bind binds one value; the schema has ints, texts and one timestamp.
func bind(st *sqlite.Stmt, param int, c *fencepost.Column, row int) {
	switch c.Type {
	case fencepost.Timestamp:
		st.BindText(param, time.UnixMicro(c.Micros(row)).UTC().Format(time.DateTime))
	case fencepost.Int:
		st.BindInt64(param, c.Int(row))
	default:
		st.BindText(param, c.Text(row))
	}
}

// Close closes the connection.
func (l *controlLane) Close() error { return l.db.Close() }
