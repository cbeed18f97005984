package mysql

import (
	"context"
	"database/sql"
	"iter"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

var _ sink.Provenance = (*Sink)(nil)

// appliedSQL reads one snapshot, which a session at READ COMMITTED would not have. Topics are compared byte by byte: the
// column's own collation may take two for one.
const appliedSQL = "set transaction isolation level repeatable read; start transaction with consistent snapshot, read only; " +
	"select count(*) from @table where _topic is null or _partition is null or _offset is null; " +
	"select convert(_topic using utf8mb4) collate @names, cast(_partition as signed), cast(_offset as signed), count(*) from @table " +
	"where _topic is not null and _partition is not null and _offset is not null group by 1, 2, 3 order by 1, 2, 3; commit"

// Applied counts the rows of each record, by the table's provenance columns, on a connection of its own.
func (s *Sink) Applied(ctx context.Context) iter.Seq2[sink.Applied, error] {
	return sqlstore.Applied(func(yield func(sink.Applied, error) bool) error { return s.applied(ctx, yield) })
}

func (s *Sink) applied(ctx context.Context, yield func(sink.Applied, error) bool) error {
	if s.config.Table == "" {
		return sqlstore.ErrOwnSQL
	}
	own := session{config: s.ledger.session.config}
	if _, err := own.open(ctx); err != nil {
		return err
	}
	defer own.drop()
	t, err := readTarget(ctx, &own, s.config)
	if err != nil {
		return err
	}
	if err := sqlstore.NamesRecords(s.config.Table, func(name string) bool { return t.column(name) != nil }); err != nil {
		return err
	}
	rows, err := own.conn.QueryContext(ctx, fill(appliedSQL, "@table", t.name, "@names", own.server.names()))
	if err != nil {
		return own.edge(ctx, err)
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		if goesOn, err := eachApplied(rows, yield); err != nil || !goesOn {
			return own.edge(ctx, err)
		}
	}
	return own.edge(ctx, rows.Err())
}

// eachApplied reads one result of appliedSQL. Its errors are the driver's own.
func eachApplied(rows *sql.Rows, yield func(sink.Applied, error) bool) (goesOn bool, err error) {
	columns, err := rows.Columns()
	if err != nil {
		return false, err
	}
	raw, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return false, err
		}
		a, err := appliedRow(raw)
		if err != nil {
			return false, err
		}
		if a.Rows > 0 && !yield(a, nil) {
			return false, nil
		}
	}
	return true, rows.Err()
}

// appliedRow reads a row of appliedSQL: a count alone is of the rows that name no record.
func appliedRow(raw []sql.RawBytes) (a sink.Applied, err error) {
	v, p := cloneRow(raw), parser{}
	if len(v) == 1 {
		a.Rows = p.int(v[0])
		return a, p.err
	}
	a.TopicPartition = p.partition(v)
	a.Offset, a.Rows = fencepost.Offset(p.int(v[2])), p.int(v[3])
	return a, p.err
}
