package sqlstore

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// versionSQL has a row if the ledger is another version's.
const versionSQL = `select version from @groups where group_name = '' and topic = '' and version <> 1; `

// historySQL is the recorded moves that @kept chooses with the open runs behind them, as one moment saw them.
const historySQL = `select * from (
 select 0 as open, id, topic, @partition, cause, coalesce(held_until, 0) as held, case when held_until is null then 0 else held_epoch end,
   coalesce(held_fence, 0) as held_fence, held_topic_id, next_until, next_epoch, next_fence, next_topic_id, coalesce(at_most, -1), partitions, commits,
   @at, who, why from (@kept) m
 union all
 select 1, 0, topic, @partition, 'commit', run_from, run_epoch, fence, topic_id, until, leader_epoch, fence, topic_id, 0, 0, run_commits,
   @run_at, run_who, '' from @ledger where group_name = @group and run_commits > 0) h
 order by open, id, topic, @partition`

// allSQL chooses all moves.
const allSQL = `select * from @moves where group_name = @group`

// History is the statements that read moves of one kind.
func (d *Dialect[S]) History(kept string, t Tables, g fencepost.Group) string {
	sql := Fill(historySQL, "@kept", kept, "@at", d.Ledger.Micros("at"), "@run_at", d.Ledger.Micros("run_at"))
	return d.fill(versionSQL+sql, t, g)
}

// Moves yields what was kept, oldest first, with the open runs of merged commits last. It reads on a connection of its
// own, so that the caller may use the ledger meanwhile.
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
	t, err := l.Tables(ctx)
	if err != nil {
		return err
	}
	own := d.Another(l.session)
	if _, err := own.Open(ctx); err != nil {
		return err
	}
	defer own.Drop()
	p := parser{topicIDs: d.Ledger.TopicID}
	err = d.Each(own, ctx, d.History(allSQL, t, g), func(row [][]byte) (bool, error) {
		r, err := p.recorded(row)
		return err == nil && yield(r, nil), err
	})
	return d.Errors.Edge(own, ctx, err)
}

// LastMoves is the last moves of each partition: by the index, or, without it, out of the whole history.
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
	p := parser{topicIDs: l.dialect.Ledger.TopicID}
	return ledger.LastMovesOf(func(yield func(ledger.Recorded, error) bool) {
		for _, rows := range some {
			for _, row := range rows {
				r, err := p.recorded(row)
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

// lastOfEachCause reads the rows that LedgerSQL.Last chooses, if there is the index to do so. A ledger made before there
// was one has none until its owner runs the DDL again: to make it here would keep every commit waiting meanwhile.
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
