package sqlite

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
)

// page is how many moves are read in one transaction: a reader that takes its time must not hold back checkpoints.
const page = 1000

// Moves yields the recorded moves in the order in which they were written, and the open runs behind them, the one that
// was quiet longest first. A run stands where it ended.
func (l *sinkLedger) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		last, done := int64(0), false
		for !done {
			var some []ledger.Recorded
			err := (*Sink)(l).with(ctx, func(c *conn) error {
				return c.read(ctx, func() (err error) {
					some, last, done, err = c.history(g, last)
					return err
				})
			})
			if err != nil {
				yield(ledger.Recorded{}, fmt.Errorf("read moves of group %s: %w", g, err))
				return
			}
			for _, m := range some {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// pageSQL is a page of moves, found by their id: by the index, every page would sort all moves behind it.
const pageSQL = `SELECT until, leader_epoch, fence, topic_id, held_until, held_epoch, held_fence, held_topic_id,
  topic, partition, cause, at_most, partitions, commits, at, who, why, id
FROM main.fencepost_moves NOT INDEXED WHERE group_name = ?1 AND id > ?2 ORDER BY id LIMIT ?3`

// history reads the moves behind id after, and the open runs with the last page, in one transaction: a run that ended
// in between would be in neither.
func (c *conn) history(g fencepost.Group, after int64) (some []ledger.Recorded, last int64, done bool, err error) {
	if _, err := c.header(); err != nil {
		return nil, after, false, err
	}
	st, err := c.stmt(pageSQL)
	if err != nil {
		return nil, after, false, err
	}
	st.BindInt64(2, after)
	st.BindInt64(3, page)
	last = after
	some, err = recorded(st, g, func() { last = st.ColumnInt64(17) })
	if err != nil || len(some) == page {
		return some, last, false, err
	}
	open, err := c.openRuns(g)
	return append(some, open...), last, true, err
}

// openRuns reads the runs that no other move has ended, the one that was quiet longest first. REQUIRES: a transaction.
func (c *conn) openRuns(g fencepost.Group) ([]ledger.Recorded, error) {
	runs, err := c.stmt(`SELECT until, leader_epoch, fence, topic_id, run_from, run_epoch, fence, topic_id,
  topic, partition, 'commit', 0, 0, run_commits, run_at, run_who, ''
FROM main.fencepost_ledger WHERE group_name = ?1 AND run_commits > 0 ORDER BY run_at, topic, partition`)
	if err != nil {
		return nil, err
	}
	return recorded(runs, g, func() {})
}

// lastSQL is the last move of each partition and cause, each with one step into the index fencepost_moves_last. No
// partition has moves that the Roster does not count.
const lastSQL = `WITH RECURSIVE known (topic, partition, partitions) AS (
  SELECT topic, 0, partitions FROM main.fencepost_groups WHERE group_name = ?1 AND topic <> '' AND partitions > 0
  UNION ALL SELECT topic, partition + 1, partitions FROM known WHERE partition + 1 < partitions),
causes (cause) AS (VALUES ('start'), ('commit'), ('gap'), ('skip'), ('rewind'), ('import'))
SELECT m.until, m.leader_epoch, m.fence, m.topic_id, m.held_until, m.held_epoch, m.held_fence, m.held_topic_id,
  m.topic, m.partition, m.cause, m.at_most, m.partitions, m.commits, m.at, m.who, m.why
FROM known CROSS JOIN causes CROSS JOIN main.fencepost_moves m ON m.id = (
  SELECT l.id FROM main.fencepost_moves l INDEXED BY fencepost_moves_last
  WHERE l.group_name = ?1 AND l.topic = known.topic AND l.partition = known.partition AND l.cause = causes.cause
  ORDER BY l.id DESC LIMIT 1)
ORDER BY m.id`

// LastMoves is the last moves of each partition: by the index, or, without it, out of the whole history.
func (l *sinkLedger) LastMoves(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]ledger.LastMoves, error) {
	var some []ledger.Recorded
	indexed := false
	err := (*Sink)(l).with(ctx, func(c *conn) error {
		return c.read(ctx, func() (err error) {
			some, indexed, err = c.lastOfEachCause(g)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read last moves of group %s: %w", g, err)
	}
	if !indexed {
		return ledger.LastMovesOf(l.Moves(ctx, g))
	}
	return ledger.LastMovesOf(func(yield func(ledger.Recorded, error) bool) {
		for _, m := range some {
			if !yield(m, nil) {
				return
			}
		}
	})
}

// lastOfEachCause reads what lastSQL says, and the open runs behind it. A ledger made before there was the index has
// none until its owner runs the DDL again: to make it here would keep every commit waiting meanwhile. REQUIRES: a
// transaction.
func (c *conn) lastOfEachCause(g fencepost.Group) (some []ledger.Recorded, indexed bool, err error) {
	if _, err := c.header(); err != nil {
		return nil, false, err
	}
	n, err := c.text("SELECT count(*) FROM main.sqlite_schema WHERE type = 'index' AND name = 'fencepost_moves_last'")
	if err != nil || n == "0" {
		return nil, false, err
	}
	st, err := c.stmt(lastSQL)
	if err != nil {
		return nil, false, err
	}
	if some, err = recorded(st, g, func() {}); err != nil {
		return nil, false, err
	}
	open, err := c.openRuns(g)
	return append(some, open...), true, err
}

// recorded reads the rows of a history query and calls each for every one.
func recorded(st *sqlite.Stmt, g fencepost.Group, each func()) (all []ledger.Recorded, err error) {
	defer st.Reset()
	st.BindText(1, string(g))
	for {
		has, err := st.Step()
		if err != nil || !has {
			return all, err
		}
		var r ledger.Recorded
		if r.Next, err = position(st); err != nil {
			return all, err
		}
		if !st.ColumnIsNull(4) {
			id, err := fencepost.ParseTopicID(st.ColumnText(7))
			if err != nil {
				return all, err
			}
			r.Held = ledger.Position{Offset: fencepost.Offset(st.ColumnInt64(4)), LeaderEpoch: fencepost.LeaderEpoch(st.ColumnInt64(5)),
				Fence: ledger.Fence(st.ColumnInt64(6)), TopicID: id}
		}
		r.Topic, r.Partition = st.ColumnText(8), st.ColumnInt32(9)
		if r.Cause, err = ledger.ParseCause(st.ColumnText(10)); err != nil {
			return all, err
		}
		r.AtMost, r.Partitions, r.Commits = st.ColumnInt64(11), st.ColumnInt32(12), st.ColumnInt64(13)
		if r.At, err = time.Parse(timeLayout, st.ColumnText(14)); err != nil {
			return all, err
		}
		r.Who = st.ColumnText(15)
		r.SetReason(st.ColumnText(16))
		all = append(all, r)
		each()
	}
}
