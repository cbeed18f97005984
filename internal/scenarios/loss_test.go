//go:build realservers

package scenarios

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kadm"
)

// everywhere is pattern B's rule, `policy: earliest`.
func everywhere(set *setup) {
	set.engine.Policy = ledger.EarliestEverywhere(ledger.StartAt{})
}

// A topic of 2 records that were applied, deleted and made again: with 1 record the position lies past the end, with 5
// it lies inside the log and looks valid. Both are another topic.
func TestL1RecreatedWhileStopped(t *testing.T) {
	for _, n := range []int{1, 5} {
		t.Run(fmt.Sprintf("with %d", n), func(t *testing.T) {
			s := onPostgres(t)
			name, other := s.topic(1), s.topic(1)
			tp := at(name, 0)
			s.produce(tp, "old", "old")
			s.toEnd([]string{name, other}, nil)
			s.recreate(name, 1)
			for range n {
				s.produce(tp, "new")
			}
			wk := s.run([]string{name, other}, nil)
			if p := wk.parked(tp, "recreated"); p.Lost != ledger.UnknownLoss {
				t.Errorf("lost %d, want unknown", p.Lost)
			}
			s.fill(at(other, 0), 1)
			s.eventuallyRows(at(other, 0), 0) // others go on
			wk.end()
			s.wantRows(tp, 0, 1)

			s.toEnd([]string{name, other}, everywhere)
			s.wantRows(tp, append([]int64{0, 1}, span(0, int64(n))...)...)
			if got, want := strings.Join(s.values(tp), " "), "old old"+strings.Repeat(" new", n); got != want {
				t.Errorf("applied %s, want %s", got, want)
			}
		})
	}
}

// The same under a running worker.
func TestL1RecreatedWhileRunning(t *testing.T) {
	for _, n := range []int{1, 5} {
		t.Run(fmt.Sprintf("with %d", n), func(t *testing.T) {
			s := onPostgres(t)
			name := s.topic(1)
			tp := at(name, 0)
			s.produce(tp, "old", "old")
			wk := s.run([]string{name}, everywhere)
			s.reached(tp, 2)
			s.recreate(name, 1)
			for range n {
				s.produce(tp, "new")
			}
			s.eventuallyRows(tp, append([]int64{0, 1}, span(0, int64(n))...)...)
			s.reached(tp, fencepost.Offset(n))
			wk.end()
			s.wantMoves("start 0 absent>0 0", "start 0 2>0 -1")
		})
	}
}

// staleOnce is a cluster that answers one question about bounds with an end from before: a broker that lags.
type staleOnce struct {
	source.Cluster
	end  fencepost.Offset
	told atomic.Bool
}

func (c *staleOnce) LogOffsets(ctx context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	got := c.Cluster.LogOffsets(ctx, asks)
	if c.told.CompareAndSwap(false, true) {
		for tp, b := range got {
			b.LastStableOffset, b.HighWatermark = c.end, c.end
			got[tp] = b
		}
	}
	return got
}

type staleSource struct {
	*kafka.Source
	cluster source.Cluster
}

func (s staleSource) Cluster() source.Cluster { return s.cluster }

// One answer with an end below the position, then the right one: nothing is lost, nothing is moved.
func TestL2StaleEndOnce(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 5)
	s.toEnd([]string{name}, nil)
	wk := s.run([]string{name}, func(set *setup) {
		source, err := kafka.Open(set.kafka)
		if err != nil {
			t.Fatal(err)
		}
		set.engine.Source = staleSource{source, &staleOnce{Cluster: source, end: 3}}
		everywhere(set) // a stale answer taken for a fresh one would rewind
	})
	if at := wk.settled(tp, ledger.StaleMetadata); !at.Running || at.Offset != 5 {
		t.Errorf("settled as %+v, want running at 5", at)
	}
	s.fill(tp, 1)
	s.eventuallyRows(tp, span(0, 6)...)
	wk.end()
	s.wantMoves("start 0 absent>0 0")
}

