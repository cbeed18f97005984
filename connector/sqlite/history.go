package sqlite

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// page is how many moves are read in one transaction: a reader that takes its time must not hold back checkpoints.
const page = 1000

// Moves yields the recorded moves in the order in which they were written, and the open runs behind them, the one that
// was quiet longest first. A run is listed at its end.
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

// recordedColumns are those of sqlstore.Parser.Recorded, of a recorded move m. strftime gets the
// whole seconds of a time only: it counts in milliseconds, so that it would have to round the rest.
const recordedColumns = `0, m.id, m.topic, m.partition, m.cause, coalesce(m.held_until, 0), coalesce(m.held_epoch, 0), coalesce(m.held_fence, 0), m.held_topic_id,
  m.until, m.leader_epoch, m.fence, m.topic_id, m.at_most, m.partitions, m.commits,
  CAST(strftime('%s', substr(m.at, 1, 19)) AS INTEGER) * 1000000 + CAST(substr(m.at, 21) AS INTEGER), m.who, m.why`

// pageSQL is a page of moves, found by their id: by the index, every page would sort all moves behind it.
const pageSQL = `SELECT ` + recordedColumns + `
FROM main.fencepost_moves m NOT INDEXED WHERE group_name = ?1 AND id > ?2 ORDER BY id LIMIT ?3`

// openSQL is the runs that no other move has ended, the one that was quiet longest first.
const openSQL = `SELECT 1, 0, topic, partition, 'commit', run_from, run_epoch, fence, topic_id, until, leader_epoch, fence, topic_id, 0, 0, run_commits,
  CAST(strftime('%s', substr(run_at, 1, 19)) AS INTEGER) * 1000000 + CAST(substr(run_at, 21) AS INTEGER), run_who, ''
FROM main.fencepost_ledger WHERE group_name = ?1 AND run_commits > 0 ORDER BY run_at, topic, partition`

// history reads the moves behind id after, and the open runs with the last page, in one transaction: a run that ended
// in between would be in neither.
func (c *conn) history(g fencepost.Group, after int64) (some []ledger.Recorded, last int64, done bool, err error) {
	if _, err := c.header(); err != nil {
		return nil, after, false, err
	}
	rows, err := c.rows(pageSQL, g, after, page)
	if err != nil {
		return nil, after, false, err
	}
	if done = len(rows) < page; done {
		some, err = c.withOpenRuns(rows, g)
		return some, after, true, err
	}
	last, err = strconv.ParseInt(string(rows[page-1][1]), 10, 64)
	if err != nil {
		return nil, after, false, err
	}
	some, err = recorded(rows)
	return some, last, false, err
}

// withOpenRuns reads rows of recorded moves, and the open runs behind them. REQUIRES: a transaction.
func (c *conn) withOpenRuns(rows sqlstore.Rows, g fencepost.Group) ([]ledger.Recorded, error) {
	open, err := c.rows(openSQL, g)
	if err != nil {
		return nil, err
	}
	return recorded(append(rows, open...))
}

// lastSQL is the last move of each partition and cause, each with one step into the index fencepost_moves_last. No
// partition has moves that its topic's state does not count.
const lastSQL = `WITH RECURSIVE known (topic, partition, partitions) AS (
  SELECT topic, 0, partitions FROM main.fencepost_groups WHERE group_name = ?1 AND topic <> '' AND partitions > 0
  UNION ALL SELECT topic, partition + 1, partitions FROM known WHERE partition + 1 < partitions),
causes (cause) AS (VALUES ('start'), ('commit'), ('gap'), ('skip'), ('rewind'), ('import'))
SELECT ` + recordedColumns + `
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
	rows, err := c.rows(lastSQL, g)
	if err != nil {
		return nil, false, err
	}
	some, err = c.withOpenRuns(rows, g)
	return some, true, err
}

// recorded reads the rows of a history.
func recorded(rows sqlstore.Rows) (all []ledger.Recorded, err error) {
	p := sqlstore.Parser{}
	for _, row := range rows {
		r, err := p.Recorded(row)
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}
