package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// historySQL is the recorded moves that @kept chooses with the open runs behind them.
const historySQL = "select * from (select 0 as open, id, topic, `partition`, cause, coalesce(held_until, 0), if(held_until is null, 0, held_epoch), " +
	"coalesce(held_fence, 0), held_topic_id, next_until, next_epoch, next_fence, next_topic_id, coalesce(at_most, -1), partitions, commits, " +
	"timestampdiff(microsecond, '1970-01-01', at), who, why from (@kept) m " +
	"union all select 1, 0, topic, `partition`, 'commit', run_from, run_epoch, fence, topic_id, until, leader_epoch, fence, topic_id, 0, 0, run_commits, " +
	"timestampdiff(microsecond, '1970-01-01', run_at), run_who, '' from @ledger where group_name = @group and run_commits > 0) h " +
	"order by open, id, topic, `partition`"

// versionSQL has a row if the ledger is another version's.
const versionSQL = "select version from @groups where group_name = '' and topic = '' and version <> 1; "

// allSQL chooses all moves.
const allSQL = "select * from @moves where group_name = @group"

// lastSQL chooses the last move of each partition and cause. The index fencepost_moves_last has them at the end of each
// of its groups, and the server goes from one end to the next. A ledger made before there was that index has none: the
// answer is the same, and takes a walk over all of the group's moves.
const lastSQL = "select m.* from (select max(id) as id from @moves where group_name = @group group by group_name, topic, `partition`, cause) l " +
	"join @moves m on m.id = l.id"

// history is the statement of moves of one kind.
func (t tables) history(kept string, g fencepost.Group) string {
	sql := strings.Replace(historySQL, "@kept", kept, 1)
	return fill(sql, "@groups", t.groups, "@moves", t.moves, "@ledger", t.ledger, "@group", quote(string(g)))
}

// LastMoves is the last moves of each partition.
func (l *Ledger) LastMoves(ctx context.Context, g fencepost.Group) (last map[fencepost.TopicPartition]ledger.LastMoves, err error) {
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	err = l.again(ctx, func(ctx context.Context) error {
		if err := l.open(ctx); err != nil {
			return err
		}
		res, err := l.session.exec(ctx, fill(versionSQL, "@groups", l.made.groups)+l.made.history(lastSQL, g))
		if err != nil {
			return l.failed(ctx, err)
		}
		if len(res) == 2 && len(res[0]) > 0 {
			return newer(int((&parser{}).int(res[0][0][0])))
		}
		last, err = ledger.LastMovesOf(func(yield func(ledger.Recorded, error) bool) {
			for _, r := range res[len(res)-1] {
				if m, err := recorded(r); !yield(m, err) || err != nil {
					return
				}
			}
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read last moves: %w", err)
	}
	return last, nil
}

// Moves yields what was kept, oldest first, with the open runs of merged commits last. It reads on a connection of its
// own, so that the caller may use the ledger meanwhile.
func (l *Ledger) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		fail := func(err error) { yield(ledger.Recorded{}, fmt.Errorf("read moves: %w", err)) }
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
		if _, err := findTables(ctx, &s); err != nil {
			fail(err)
			return
		}
		rows, err := s.conn.QueryContext(ctx, t.history(allSQL, g))
		if err != nil {
			fail(s.edge(ctx, err))
			return
		}
		defer rows.Close()
		raw, into := make([]sql.RawBytes, 19), make([]any, 19)
		for i := range raw {
			into[i] = &raw[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				fail(s.edge(ctx, err))
				return
			}
			r, err := recorded(cloneRow(raw))
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			fail(s.edge(ctx, err))
		}
	}
}

// recorded reads one row of historySQL.
func recorded(v [][]byte) (r ledger.Recorded, err error) {
	p := parser{}
	r.TopicPartition = p.partition(v[2:])
	if r.Cause, err = ledger.ParseCause(string(v[4])); err != nil {
		return r, fmt.Errorf("read moves: %w", err)
	}
	r.Held, r.Next = p.position(v[5:]), p.position(v[9:])
	r.AtMost, r.Partitions, r.Commits = p.int(v[13]), int32(p.int(v[14])), p.int(v[15])
	r.At, r.Who = time.UnixMicro(p.int(v[16])).UTC(), string(v[17])
	r.SetReason(string(v[18]))
	return r, p.err
}