// A position past the end: with the defaults its partition parks and the others go on; with `policy: earliest` it is
// one rewind, recorded.
func TestL4PositionPastTheEnd(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	tp := at(name, 0)
	s.fill(tp, 3)
	s.toEnd([]string{name}, nil)
	s.move(tp, ledger.CauseImport, 100)

	wk := s.run([]string{name}, nil)
	if p := wk.parked(tp, "truncated"); p.Offset != 100 {
		t.Errorf("parked at %d, want 100", p.Offset)
	}
	s.fill(at(name, 1), 2)
	s.eventuallyRows(at(name, 1), 0, 1)
	wk.end()
	s.wantRows(tp, 0, 1, 2)

	s.toEnd([]string{name}, everywhere)
	s.wantRows(tp, 0, 1, 2, 0, 1, 2)
	s.wantMoves("start 0 absent>0 0", "start 1 absent>0 0", "import 0 3>100 0", "rewind 0 100>0 0")
}

// Two partitions are bad, one below earliest and one above the end: one pass decides both.
func TestL6TwoVerdictsInOnePass(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	s.fill(at(name, 0), 2)
	s.toEnd([]string{name}, nil)
	s.fill(at(name, 0), 6)
	s.deleteBefore(at(name, 0), 5)
	s.move(at(name, 1), ledger.CauseImport, 7)
	wk := s.run([]string{name}, nil)
	pass := await(wk, "both are settled", func(e engine.Reconciled) bool { return len(e.Partitions) == 2 })
	if a, b := pass.Partitions[0], pass.Partitions[1]; a.Verdict != ledger.AgedOut || b.Verdict != ledger.Truncated {
		t.Errorf("verdicts %s and %s, want aged out and truncated", a.Verdict, b.Verdict)
	}
	if p := wk.parked(at(name, 0), "aged-out"); p.Lost != 3 {
		t.Errorf("lost %d, want 3", p.Lost)
	}
	wk.parked(at(name, 1), "truncated")
	wk.end()
}

// A topic that is deleted under a running worker parks; made again, it is noticed by itself.
func TestL7TopicDeletedWhileRunning(t *testing.T) {
	s := onPostgres(t)
	name, other := s.topic(1), s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 2)
	wk := s.run([]string{name, other}, everywhere)
	s.reached(tp, 2)
	s.remove(name)
	wk.parked(tp, "topic-missing")
	s.fill(at(other, 0), 1)
	s.eventuallyRows(at(other, 0), 0)
	s.create(name, 1)
	s.fill(tp, 3)
	s.eventuallyRows(tp, 0, 1, 0, 1, 2)
	wk.end()
}

// Partitions that are added under a running worker are read from their start, with `start: latest` too.
func TestL8PartitionsAddedWhileRunning(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(5)
	s.fill(at(name, 0), 2)
	wk := s.run([]string{name}, func(set *setup) { set.engine.Policy.Start.Kind = ledger.StartLatest })
	wk.settled(at(name, 0), ledger.New)
	r, err := s.adm.UpdatePartitions(t.Context(), 10, name)
	if err != nil || r.Error() != nil {
		t.Fatalf("add partitions: %v, %v", err, r.Error())
	}
	s.wantLog(at(name, 9), 0, 0)
	s.renew() // the old producer knows five
	for p := range int32(10) {
		s.fill(at(name, p), 2)
	}
	s.eventuallyRows(at(name, 0), 2, 3)
	for p := int32(5); p < 10; p++ {
		s.eventuallyRows(at(name, p), 0, 1)
	}
	wk.end()
}

