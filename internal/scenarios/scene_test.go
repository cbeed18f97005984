//go:build realservers

package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// TestMain is also the way into the worker processes that tests start: see process_test.go.
func TestMain(m *testing.M) {
	if text := os.Getenv(errandEnv); text != "" {
		os.Exit(runErrand(text))
	}
	servers.Main(m)
}

// patience bounds every wait of a test for a fact. It ends only what would never come.
const patience = 2 * time.Minute

// scene is one test's part of the world: topics and a group of its own on a broker, a store of its own.
type scene struct {
	t      *testing.T
	broker servers.Broker
	group  fencepost.Group
	store  store

	cl  *kgo.Client
	adm *kadm.Client
	tx  *kgo.Client // nil until a transaction is begun
}

// onPostgres is a scene on the shared servers with the usual table, and runs beside others.
func onPostgres(t *testing.T) *scene {
	t.Helper()
	t.Parallel()
	return newScene(t, servers.Kafka(t), newPostgresStore(t, seenDDL))
}

// onEachStore runs a test on Postgres and on SQLite.
func onEachStore(t *testing.T, test func(*testing.T, *scene)) {
	for name, open := range map[string]func(*testing.T, string) store{
		"postgres": func(t *testing.T, ddl string) store { return newPostgresStore(t, ddl) },
		"sqlite":   func(t *testing.T, ddl string) store { return newSQLiteStore(t, ddl) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newScene(t, servers.Kafka(t), open(t, seenDDL)))
		})
	}
}

func newScene(t *testing.T, broker servers.Broker, s store) *scene {
	t.Helper()
	sc := &scene{t: t, broker: broker, group: fencepost.Group(servers.Name(t)), store: s}
	sc.cl = sc.client()
	sc.adm = kadm.NewClient(sc.cl)
	return sc
}

// client is a Kafka client of the test's own; partitions are what a record says.
func (s *scene) client(opts ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	cl, err := kgo.NewClient(append(append(servers.Quick(), kgo.SeedBrokers(s.broker.Plaintext),
		kgo.RecordPartitioner(kgo.ManualPartitioner())), opts...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	return cl
}

// topic makes one with a name that no other test has. configs are name, value, name, value.
func (s *scene) topic(partitions int32, configs ...string) string {
	s.t.Helper()
	name := servers.Name(s.t)
	s.create(name, partitions, configs...)
	return name
}

func (s *scene) create(name string, partitions int32, configs ...string) {
	s.t.Helper()
	settings := map[string]*string{}
	for i := 0; i < len(configs); i += 2 {
		settings[configs[i]] = &configs[i+1]
	}
	var made kadm.TopicID
	eventually(s.t, "topic "+name+" is made", func() error {
		r, err := s.adm.CreateTopic(s.t.Context(), partitions, 1, settings, name)
		made = r.ID
		return errors.Join(err, r.Err)
	})
	eventually(s.t, "topic "+name+" is known", func() error {
		topics, err := s.adm.ListTopics(s.t.Context(), name)
		if id := topics[name].ID; err != nil || id != made {
			return errors.Join(err, fmt.Errorf("its ID is %s, and %s was made", id, made)) // the one before is still known
		}
		l, err := s.adm.ListEndOffsets(s.t.Context(), name)
		if n := len(l[name]); err == nil && n != int(partitions) {
			return fmt.Errorf("it has %d partitions", n)
		}
		return errors.Join(err, l.Error())
	})
}

func (s *scene) remove(name string) {
	s.t.Helper()
	if _, err := s.adm.DeleteTopic(s.t.Context(), name); err != nil {
		s.t.Fatalf("delete topic %s: %v", name, err)
	}
	s.renew()
}

// renew makes a new client: a producer keeps a topic's ID for ever, and its partition count for a while.
func (s *scene) renew() {
	s.t.Helper()
	s.cl = s.client()
	s.adm = kadm.NewClient(s.cl)
}

// recreate deletes a topic and makes it again under the same name.
func (s *scene) recreate(name string, partitions int32) {
	s.t.Helper()
	s.remove(name)
	s.create(name, partitions)
}

// produce appends records with these values to a partition.
func (s *scene) produce(tp fencepost.TopicPartition, values ...string) {
	s.t.Helper()
	s.write(s.cl, records(tp, values...)...)
}

// fill appends n records, whose values are not looked at.
func (s *scene) fill(tp fencepost.TopicPartition, n int) {
	s.t.Helper()
	s.produce(tp, make([]string, n)...)
}

func (s *scene) write(cl *kgo.Client, rs ...*kgo.Record) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := cl.ProduceSync(ctx, rs...).FirstErr(); err != nil {
		s.t.Fatalf("produce to %s: %v", rs[0].Topic, err)
	}
}

func records(tp fencepost.TopicPartition, values ...string) []*kgo.Record {
	rs := make([]*kgo.Record, len(values))
	for i, v := range values {
		rs[i] = &kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Value: []byte(v)}
	}
	return rs
}

