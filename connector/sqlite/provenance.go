package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"iter"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

var _ sink.Provenance = (*Sink)(nil)

// Applied counts the rows of each record, by the table's provenance columns. It holds the ledger's connection, and in it
// a reading transaction, until it has read them: writers go on, checkpoints wait.
func (s *Sink) Applied(ctx context.Context) iter.Seq2[sink.Applied, error] {
	return sqlstore.Applied(func(yield func(sink.Applied, error) bool) error {
		return s.with(ctx, func(c *conn) error {
			return c.read(ctx, func() error { return s.applied(c, yield) })
		})
	})
}

func (s *Sink) applied(c *conn, yield func(sink.Applied, error) bool) error {
	name := cmp.Or(s.cfg.Table, s.cfg.Audit)
	if name == "" {
		return sqlstore.ErrOwnSQL
	}
	t, err := c.table(name)
	if err != nil {
		return err
	}
	if err := sqlstore.NamesRecords(name, func(name string) bool { return t.column(name) != nil }); err != nil {
		return err
	}
	table := "main." + quote(name)
	n, err := c.text("SELECT count(*) FROM " + table + " WHERE _topic IS NULL OR _partition IS NULL OR _offset IS NULL")
	if err != nil {
		return err
	}
	var none sink.Applied
	if _, err := fmt.Sscan(n, &none.Rows); err != nil {
		return err
	}
	if none.Rows > 0 && !yield(none, nil) {
		return nil
	}
	places := "0"
	if t.column(fencepost.MetaIndex) != nil {
		places = "count(DISTINCT " + fencepost.MetaIndex + ")"
	}
	st, err := c.stmt("SELECT _topic, _partition, _offset, count(*), " + places + " FROM " + table +
		" WHERE _topic IS NOT NULL AND _partition IS NOT NULL AND _offset IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
	if err != nil {
		return err
	}
	defer st.Reset()
	return eachApplied(st, yield)
}

func eachApplied(st *sqlite.Stmt, yield func(sink.Applied, error) bool) error {
	for {
		has, err := st.Step()
		if err != nil || !has {
			return err
		}
		a := sink.Applied{TopicPartition: fencepost.TopicPartition{Topic: st.ColumnText(0), Partition: st.ColumnInt32(1)},
			Offset: fencepost.Offset(st.ColumnInt64(2)), Rows: st.ColumnInt64(3), Places: st.ColumnInt64(4)}
		if !yield(a, nil) {
			return nil
		}
	}
}