// An empty ledger under a group that has run is refused, and says what to do; --resume refuses every empty one.
func TestL9EmptyLedger(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	s.fill(at(name, 0), 3)

	f := s.run([]string{name}, func(set *setup) { set.engine.Resume = true }).fault("ledger-empty")
	if codes.Exit(f) != 4 || !strings.Contains(codes.Remedy(f), "--resume") {
		t.Errorf("--resume: exit %d, help %q", codes.Exit(f), codes.Remedy(f))
	}

	// Another program has kept this group's offsets in Kafka alone.
	s.commitOffset(at(name, 0), 2)
	f = s.run([]string{name}, nil).fault("ledger-empty")
	if codes.Exit(f) != 4 || !strings.Contains(codes.Remedy(f), "restore the ledger") {
		t.Errorf("exit %d, help %q", codes.Exit(f), codes.Remedy(f))
	}
	s.wantRows(at(name, 0))
	if !s.snapshot().Empty() {
		t.Error("the refused run wrote to the ledger")
	}
}

// One row of the ledger is gone: the topics knows that it was there, so the partition parks and nothing is replayed.
func TestL10LostRow(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *scene) {
		name := s.topic(2)
		for p := range int32(2) {
			s.fill(at(name, p), 3)
		}
		s.toEnd([]string{name}, nil)
		s.store.exec(t, fmt.Sprintf("delete from fencepost_ledger where topic = '%s' and partition = 0", name))
		wk := s.run([]string{name}, nil)
		wk.parked(at(name, 0), "lost-row")
		for p := range int32(2) {
			s.fill(at(name, p), 1)
		}
		s.eventuallyRows(at(name, 1), 0, 1, 2, 3)
		wk.end()
		s.wantRows(at(name, 0), 0, 1, 2)
	})
}

// `start: latest`, and the worker dies with its first batch in hand: its partitions start where the start move begins,
// not where the log ends now.
func TestL10DeadBeforeItsFirstCommit(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	s.fill(at(name, 0), 5)
	e := s.errand(name)
	e.Latest, e.Stop = true, "in-hand"
	p := send(t, e)
	s.reached(at(name, 0), 5) // the start move
	s.fill(at(name, 0), 3)
	s.fill(at(name, 1), 1)
	p.says("at in-hand")
	p.kill()
	s.fill(at(name, 0), 2)
	s.toEnd([]string{name}, func(set *setup) { set.engine.Policy.Start.Kind = ledger.StartLatest })
	s.wantRows(at(name, 0), 5, 6, 7, 8, 9)
	s.wantRows(at(name, 1), 0)
}

// A second ledger under one group name: refused when it begins, and while it runs, naming the first.
func TestL11SecondLedger(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	tp := at(name, 0)
	second := newPostgresStore(t, seenDDL)
	elsewhere := func(set *setup) { set.engine.Sink = second.sink(t, "seen", "") }

	// Both begin before the first commit: nothing is mirrored yet, and both may join.
	one, two := s.run([]string{name}, nil), s.run([]string{name}, elsewhere)
	holds := func(a engine.Assigned) bool { return len(a.Partitions) > 0 }
	await(one, "a partition is assigned", holds)
	await(two, "a partition is assigned", holds)
	two.stop()
	if err := two.wait(); err != nil {
		t.Fatal(err)
	}
	s.fill(tp, 3)
	s.fill(at(name, 1), 3)
	s.mirrored(tp, 3)

	f := s.run([]string{name}, elsewhere).fault("other-ledger")
	first, other := s.snapshot().Ledger.Short(), readID(t, second)
	if codes.Exit(f) != 4 || !strings.Contains(f.Error(), "kept by ledger "+first) || !strings.Contains(f.Error(), "this is "+other) {
		t.Errorf("refused with exit %d: %s; want both ledgers named, %s and %s", f.Exit, f, first, other)
	}
	if n := second.number(t, "select count(*) from seen"); n != 0 {
		t.Errorf("%d rows stand in the second", n)
	}
	s.eventuallyRows(tp, 0, 1, 2)
	s.eventuallyRows(at(name, 1), 0, 1, 2)
	one.end()
}