// begin writes n records in a transaction that stays open. They are acknowledged when it returns.
func (s *scene) begin(tp fencepost.TopicPartition, n int) {
	s.t.Helper()
	if s.tx == nil {
		s.tx = s.client(kgo.TransactionalID(servers.Name(s.t)))
	}
	if err := s.tx.BeginTransaction(); err != nil {
		s.t.Fatalf("begin transaction: %v", err)
	}
	s.write(s.tx, records(tp, make([]string, n)...)...)
}

func (s *scene) end(how kgo.TransactionEndTry) {
	s.t.Helper()
	if err := s.tx.EndTransaction(s.t.Context(), how); err != nil {
		s.t.Fatalf("end transaction: %v", err)
	}
}

// committed is a whole transaction of n records and its marker; aborted is one that is taken back.
func (s *scene) committed(tp fencepost.TopicPartition, n int) { s.begin(tp, n); s.end(kgo.TryCommit) }
func (s *scene) aborted(tp fencepost.TopicPartition, n int)   { s.begin(tp, n); s.end(kgo.TryAbort) }

// deleteBefore moves a partition's earliest record to at.
func (s *scene) deleteBefore(tp fencepost.TopicPartition, at int64) {
	s.t.Helper()
	var os kadm.Offsets
	os.Add(kadm.Offset{Topic: tp.Topic, Partition: tp.Partition, At: at})
	r, err := s.adm.DeleteRecords(s.t.Context(), os)
	if err := errors.Join(err, r.Error()); err != nil {
		s.t.Fatalf("delete records of %s before %d: %v", tp, at, err)
	}
}

// wantLog checks that a test made the log it thinks it made: first and next offset of a partition.
func (s *scene) wantLog(tp fencepost.TopicPartition, earliest, end int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%s is [%d .. %d)", tp, earliest, end), func() error {
		from, err1 := s.adm.ListStartOffsets(s.t.Context(), tp.Topic)
		until, err2 := s.adm.ListEndOffsets(s.t.Context(), tp.Topic)
		f, _ := from.Lookup(tp.Topic, tp.Partition)
		u, _ := until.Lookup(tp.Topic, tp.Partition)
		if f.Offset != earliest || u.Offset != end {
			return fmt.Errorf("it is [%d .. %d)", f.Offset, u.Offset)
		}
		return errors.Join(err1, err2, f.Err, u.Err)
	})
}

// mirrored waits until the Kafka group holds an offset of a partition: what a second ledger would see.
func (s *scene) mirrored(tp fencepost.TopicPartition, at int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("the group's offset of %s is %d", tp, at), func() error {
		os, err := s.adm.FetchOffsets(s.t.Context(), string(s.group))
		if err != nil {
			return err
		}
		if o, ok := os.Lookup(tp.Topic, tp.Partition); !ok || o.At != at {
			return fmt.Errorf("it is %d", o.At)
		}
		return nil
	})
}

// signed waits until the group's offset of a partition names the worker that has it.
func (s *scene) signed(tp fencepost.TopicPartition, who string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("the group's offset of %s names worker %s", tp, who), func() error {
		os, err := s.adm.FetchOffsets(s.t.Context(), string(s.group))
		if err != nil {
			return err
		}
		if o, _ := os.Lookup(tp.Topic, tp.Partition); !strings.Contains(o.Metadata, "who="+who) {
			return fmt.Errorf("it is %q", o.Metadata)
		}
		return nil
	})
}

// snapshot is what the ledger holds of the group.
func (s *scene) snapshot() ledger.Snapshot {
	s.t.Helper()
	snap, err := s.store.ledger().Read(s.t.Context(), s.group)
	if err != nil {
		s.t.Fatalf("read ledger: %v", err)
	}
	return snap
}

func (s *scene) position(tp fencepost.TopicPartition) ledger.Position {
	s.t.Helper()
	return s.snapshot().Positions[tp]
}

