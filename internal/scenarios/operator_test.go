//go:build realservers

package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// resources is the scene for an operator's verbs.
func (s *scene) resources(topics ...string) admin.Resources {
	s.t.Helper()
	source, err := kafka.Open(kafka.Config{Brokers: []string{s.broker.Plaintext}, Group: s.group, Topics: topics})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = source.Leave(s.t.Context()) })
	held := s.store.ledger()
	return admin.Resources{Group: s.group, Ledger: held, History: held.(ledger.History), Cluster: source.Cluster(), Reader: source,
		Who: "oncall@bastion"}
}

// rewind sets all partitions of the group, and returns the offsets that are to be applied again.
func (s *scene) rewind(r admin.Resources, to string) map[fencepost.TopicPartition]fencepost.OffsetRange {
	s.t.Helper()
	v, err := admin.Look(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	target, err := admin.ParseDestination(to, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	p, err := admin.PlanSet(s.t.Context(), r, v, admin.Selection{}, target, false)
	if err != nil {
		s.t.Fatal(err)
	}
	done, err := p.Execute(s.t.Context(), r, "wrong rate")
	if err != nil {
		s.t.Fatal(err)
	}
	again := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for _, m := range done.Moves {
		again[m.TopicPartition] = fencepost.OffsetRange{From: m.Next.Offset, Until: m.Held.Offset}
	}
	return again
}

// O1 on a running pipeline, under load and idle: exactly 1,000 offsets of each partition are applied again, nothing is
// lost, and the worker is never restarted.
func TestO1RewindUnderLoad(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		const partitions, each = 3, 20_000
		name := s.topic(partitions)
		for p := range int32(partitions) {
			s.fill(at(name, p), each)
		}
		wk := s.run([]string{name}, func(set *setup) { set.engine.Batch.Records, set.engine.Rate = 200, 12_000 })
		for p := range int32(partitions) {
			eventually(t, fmt.Sprintf("%s is past 2,000", at(name, p)), func() error {
				if o := s.position(at(name, p)).Offset; o < 2000 {
					return fmt.Errorf("it is at %d", o)
				}
				return nil
			})
		}
		r := s.resources(name)
		during := s.rewind(r, "-1000")
		for tp, span := range during {
			if span.Until == each {
				t.Errorf("%s was at its end when it was rewound: there was no load", tp)
			}
		}
		for p := range int32(partitions) {
			s.reached(at(name, p), each)
		}
		idle := s.rewind(r, "-1000")
		count := map[fencepost.TopicPartition]map[fencepost.Offset]int{}
		eventually(t, "every rewound record is applied again", func() error {
			rows := s.store.rows(t)
			if want := partitions * (each + 2000); len(rows) != want {
				return fmt.Errorf("%d rows, want %d", len(rows), want)
			}
			for _, r := range rows {
				tp := at(r.topic, r.partition)
				if count[tp] == nil {
					count[tp] = map[fencepost.Offset]int{}
				}
				count[tp][fencepost.Offset(r.offset)]++
			}
			return nil
		})
		for p := range int32(partitions) {
			tp := at(name, p)
			for o := range fencepost.Offset(each) {
				want := 1
				for _, again := range []fencepost.OffsetRange{during[tp], idle[tp]} {
					if again.Len() != 1000 {
						t.Fatalf("%s went back by %d, want 1,000", tp, again.Len())
					}
					if again.From <= o && o < again.Until {
						want++
					}
				}
				if count[tp][o] != want {
					t.Fatalf("%s offset %d was applied %d times, want %d", tp, o, count[tp][o], want)
				}
			}
		}
		told, err := admin.Moves(t.Context(), r, admin.Filter{})
		if err != nil || len(told.Moves) != 3*partitions || told.Moves[partitions].Who != "oncall@bastion" || told.Moves[partitions].Why != "wrong rate" {
			t.Errorf("the history tells %+v, %v; want three starts and six rewinds", told.Moves, err)
		}
		wk.end()
	})
}