// The second is refused on assignment too: it began before the first had committed anything.
func TestL11SecondLedgerOnAssignment(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	second := newPostgresStore(t, seenDDL)
	one := s.run([]string{name}, nil)
	one.settled(at(name, 0), ledger.New)
	two := s.run([]string{name}, func(set *setup) { set.engine.Sink = second.sink(t, "seen", "") })
	eventually(t, "the second has joined", func() error {
		g, err := s.adm.DescribeGroups(t.Context(), string(s.group))
		if n := len(g[string(s.group)].Members); err == nil && n != 2 {
			err = fmt.Errorf("%d members", n)
		}
		return err
	})
	s.fill(at(name, 0), 3)
	s.mirrored(at(name, 0), 3)
	one.end() // the second is assigned its partition
	two.fault("other-ledger")
	if n := second.number(t, "select count(*) from seen"); n != 0 {
		t.Errorf("%d rows stand in the second", n)
	}
}

// The brokers of another cluster, with a topic of the same name: the group's offsets say nothing about it.
func TestL11AnotherCluster(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	s.fill(at(name, 0), 3)
	s.toEnd([]string{name}, nil)

	away := newScene(t, servers.OwnKafka(t).Broker, s.store)
	away.group = s.group
	away.create(name, 1)
	away.fill(at(name, 0), 5)
	wk := away.run([]string{name}, everywhere)
	wk.parked(at(name, 0), "other-cluster")
	wk.end()
	s.wantRows(at(name, 0), 0, 1, 2)
	s.wantMoves("start 0 absent>0 0")
}

// Three records and a marker, all applied; then retention empties the log. The position is its end: nothing is lost,
// which a position behind the last record, 3, would not say.
func TestL12RetentionEmptiesAnAppliedLog(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1, "retention.ms", "1000", "segment.ms", "500", "file.delete.delay.ms", "100")
	tp := at(name, 0)
	s.committed(tp, 3)
	s.toEnd([]string{name}, nil)
	s.wantLog(tp, 4, 4)
	wk := s.run([]string{name}, nil)
	if at := wk.settled(tp, ledger.OK); at.Offset != 4 || !at.Running {
		t.Errorf("settled as %+v, want running at 4", at)
	}
	wk.end()
	s.wantRows(tp, 0, 1, 2)
	s.wantMoves("start 0 absent>0 0")
}

// The leader moves, and then a transaction is aborted: the last record is of the old epoch, the last entry of the new
// one, and the position's epoch is the entry's. With the record's, the old epoch's end would look like a truncation.
func TestL13AbortedTransactionInANewEpoch(t *testing.T) {
	t.Parallel()
	broker := servers.OwnKafka(t)
	s := newScene(t, broker.Broker, newPostgresStore(t, seenDDL))
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 10)
	wk := s.run([]string{name}, nil)
	s.reached(tp, 10)
	was := s.position(tp).LeaderEpoch
	broker.Stop()
	broker.Start()
	s.aborted(tp, 3) // 10-12, 13*
	s.reached(tp, 14)
	wk.end()
	if now := s.position(tp).LeaderEpoch; now <= was {
		t.Fatalf("the position's epoch is %d after the leader moved, and was %d: this tests nothing", now, was)
	}
	wk = s.run([]string{name}, everywhere) // a false truncation would rewind
	wk.settled(tp, ledger.OK)
	wk.end()
	s.wantRows(tp, span(0, 10)...)
	s.wantMoves("start 0 absent>0 0")
}

