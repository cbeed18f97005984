package postgres

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// historySQL is the version, and the recorded moves that @kept chooses with the open runs behind them, as one moment saw
// them.
const historySQL = `select version from @groups where group_name = '' and topic = '' and version <> 1; select * from (
 select 0 as open, id, topic, partition, cause, coalesce(held_until, 0) as held, case when held_until is null then 0 else held_epoch end,
   coalesce(held_fence, 0) as held_fence, held_topic_id, next_until, next_epoch, next_fence, next_topic_id, coalesce(at_most, -1), partitions, commits,
   (extract(epoch from at) * 1000000)::bigint, who, why from (@kept) m
 union all
 select 1, 0, topic, partition, 'commit', run_from, run_epoch, fence, topic_id, until, leader_epoch, fence, topic_id, 0, 0, run_commits,
   (extract(epoch from run_at) * 1000000)::bigint, run_who, '' from @ledger where group_name = @g and run_commits > 0) h
 order by open, id, topic, partition`

// allSQL chooses all moves.
const allSQL = `select * from @moves where group_name = @g`

// lastSQL chooses the last move of each partition and cause, each with one step into the index fencepost_moves_last. No
// partition has moves that the Roster does not count. The cause is compared as a range: by it the order is one that only
// this index has. Else the planner, after some samples of ANALYZE, walks back the primary key and passes whole partitions.
const lastSQL = `select last.* from @groups r cross join generate_series(0, r.partitions - 1) p (partition)
   cross join unnest(array['start', 'commit', 'gap', 'skip', 'rewind', 'import']) c (cause)
   cross join lateral (select * from @moves where group_name = @g and topic = r.topic and partition = p.partition and cause >= c.cause and cause <= c.cause
     order by cause desc, id desc limit 1) last
   where r.group_name = @g and r.topic <> ''`

// indexSQL has a row if that index is there. A ledger made before there was one has none until its owner runs the DDL
// again: to make it here would keep every commit waiting meanwhile.
const indexSQL = `select from pg_index i join pg_class c on c.oid = i.indexrelid
 where i.indrelid = '@moves'::regclass and c.relname = 'fencepost_moves_last' and i.indisvalid`

// history is the statement of moves of one kind.
func (t tables) history(kept string, g fencepost.Group) string {
	sql := strings.Replace(historySQL, "@kept", kept, 1)
	return strings.NewReplacer("@groups", t.groups, "@moves", t.moves, "@ledger", t.ledger, "@g", quote(string(g))).Replace(sql)
}

// LastMoves is the last moves of each partition: by the index, or, without it, out of the whole history.
func (l *Ledger) LastMoves(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]ledger.LastMoves, error) {
	if err := checkText("group", string(g)); err != nil {
		return nil, fmt.Errorf("read last moves: %w", err)
	}
	some, indexed, err := l.lastOfEachCause(ctx, g)
	if err != nil {
		return nil, fmt.Errorf("read last moves: %w", err)
	}
	if !indexed {
		return ledger.LastMovesOf(l.Moves(ctx, g))
	}
	return ledger.LastMovesOf(func(yield func(ledger.Recorded, error) bool) {
		for _, r := range some {
			if m, err := recorded(r); !yield(m, err) || err != nil {
				return
			}
		}
	})
}

// lastOfEachCause reads the rows that lastSQL chooses, if there is the index to do so.
func (l *Ledger) lastOfEachCause(ctx context.Context, g fencepost.Group) (rows [][][]byte, indexed bool, err error) {
	if err := l.turn.take(ctx); err != nil {
		return nil, false, err
	}
	defer l.turn.give()
	if err := l.open(ctx); err != nil {
		return nil, false, err
	}
	res, err := l.session.exec(ctx, strings.ReplaceAll(indexSQL, "@moves", l.made.moves))
	if err != nil {
		return nil, false, l.failed(ctx, err)
	}
	if len(res[0].Rows) == 0 {
		return nil, false, nil
	}
	if res, err = l.session.exec(ctx, l.made.history(lastSQL, g)); err != nil {
		return nil, false, l.failed(ctx, err)
	}
	for _, r := range res {
		rows = append(rows, r.Rows...)
	}
	return rows, true, nil
}

// Moves yields what was kept, oldest first, with the open runs of merged commits last. It reads on a connection of its
// own, so that the caller may use the ledger meanwhile.
func (l *Ledger) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		fail := func(err error) { yield(ledger.Recorded{}, fmt.Errorf("read moves: %w", err)) }
		if err := checkText("group", string(g)); err != nil {
			fail(err)
			return
		}
		t, err := l.tables(ctx)
		if err != nil {
			fail(err)
			return
		}
		s := session{config: l.session.config}
		if _, err := s.open(ctx); err != nil {
			fail(err)
			return
		}
		defer s.drop()
		many := s.conn.PgConn().Exec(ctx, t.history(allSQL, g))
		for many.NextResult() {
			for r := many.ResultReader(); r.NextRow(); {
				m, err := recorded(r.Values())
				if !yield(m, err) || err != nil {
					return // drop ends the query
				}
			}
		}
		if err := many.Close(); err != nil {
			fail(s.edge(ctx, err))
		}
	}
}

// recorded reads one row of historySQL.
func recorded(v [][]byte) (r ledger.Recorded, err error) {
	p := parser{}
	if len(v) == 1 {
		return r, fmt.Errorf("read moves: %w", newer(int(p.int(v[0]))))
	}
	r.TopicPartition = p.partition(v[2:])
	if r.Cause, err = ledger.ParseCause(string(v[4])); err != nil {
		return r, fmt.Errorf("read moves: %w", err)
	}
	position := func(v [][]byte) ledger.Position {
		return p.position([][]byte{v[0], v[1], v[2], v[3]})
	}
	r.Held, r.Next = position(v[5:]), position(v[9:])
	r.AtMost, r.Partitions, r.Commits = p.int(v[13]), int32(p.int(v[14])), p.int(v[15])
	r.At, r.Who = time.UnixMicro(p.int(v[16])).UTC(), string(v[17])
	r.SetReason(string(v[18]))
	return r, p.err
}