// O: an audit beside transactions, on a real log: markers and aborted records have offsets and no rows, and nothing is
// missing; then rows are deleted, doubled and made up, and each is found.
func TestAuditOfARealLog(t *testing.T) {
	onEachStore(t, audited)
	t.Run("mariadb", func(t *testing.T) {
		s, _ := onMariaDB(t, seenDDL)
		audited(t, s)
	})
}

func audited(t *testing.T, s *scene) {
	name := s.topic(2)
	s.produce(at(name, 0), "a", "b", "c")
	s.committed(at(name, 0), 4) // 3-6, its marker at 7
	s.wantLog(at(name, 0), 0, 8)
	s.aborted(at(name, 0), 2)     // 8-9, its marker at 10
	s.wantLog(at(name, 0), 0, 11) // a marker is written after the client has its answer
	s.produce(at(name, 0), "d")
	s.fill(at(name, 1), 5)
	s.aborted(at(name, 1), 1)
	s.toEnd([]string{name}, nil)
	r := s.resources(name)
	provenance, ok := s.store.sink(t, "seen", "").(sink.Provenance)
	if !ok {
		t.Fatal("the sink does not say which records its rows came from")
	}
	r.Provenance = provenance
	audit := func() (faults []string) {
		t.Helper()
		a, err := admin.Prove(t.Context(), r, admin.AuditOptions{KeepsCommits: true})
		if err != nil {
			t.Fatal(err)
		}
		if !a.Rows.Checked {
			t.Fatalf("rows were not checked: %+v", a.Findings)
		}
		for _, f := range a.Findings {
			if !f.OK {
				faults = append(faults, fmt.Sprintf("%s %d %s", f.Kind, f.Partition, f.Text))
			}
		}
		return faults
	}
	if got := audit(); len(got) != 0 {
		t.Errorf("a whole table: found %q", got)
	}
	s.store.exec(t, "delete from seen where _partition = 0 and _offset in (2, 3, 11)")
	s.store.exec(t, "insert into seen select * from seen where _partition = 1 and _offset = 4")
	s.store.exec(t, "insert into seen values ('"+name+"', 0, 8, 'aborted, and applied all the same'), ('"+name+"', 7, 1, '')")
	want := []string{"missing 0 2 records of [2 .. 4), still on the broker, have no row", "missing 0 1 record of offset 11, still on the broker, has no row",
		"doubled 1 offset 4: 2 rows, of commits that cover it once", "foreign 7 1 row (offset 1); the roster knows 2 partitions"}
	if got := audit(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found\n%q, want\n%q", got, want)
	}
}

// The lag in time is the age of the oldest unread record, behind markers too; what an open transaction holds back is
// blocked.
func TestLookAtARealLog(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	s.fill(at(name, 0), 3)
	s.fill(at(name, 1), 3)
	s.toEnd([]string{name}, nil)
	s.aborted(at(name, 0), 2)
	s.wantLog(at(name, 0), 0, 6)
	s.fill(at(name, 0), 1)
	s.begin(at(name, 1), 2)
	v, err := admin.Look(t.Context(), s.resources(name))
	if err != nil {
		t.Fatal(err)
	}
	one, two := v.Standings[0], v.Standings[1]
	if one.Lag != 4 || one.NextAt != 6 || one.LagTime < 0 || one.LagTime > time.Minute || one.Decision.Verdict != ledger.OK {
		t.Errorf("%s: lag %d, next record at %d, %s old, %s; want 4, 6, and ok", one.TopicPartition, one.Lag, one.NextAt, one.LagTime, one.Decision.Verdict)
	}
	if two.State != admin.Blocked || two.Lag != 2 {
		t.Errorf("%s is %s with lag %d, want blocked, 2", two.TopicPartition, two.State, two.Lag)
	}
	s.end(false)
}