// Brokers that say nothing, and then one that is gone and comes back: the partition waits, and goes on by itself.
func TestL14SilentBroker(t *testing.T) {
	t.Parallel()
	broker := servers.OwnKafka(t)
	s := newScene(t, broker.Broker, newPostgresStore(t, seenDDL))
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 3)
	wk := s.run([]string{name}, everywhere)
	s.reached(tp, 3)
	broker.Freeze()
	await(wk, "the silence is told", func(e engine.Silent) bool { return !e.Ended && e.Err != nil })
	await(wk, "the watch fails", func(r engine.Retrying) bool { return r.What == "watch" })
	broker.Thaw()
	await(wk, "the end of the silence is told", func(e engine.Silent) bool { return e.Ended })
	s.fill(tp, 2)
	s.eventuallyRows(tp, span(0, 5)...)

	broker.Kill()
	await(wk, "the group is lost with its broker", func(r engine.Revoked) bool { return r.Lost })
	broker.Start()
	s.fill(tp, 2)
	s.eventuallyRows(tp, span(0, 7)...)
	broker.Kill()
	await(wk, "the second end of its broker is told", func(e engine.Silent) bool { return !e.Ended && len(heard[engine.Revoked](wk)) > 1 })
	wk.end() // without an error (H6)
	s.wantMoves("start 0 absent>0 0")
	if p := heard[engine.Parked](wk); len(p) > 0 {
		t.Errorf("parked: %+v", p)
	}
}

// A topic that the worker may not read any more waits too, and goes on once it may again.
func TestL14UnauthorisedTopic(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	user := kadm.NewACLs().Allow("User:" + servers.PlainUser).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral)
	s.allow(user.Topics(name).Groups(string(s.group)).Operations(kadm.OpRead, kadm.OpDescribe))
	s.fill(tp, 2)
	wk := s.run([]string{name}, func(set *setup) {
		set.kafka.Brokers, set.kafka.TLS = []string{s.broker.SASL}, kafka.TLS{Enabled: true, CA: s.broker.TLS.CA}
		set.kafka.SASL = kafka.SASL{Mechanism: "PLAIN", Credentials: func(context.Context) (kafka.Credentials, error) {
			return kafka.Credentials{User: servers.PlainUser, Password: servers.PlainPassword}, nil
		}}
		everywhere(set)
	})
	s.reached(tp, 2)
	topic := kadm.NewACLs().Allow("User:"+servers.PlainUser).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).
		Topics(name).Operations(kadm.OpRead, kadm.OpDescribe)
	if _, err := s.adm.DeleteACLs(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	await(wk, "it waits", func(w engine.Waiting) bool { return w.TopicPartition == tp })
	s.fill(tp, 2)
	s.allow(topic)
	s.eventuallyRows(tp, span(0, 4)...)
	wk.end()
	s.wantMoves("start 0 absent>0 0")
	if p := heard[engine.Parked](wk); len(p) > 0 {
		t.Errorf("parked: %+v", p)
	}
}

// allow adds ACLs.
func (s *scene) allow(acl *kadm.ACLBuilder) {
	s.t.Helper()
	rs, err := s.adm.CreateACLs(s.t.Context(), acl)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range rs {
		if r.Err != nil {
			s.t.Fatal(r.Err)
		}
	}
}

// A cloned database has the identity of its original, so that the mirror's ledger does not differ: a worker on it is not
// refused. The sign is that the group has gone further than the clone, and that is reported at its start; the original's
// rows and positions are not concerned.
func TestL11ClonedDatabase(t *testing.T) {
	t.Parallel()
	server := servers.Postgres(t)
	dsn := server.Database(t)
	s := newScene(t, servers.Kafka(t), openPostgresStore(t, dsn, seenDDL))
	name := s.topic(1)
	tp := at(name, 0)
	s.fill(tp, 3)
	s.toEnd([]string{name}, nil)

	clone := clonedDatabase(t, server, dsn)
	s.store = openPostgresStore(t, dsn, "")
	s.fill(tp, 2)
	s.toEnd([]string{name}, nil)
	s.mirrored(tp, 5)

	second := openPostgresStore(t, clone, "")
	wk := s.run([]string{name}, func(set *setup) { set.engine.Sink = second.sink(t, "seen", "") })
	if at := wk.settled(tp, ledger.MirrorAhead); at.Offset != 3 || !strings.Contains(at.Reason, "the Kafka group holds 5, the ledger 3") {
		t.Errorf("settled at %d: %s", at.Offset, at.Reason)
	}
	wk.end()
	s.wantRows(tp, span(0, 5)...)
	s.reached(tp, 5)
}