// reached waits until the ledger holds a position.
func (s *scene) reached(tp fencepost.TopicPartition, at fencepost.Offset) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%s is at %d", tp, at), func() error {
		if p := s.position(tp); p.Absent() || p.Offset != at {
			return fmt.Errorf("it is at %d", p.Offset)
		}
		return nil
	})
}

// moves is what the ledger recorded of the group, oldest first.
func (s *scene) moves() (list []ledger.Recorded) {
	s.t.Helper()
	for m, err := range s.store.ledger().(ledger.History).Moves(s.t.Context(), s.group) {
		if err != nil {
			s.t.Fatalf("read moves: %v", err)
		}
		list = append(list, m)
	}
	return list
}

// wantMoves checks the moves other than commits, as `cause partition from>until atmost`.
func (s *scene) wantMoves(want ...string) {
	s.t.Helper()
	var got []string
	for _, m := range s.moves() {
		if m.Cause == ledger.CauseCommit {
			continue
		}
		from := "absent"
		if !m.Held.Absent() {
			from = fmt.Sprint(m.Held.Offset)
		}
		got = append(got, fmt.Sprintf("%s %d %s>%d %d", m.Cause, m.Partition, from, m.Next.Offset, m.AtMost))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("moves beside commits are %q, want %q", got, want)
	}
}

// move records one move by hand, as `fencepost offsets set` would: another fence, the position as it is now.
func (s *scene) move(tp fencepost.TopicPartition, cause ledger.Cause, to fencepost.Offset) {
	s.t.Helper()
	eventually(s.t, "the move is taken", func() error { // a running worker may commit in between
		snap := s.snapshot()
		held := snap.Positions[tp]
		next := held
		next.Offset, next.LeaderEpoch, next.Fence = to, fencepost.NoEpoch, newFence()
		err := s.store.ledger().Move(s.t.Context(), ledger.Actor{Group: s.group, ClusterID: snap.ClusterID, Who: "operator@test"},
			[]ledger.Move{{TopicPartition: tp, Held: held, Next: next, Cause: cause, Why: "the test says so"}})
		return err
	})
}

// wantRows checks the offsets in the store for a partition, in the order in which they were applied.
func (s *scene) wantRows(tp fencepost.TopicPartition, want ...int64) {
	s.t.Helper()
	if got := s.offsets(tp); fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s was applied as %v, want %v", tp, got, want)
	}
}

// eventuallyRows waits until a partition's rows are these.
func (s *scene) eventuallyRows(tp fencepost.TopicPartition, want ...int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("the rows of %s are %v", tp, want), func() error {
		if got := s.offsets(tp); fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("they are %v", got)
		}
		return nil
	})
}

func (s *scene) offsets(tp fencepost.TopicPartition) (list []int64) {
	s.t.Helper()
	for _, r := range s.store.rows(s.t) {
		if r.topic == tp.Topic && r.partition == tp.Partition {
			list = append(list, r.offset)
		}
	}
	return list
}

// values is the rows in the store for a partition, in the order in which they were applied.
func (s *scene) values(tp fencepost.TopicPartition) (list []string) {
	s.t.Helper()
	for _, r := range s.store.rows(s.t) {
		if r.topic == tp.Topic && r.partition == tp.Partition {
			list = append(list, r.value)
		}
	}
	return list
}

// eventually waits for a condition of a server, of which it sends no news.
func eventually(t testing.TB, what string, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
		<-tick.C
	}
}

func at(topic string, p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: topic, Partition: p}
}

// span is [from, until) as a list.
func span(from, until int64) (list []int64) {
	for o := from; o < until; o++ {
		list = append(list, o)
	}
	return list
}

// commitOffset commits to the Kafka group as another program would.
func (s *scene) commitOffset(tp fencepost.TopicPartition, to int64) {
	s.t.Helper()
	os := kadm.Offsets{}
	os.Add(kadm.Offset{Topic: tp.Topic, Partition: tp.Partition, At: to, LeaderEpoch: -1})
	if err := s.adm.CommitAllOffsets(s.t.Context(), string(s.group), os); err != nil {
		s.t.Fatalf("commit offset of %s: %v", tp, err)
	}
}

// readID is a ledger's identity as messages name it.
func readID(t *testing.T, s store) string {
	t.Helper()
	snap, err := s.ledger().Read(t.Context(), "any")
	if err != nil {
		t.Fatal(err)
	}
	return snap.Ledger.Short()
}
