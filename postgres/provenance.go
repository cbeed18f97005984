package postgres

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/fencepost/fencepost"
)

var _ fencepost.Provenance = (*Sink)(nil)

const appliedSQL = `begin isolation level repeatable read read only;
select count(*) from @table where _topic is null or _partition is null or _offset is null;
select _topic::text collate "C", _partition::bigint, _offset::bigint, count(*) from @table
 where _topic is not null and _partition is not null and _offset is not null group by 1, 2, 3 order by 1, 2, 3;
commit`

// Applied counts the rows of each record, by the table's provenance columns, on a connection of its own.
func (s *Sink) Applied(ctx context.Context) iter.Seq2[fencepost.Applied, error] {
	return func(yield func(fencepost.Applied, error) bool) {
		if err := s.applied(ctx, yield); err != nil {
			yield(fencepost.Applied{}, fmt.Errorf("read rows: %w", err))
		}
	}
}

func (s *Sink) applied(ctx context.Context, yield func(fencepost.Applied, error) bool) error {
	if s.config.Table == "" {
		return fmt.Errorf("%w: SQL of the pipeline's own writes them", fencepost.ErrNoProvenance)
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
	var missing []string
	for _, name := range []string{fencepost.MetaTopic, fencepost.MetaPartition, fencepost.MetaOffset} {
		if t.column(name) == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: table %s has no %s", fencepost.ErrNoProvenance, s.config.Table, strings.Join(missing, ", "))
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
func appliedRow(v [][]byte) (a fencepost.Applied, err error) {
	p := parser{}
	if len(v) == 1 {
		a.Rows = p.int(v[0])
		return a, p.err
	}
	a.TopicPartition = p.partition(v)
	a.Offset, a.Rows = fencepost.Offset(p.int(v[2])), p.int(v[3])
	return a, p.err
}
