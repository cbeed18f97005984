//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/servers"
)

// backfill runs ranges under a group of their own beside the scene's, as the command does. Its error is the plan's, or
// the run's.
func (s *scene) backfill(topic, name string, texts ...string) error {
	s.t.Helper()
	ranges, err := admin.ParseRanges(texts)
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.resources(topic)
	r.Group = s.group + "-backfill-" + fencepost.Group(name)
	b, err := admin.PlanBackfill(s.t.Context(), r, s.group, admin.BackfillAsk{Ranges: ranges}, "the test says so")
	if err != nil {
		return err
	}
	if err := b.Start(s.t.Context(), r); err != nil || b.Left() == 0 {
		return err
	}
	ends := b.Ends()
	var tps []fencepost.TopicPartition
	for tp := range ends {
		tps = append(tps, tp)
	}
	wk := s.run(nil, func(set *setup) {
		set.kafka = kafka.Config{Brokers: set.kafka.Brokers, Group: r.Group, Partitions: tps, Watch: watch}
		set.engine.Group, set.engine.Until = r.Group, engine.Until{Offsets: ends}
	})
	if err := wk.wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, wk.story())
	}
	if err := b.ReadBack(s.t.Context(), r); err != nil || b.Left() > 0 {
		s.t.Errorf("backfill %s ends with %d left, %v", name, b.Left(), err)
	}
	return nil
}

// wantOutside checks that a range was refused, and nothing of it applied.
func (s *scene) wantOutside(err error, say string) {
	s.t.Helper()
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || f.Code != "range-outside" || codes.Exit(f) != 4 || !strings.Contains(f.Error(), say) {
		s.t.Errorf("the range is refused with %v, want range-outside: %s", err, say)
	}
}

// A log of 4: [0,4) is exactly those, [0,0) is nothing, and [0,5) is refused: never a short read. The pipeline that
// applied them before stays where it is, and its worker is never refused.
func TestR1RangesByBackfill(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		name := s.topic(2)
		tp := at(name, 0)
		s.fill(tp, 4)
		s.fill(at(name, 1), 4)
		wk := s.run([]string{name}, nil)
		s.reached(tp, 4)
		s.reached(at(name, 1), 4)
		before := s.snapshot().Positions
		s.wantOutside(s.backfill(name, "long", name+":0:0..5"), "the log ends at 4")
		s.wantOutside(s.backfill(name, "half", name+":1:0..4", name+":0:0..5"), "1 of 2 ranges")
		s.wantRows(tp, 0, 1, 2, 3)
		for _, empty := range []string{":0:0..0", ":0:4..4"} {
			if err := s.backfill(name, "none", name+empty); err != nil {
				t.Errorf("%s: %v", empty, err)
			}
		}
		for range 2 { // the second finds it done
			if err := s.backfill(name, "whole", name+":0:0..4"); err != nil {
				t.Fatal(err)
			}
			s.wantRows(tp, 0, 1, 2, 3, 0, 1, 2, 3)
		}
		if err := s.backfill(name, "inner", name+":0:1..3"); err != nil {
			t.Fatal(err)
		}
		s.wantRows(tp, 0, 1, 2, 3, 0, 1, 2, 3, 1, 2)
		s.wantRows(at(name, 1), 0, 1, 2, 3)
		for tp, was := range before {
			if now := s.position(tp); now != was {
				t.Errorf("the pipeline's position of %s is %+v, and was %+v", tp, now, was)
			}
		}
		if refused := heard[engine.Refused](wk); len(refused) > 0 {
			t.Errorf("the pipeline was refused: %+v", refused)
		}
		s.deleteBefore(tp, 2)
		s.wantOutside(s.backfill(name, "gone", name+":0:0..4"), "[0 .. 2) is gone")
		s.begin(tp, 2)
		s.wantOutside(s.backfill(name, "open", name+":0:2..6"), "an open transaction holds it back at 4")
		s.end(kgo.TryAbort) // 4 and 5 are aborted, the marker is 6
		s.wantLog(tp, 2, 7)
		if err := s.backfill(name, "aborted", name+":0:3..5"); err != nil {
			t.Fatal(err)
		}
		s.wantRows(tp, 0, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3)
		wk.end()
	})
}

// Seven keyed records of which compaction leaves three: [0,7) is those three, and the range is whole; [0,8) is refused.
// A range whose end fell into what was compacted reaches its end all the same.
func TestR2CompactedRangeByBackfill(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1, "cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.001", "segment.ms", "500",
		"max.compaction.lag.ms", "500", "delete.retention.ms", "100")
	tp := at(name, 0)
	for i, key := range strings.Split("a b a b c a b", " ") { // 4 c, 5 a, 6 b stay
		s.write(s.cl, &kgo.Record{Topic: name, Key: []byte(key), Value: fmt.Append(nil, i)})
	}
	end := s.compacted(tp, 4, 5, 6)
	if end <= 7 {
		t.Fatalf("the log ends at %d", end)
	}
	s.wantOutside(s.backfill(name, "long", fmt.Sprintf("%s:0:0..%d", name, end+1)), "the log ends at")
	if err := s.backfill(name, "seven", name+":0:0..7"); err != nil {
		t.Fatal(err)
	}
	s.wantRows(tp, 4, 5, 6)
	if err := s.backfill(name, "hole", name+":0:0..3"); err != nil { // nothing of it is left
		t.Fatal(err)
	}
	s.wantRows(tp, 4, 5, 6)
	snap, err := s.store.ledger().Read(t.Context(), s.group+"-backfill-hole")
	if err != nil || snap.Positions[tp].Offset != 3 {
		t.Errorf("the position of a range of which nothing is left is %+v, %v, want 3", snap.Positions[tp], err)
	}
}

// compacted appends records of another key, so that segments grow old and are closed, until of the first seven offsets
// these are left. It returns the log's end.
func (s *scene) compacted(tp fencepost.TopicPartition, left ...int64) (end int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%v are left", left), func() error {
		s.write(s.cl, &kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Key: []byte("roll")})
		if got := s.below(tp, 7); fmt.Sprint(got) != fmt.Sprint(left) {
			return fmt.Errorf("%v are left", got)
		}
		return nil
	})
	until, err := s.adm.ListEndOffsets(s.t.Context(), tp.Topic)
	if err != nil {
		s.t.Fatal(err)
	}
	o, _ := until.Lookup(tp.Topic, tp.Partition)
	return o.Offset
}

// below reads which offsets in front of one a log still has. REQUIRES: it has one at or behind it.
func (s *scene) below(tp fencepost.TopicPartition, end int64) (list []int64) {
	s.t.Helper()
	cl, err := kgo.NewClient(append(servers.Quick(), kgo.SeedBrokers(s.broker.Plaintext), kgo.ConsumePartitions(
		map[string]map[int32]kgo.Offset{tp.Topic: {tp.Partition: kgo.NewOffset().AtStart()}}))...)
	if err != nil {
		s.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		for _, r := range cl.PollFetches(ctx).Records() {
			if r.Offset >= end {
				return list
			}
			list = append(list, r.Offset)
		}
	}
	s.t.Fatalf("nothing at or behind %d came", end)
	return nil
}
