//go:build realservers

package postgres

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
)

// A user's SQL that throws away what the server prepared costs one flush, and no batch.
func TestDeallocateAll(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, Config{SQL: "deallocate all; insert into flights (value, n) select value, n from batch"}).start(1)
	for range 3 {
		if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if rows, until := one[int64](t, s, "select count(*) from flights"), one[int64](t, s, "select until from fencepost_ledger"); rows != 9 || until != 9 {
		t.Errorf("%d rows, and the ledger is at %d; want 9 and 9", rows, until)
	}
	if state := w.lane.(*lane).session.sparse.state; state != prepareNever {
		t.Errorf("the statement is in state %d, want it given up", state)
	}
}

// A ledger that is altered, or replaced under its names, under a statement that the server keeps: the next batch is in the
// tables that now have the names, once.
func TestPreparedOverChangedTables(t *testing.T) {
	for name, change := range map[string]string{
		"column":  "alter table fencepost_ledger add column note text default 'x' not null",
		"type":    "alter table fencepost_ledger alter column leader_epoch type bigint",
		"vacuum":  "vacuum full fencepost_ledger",
		"replace": "alter table fencepost_ledger rename to old; create table fencepost_ledger (like old including all); insert into fencepost_ledger select * from old",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			w := s.worker(t, Config{Table: "flights"}).start(1)
			for n := range int64(4) {
				if err := w.commit(t.Context(), w.batch(0, 3)); err != nil {
					t.Fatal(err)
				}
				if rows, until := one[int64](t, s, "select count(*) from flights"), one[int64](t, s, "select until from fencepost_ledger"); rows != 3*n+3 || until != rows {
					t.Fatalf("after %d commits: %d rows, and the ledger is at %d", n+1, rows, until)
				}
				if n == 1 {
					for part := range strings.SplitSeq(change, ";") {
						s.exec(t, part)
					}
				}
			}
			if state := w.lane.(*lane).session.sparse.state; state != prepareKept {
				t.Errorf("the statement is in state %d, want it kept", state)
			}
		})
	}
}

// inKeyOrder are the two plans that lock in the order of the moves. The moves are read first, and each of them looks for its
// row in the primary key; or the rows of one topic are merged with the moves, by partition.
var inKeyOrder = map[string]*regexp.Regexp{
	"sparse": regexp.MustCompile(`Update on fencepost_ledger l.*\n\s*->  Nested Loop.*\n\s*->  Function Scan on m.*\n` +
		`\s*->  Index Scan using fencepost_ledger_pkey on fencepost_ledger l.*\n\s*Index Cond: \(\(group_name = .*topic = .*partition = `),
	"dense": regexp.MustCompile(`Update on fencepost_ledger l.*\n\s*->  Merge Join.*\n\s*Merge Cond: \([lm].partition = [lm].partition\)\n`),
}

// The compare-and-set of merged commits locks rows in (topic, partition) order, whatever the planner knows of the table and
// however many moves it expects.
func TestMergedLocksInKeyOrder(t *testing.T) {
	for _, rows := range []int{1, 12, 300, 20_000} {
		s := &store{dsn: servers.Postgres(t).Database(t), wire: &wire{}}
		w := s.worker(t, Config{Table: "t"}).start(1)
		s.exec(t, fmt.Sprintf(`insert into fencepost_ledger (group_name, topic, partition, until)
			select case p %% 3 when 0 then 'g' else 'o' || p %% 3 end, 'flights', p, 0 from generate_series(1, %d) p`, rows-1))
		for _, know := range []string{"nothing", "the table"} {
			if know != "nothing" {
				s.exec(t, "vacuum analyze fencepost_ledger")
			}
			for _, n := range []int32{1, 12, 1_000} {
				for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
					plans := w.plans(n, mode)
					for form, plan := range plans {
						if !inKeyOrder[form].MatchString(plan) {
							t.Errorf("%s of %d moves in %d rows, where the planner knows %s and the mode is %s:\n%s", form, n, rows, know, mode, plan)
						}
					}
					if want := map[bool]int{true: 2, false: 1}[n >= 64]; len(plans) != want {
						t.Errorf("%d plans for %d moves, want %d", len(plans), n, want)
					}
				}
			}
		}
	}
}

// plans are the plans for n moves, by form.
func (w *worker) plans(n int32, mode string) map[string]string {
	w.t.Helper()
	session := w.lane.(*lane).session
	tables := sqlstore.Tables{Groups: "fencepost_groups", Ledger: "fencepost_ledger", Moves: "fencepost_moves"}
	plans := map[string]string{}
	for _, spread := range []int32{1, 1_000} {
		commits := sqlstore.Commits{Writer: w.as, Keep: ledger.KeepMerged}
		for p := range n {
			m := w.emptyBatch(1).Moves[0]
			m.Partition = p * spread
			commits.Moves = append(commits.Moves, m)
		}
		form, statement := "sparse", &session.sparse
		if dense(commits.Moves) {
			form, statement = "dense", &session.dense
		}
		statement.connected(false) // so that it is prepared anew
		sql := "begin; set local plan_cache_mode = " + mode + "; " + session.compare(tables, commits) + "rollback"
		res, err := session.exec(w.t.Context(), strings.Replace(sql, "execute fencepost_", "explain execute fencepost_", 1))
		if err != nil {
			w.t.Fatal(err)
		}
		var plan strings.Builder
		for _, r := range res {
			if r.CommandTag.String() == "EXPLAIN" {
				for _, line := range r.Rows {
					plan.Write(append(line[0], '\n'))
				}
			}
		}
		plans[form] = plan.String()
	}
	return plans
}
