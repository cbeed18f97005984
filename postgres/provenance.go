package postgres

import (
	"context"
	"iter"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

var _ sink.Provenance = (*Sink)(nil)

const appliedSQL = `begin isolation level repeatable read read only;
select count(*) from @table where _topic is null or _partition is null or _offset is null;
select _topic::text collate "C", _partition::bigint, _offset::bigint, count(*) from @table
 where _topic is not null and _partition is not null and _offset is not null group by 1, 2, 3 order by 1, 2, 3;
commit`

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
	many := own.conn.PgConn().Exec(ctx, strings.ReplaceAll(appliedSQL, "@table", s.config.table()))
	for many.NextResult() {
		for r := many.ResultReader(); r.NextRow(); {
			a, err := appliedRow(r.Values())
			if err != nil {
				return err
			}
			if a.Rows > 0 && !yield(a, nil) {
				return nil // drop ends the query
			}
		}
	}
	if err := many.Close(); err != nil {
		return own.edge(ctx, err)
	}
	return nil
}

// appliedRow reads a row of appliedSQL: a count alone is of the rows that name no record.
func appliedRow(v [][]byte) (a sink.Applied, err error) {
	p := parser{}
	if len(v) == 1 {
		a.Rows = p.int(v[0])
		return a, p.err
	}
	a.TopicPartition = p.partition(v)
	a.Offset, a.Rows = fencepost.Offset(p.int(v[2])), p.int(v[3])
	return a, p.err
}
