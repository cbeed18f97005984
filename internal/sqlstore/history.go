package sqlstore

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// versionSQL selects a row if the ledger has another version.
const versionSQL = `select version from @groups where group_name = '' and topic = '' and version <> 1; `

// historySQL selects the recorded moves that @kept chooses, with the open runs behind them, as of one moment.
const historySQL = `select * from (
 select 0 as open, id, topic, @partition, cause, coalesce(held_until, 0) as held, case when held_until is null then 0 else held_epoch end,
   coalesce(held_fence, 0) as held_fence, held_topic_id, next_until, next_epoch, next_fence, next_topic_id, coalesce(at_most, -1), partitions, commits,
   @at, who, why from (@kept) m
 union all
 select 1, 0, topic, @partition, 'commit', run_from, run_epoch, fence, topic_id, until, leader_epoch, fence, topic_id, 0, 0, run_commits,
   @run_at, run_who, '' from @ledger where group_name = @group and run_commits > 0) h
 order by open, id, topic, @partition`

// allSQL selects all moves.
const allSQL = `select * from @moves where group_name = @group`

// History writes the statements that read the moves which kept chooses.
func (d *Dialect[S]) History(kept string, t Tables, g fencepost.Group) string {
	sql := Fill(historySQL, "@kept", kept, "@at", d.Ledger.Micros("at"), "@run_at", d.Ledger.Micros("run_at"))
	return d.fill(versionSQL+sql, t, g)
}

// Moves yields the moves that were kept, oldest first, with the open runs of merged commits last. It reads on a connection
// of its own, so that the caller may use the ledger meanwhile.
func (l *Ledger[S]) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		if err := l.moves(ctx, g, yield); err != nil {
			yield(ledger.Recorded{}, fmt.Errorf("read moves: %w", err))
		}
	}
}

func (l *Ledger[S]) moves(ctx context.Context, g fencepost.Group, yield func(ledger.Recorded, error) bool) error {
	d := l.dialect
	if err := d.sendable("group", string(g)); err != nil {
		return err
	}
	t, err := l.tables(ctx)
	if err != nil {
		return err
	}
	own := d.Another(l.session)
	if _, err := own.Open(ctx); err != nil {
		return err
	}
	defer own.Drop()
	p := Parser{TopicID: d.Ledger.TopicID}
	err = d.Each(own, ctx, d.History(allSQL, t, g), func(row [][]byte) (bool, error) {
		r, err := p.Recorded(row)
		return err == nil && yield(r, nil), err
	})
	return d.Errors.Edge(own, ctx, err)
}

// LastMoves returns the last moves of each partition: by the index or, without it, out of the whole history.
func (l *Ledger[S]) LastMoves(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]ledger.LastMoves, error) {
	if err := l.dialect.sendable("group", string(g)); err != nil {
		return nil, fmt.Errorf("read last moves: %w", err)
	}
	some, indexed, err := l.lastOfEachCause(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("read last moves: %w", err)
	}
	if !indexed {
		return ledger.LastMovesOf(l.Moves(ctx, g))
	}
	p := Parser{TopicID: l.dialect.Ledger.TopicID}
	return ledger.LastMovesOf(func(yield func(ledger.Recorded, error) bool) {
		for _, rows := range some {
			for _, row := range rows {
				r, err := p.Recorded(row)
				if err != nil {
					err = fmt.Errorf("read last moves: %w", err)
				}
				if !yield(r, err) {
					return
				}
			}
		}
	})
}

// lastOfEachCause reads the rows that LedgerSQL.Last selects, if the index for it exists. A ledger of an earlier release has
// no such index until its owner runs the DDL again: to make it here would keep every commit waiting meanwhile.
func (l *Ledger[S]) lastOfEachCause(ctx context.Context, g fencepost.Group) (rows []Rows, indexed bool, err error) {
	sql := &l.dialect.Ledger
	err = l.call(ctx, func(ctx context.Context) error {
		if sql.Indexed != "" {
			res, err := l.session.Exec(ctx, strings.ReplaceAll(sql.Indexed, "@moves", l.made.Moves))
			if err != nil {
				return l.dialect.failed(ctx, l.session, err)
			}
			if len(res[0]) == 0 {
				return nil
			}
		}
		indexed = true
		if rows, err = l.session.Exec(ctx, l.dialect.History(sql.Last, l.made, g)); err != nil {
			return l.dialect.failed(ctx, l.session, err)
		}
		return nil
	})
	return rows, indexed, err
}
