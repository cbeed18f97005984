package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
)

// sinkLedger is the Sink as a ledger.Ledger and ledger.History.
type sinkLedger Sink

var (
	_ ledger.Ledger  = (*sinkLedger)(nil)
	_ ledger.History = (*sinkLedger)(nil)
	_ ledger.Recent  = (*sinkLedger)(nil)
)

// Read returns the group's content as of one moment. It creates the file and the ledger if there is none.
func (l *sinkLedger) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	var snap ledger.Snapshot
	err := (*Sink)(l).with(ctx, func(c *conn) error {
		return c.read(ctx, func() (err error) {
			snap, err = c.snapshot(g)
			return err
		})
	})
	if err != nil {
		return ledger.Snapshot{}, fmt.Errorf("read ledger of group %s: %w", g, err)
	}
	return snap, nil
}

// Move makes all moves or none.
func (l *sinkLedger) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	moves, err := ledger.InOrder(moves)
	if err != nil {
		return err
	}
	err = (*Sink)(l).with(ctx, func(c *conn) error {
		return c.write(ctx, func() error { return c.change(w, moves, l.cfg.KeepCommits) })
	})
	if err != nil {
		return fmt.Errorf("move ledger of group %s: %w", w.Group, err)
	}
	return nil
}

// snapshot reads a group's content. REQUIRES: a transaction.
func (c *conn) snapshot(g fencepost.Group) (snap ledger.Snapshot, err error) {
	if snap.Ledger, err = c.header(); err != nil {
		return snap, err
	}
	if snap.ClusterID, snap.Topics, err = c.group(g); err != nil {
		return snap, err
	}
	snap.Positions, err = c.positions(g)
	return snap, err
}

// group reads a group's cluster and topics.
func (c *conn) group(g fencepost.Group) (cluster string, roster map[string]ledger.TopicState, err error) {
	rows, err := c.rows(`SELECT topic, cluster_id, topic_id, partitions FROM main.fencepost_groups WHERE group_name = ?1`, g)
	if err != nil {
		return "", nil, err
	}
	p := sqlstore.Parser{}
	return p.Roster(rows)
}

// positions reads what the ledger holds of a group.
func (c *conn) positions(g fencepost.Group) (map[fencepost.TopicPartition]ledger.Position, error) {
	rows, err := c.rows(`SELECT topic, partition, until, leader_epoch, fence, topic_id FROM main.fencepost_ledger WHERE group_name = ?1`, g)
	if err != nil {
		return nil, err
	}
	p := sqlstore.Parser{}
	return p.Positions(rows)
}

// rows reads the rows of a query as text. Its first parameter is the group, the others are more.
func (c *conn) rows(query string, g fencepost.Group, more ...int64) (all sqlstore.Rows, err error) {
	st, err := c.stmt(query)
	if err != nil {
		return nil, err
	}
	defer st.Reset()
	st.BindText(1, string(g))
	for i, n := range more {
		st.BindInt64(2+i, n)
	}
	for {
		has, err := st.Step()
		if err != nil || !has {
			return all, err
		}
		all = append(all, textRow(st))
	}
}

// textRow is the row that a statement is at, as text; nil is null.
func textRow(st *sqlite.Stmt) [][]byte {
	row := make([][]byte, st.ColumnCount())
	for i := range row {
		if st.ColumnType(i) != sqlite.TypeNull {
			row[i] = []byte(st.ColumnText(i))
		}
	}
	return row
}

// bindKey binds a partition's key to the first three parameters.
func bindKey(st *sqlite.Stmt, g fencepost.Group, tp fencepost.TopicPartition) {
	st.BindText(1, string(g))
	st.BindText(2, tp.Topic)
	st.BindInt64(3, int64(tp.Partition))
}

// change makes all moves, or returns an error for which the transaction has to be rolled back. It is the one way in
// which the ledger changes. REQUIRES: the write lock; moves are valid, distinct and in partition order.
func (c *conn) change(w ledger.Actor, moves []ledger.Move, keep ledger.KeepCommits) error {
	if w.Group == "" {
		return errors.New("the group has no name")
	}
	if err := c.admit(w); err != nil {
		return err
	}
	r := recorder{conn: c, writer: w, keep: keep, at: time.Now().UTC().Format(timeLayout)}
	starts := false
	for i, m := range moves {
		ok, err := r.move(m)
		if err != nil {
			return fmt.Errorf("move %s: %w", m.TopicPartition, err)
		}
		if !ok {
			return c.refused(w.Group, moves[i:])
		}
		starts = starts || m.Enrolls()
	}
	if !starts {
		return nil
	}
	return c.enroll(w.Group, moves)
}

// admit compares version and cluster, and gives a group without a cluster the writer's.
func (c *conn) admit(w ledger.Actor) error {
	st, err := c.stmt(`SELECT s.version, g.cluster_id FROM main.fencepost_groups s
  LEFT JOIN main.fencepost_groups g ON g.group_name = ?1 AND g.topic = '' WHERE s.group_name = '' AND s.topic = ''`)
	if err != nil {
		return err
	}
	defer st.Reset()
	st.BindText(1, string(w.Group))
	has, err := st.Step()
	if err != nil {
		return err
	}
	if !has {
		return errNoLedger
	}
	if err := checkVersion(st.ColumnInt64(0)); err != nil {
		return err
	}
	cluster := st.ColumnText(1)
	switch {
	case w.ClusterID == "" || cluster == w.ClusterID:
		return nil
	case cluster != "":
		return fmt.Errorf("%w: the ledger's is %s, these brokers' is %s", ledger.ErrOtherCluster, cluster, w.ClusterID)
	}
	set, err := c.stmt(`INSERT INTO main.fencepost_groups (group_name, topic, cluster_id) VALUES (?1, '', ?2)
  ON CONFLICT DO UPDATE SET cluster_id = excluded.cluster_id`)
	if err != nil {
		return err
	}
	set.BindText(1, string(w.Group))
	set.BindText(2, w.ClusterID)
	return exhaust(set)
}

// refused compares moves, of which the first is refused already, with what the ledger holds. Those before them held.
func (c *conn) refused(g fencepost.Group, moves []ledger.Move) error {
	held, err := c.positions(g)
	if err != nil {
		return err
	}
	if err := ledger.Compare(held, moves); err != nil {
		return err
	}
	return fmt.Errorf("move %s: the compare-and-set changed no row, and yet the ledger holds what was expected", moves[0].TopicPartition)
}

// enroll raises the topics by the starts and imports among moves.
func (c *conn) enroll(g fencepost.Group, moves []ledger.Move) error {
	_, roster, err := c.group(g)
	if err != nil {
		return err
	}
	after, err := ledger.Enroll(roster, moves)
	if err != nil {
		return err
	}
	st, err := c.stmt(`INSERT INTO main.fencepost_groups (group_name, topic, topic_id, partitions) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT DO UPDATE SET topic_id = excluded.topic_id, partitions = excluded.partitions`)
	if err != nil {
		return err
	}
	for topic, e := range after {
		st.BindText(1, string(g))
		st.BindText(2, topic)
		st.BindText(3, e.TopicID.String())
		st.BindInt64(4, int64(e.Partitions))
		if err := exhaust(st); err != nil {
			return fmt.Errorf("write roster of topic %s: %w", topic, err)
		}
	}
	return nil
}
