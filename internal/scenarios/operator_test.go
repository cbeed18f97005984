//go:build realservers

package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/kafka"
)

// rooms is the scene for an operator's verbs.
func (s *scene) rooms(topics ...string) admin.Rooms {
	s.t.Helper()
	source, err := kafka.Open(kafka.Config{Brokers: []string{s.broker.Plaintext}, Group: s.group, Topics: topics})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = source.Leave(s.t.Context()) })
	ledger := s.store.ledger()
	return admin.Rooms{Group: s.group, Ledger: ledger, History: ledger.(fencepost.History), Cluster: source.Cluster(), Reader: source,
		Who: "oncall@bastion"}
}

// rewind sets all partitions of the group, and returns the offsets that are to be applied again.
func (s *scene) rewind(r admin.Rooms, to string) map[fencepost.TopicPartition]fencepost.OffsetRange {
	s.t.Helper()
	v, err := admin.Look(s.t.Context(), r)
	if err != nil {
		s.t.Fatal(err)
	}
	target, ok := admin.ParseTarget(to, admin.Forms{}, time.Now())
	if !ok {
		s.t.Fatalf("%s is no target", to)
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
		r := s.rooms(name)
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
