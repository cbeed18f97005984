package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledgertest"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// books is one group's ledger on a cluster, with a topic whose offsets are committed.
type books struct {
	*bench
	store *ledgerStore
	topic string
	w     fencepost.Writer
}

func onEachLedger(t *testing.T, partitions int32, test func(*testing.T, *books)) {
	onEach(t, func(t *testing.T, b *bench) {
		k := &books{bench: b, store: newLedgerStore(b), topic: b.topic(partitions), w: fencepost.Writer{Group: fencepost.Group(unique(t)), Who: "w@test"}}
		test(t, k)
	})
}

func (k *books) ledger(keep fencepost.KeepCommits) *Ledger {
	k.t.Helper()
	l, err := OpenLedger(LedgerConfig{Brokers: k.addrs, Topic: k.store.topic, Keep: keep})
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { l.Close() })
	return l
}

func newFence() fencepost.Fence { return fencepost.NewFence(rand.Uint64()) }

// start starts partitions of a topic at 0.
func (k *books) start(l *Ledger, topic string, partitions ...int32) map[int32]fencepost.Position {
	k.t.Helper()
	at := map[int32]fencepost.Position{}
	var moves []fencepost.Move
	for _, p := range partitions {
		at[p] = fencepost.Position{LeaderEpoch: fencepost.NoEpoch, Fence: newFence(), TopicID: fencepost.TopicID{1}}
		moves = append(moves, fencepost.Move{TopicPartition: tp(topic, p), Next: at[p], Cause: fencepost.CauseStart})
	}
	k.move(l, moves...)
	return at
}

func (k *books) move(l *Ledger, moves ...fencepost.Move) {
	k.t.Helper()
	if err := l.Move(k.t.Context(), k.w, moves); err != nil {
		k.t.Fatalf("move: %v", err)
	}
}

func (k *books) commit(p int32, held fencepost.Position, until fencepost.Offset) fencepost.Move {
	return fencepost.Move{TopicPartition: tp(k.topic, p), Held: held, Next: held.Advance(until, fencepost.NoEpoch), Cause: fencepost.CauseCommit}
}

func (k *books) rewind(p int32, held fencepost.Position, to fencepost.Offset) fencepost.Move {
	next := held
	next.Offset, next.Fence = to, newFence()
	return fencepost.Move{TopicPartition: tp(k.topic, p), Held: held, Next: next, Cause: fencepost.CauseRewind}
}

func (k *books) read(l *Ledger) fencepost.Snapshot {
	k.t.Helper()
	s, err := l.Read(k.t.Context(), k.w.Group)
	if err != nil {
		k.t.Fatalf("read: %v", err)
	}
	return s
}

func (k *books) wantAt(l *Ledger, p int32, want fencepost.Position) {
	k.t.Helper()
	if got := k.read(l).Positions[tp(k.topic, p)]; got != want {
		k.t.Errorf("%s:%d stands at %+v, want %+v", k.topic, p, got, want)
	}
}

// wantCopy fails unless the group's committed offset becomes a copy with the ledger's marks, as the mirror is read: a
// committed transaction shows there once its marker is written.
func (k *books) wantCopy(l *Ledger, p int32, want fencepost.Position) {
	k.t.Helper()
	id := k.read(l).Ledger
	eventually(k.t, "the copy shows", func() error {
		all, err := l.source.Mirrored(k.t.Context(), k.w.Group)
		if err != nil {
			return err
		}
		m := fencepost.Mirror{Offset: want.Offset, LeaderEpoch: want.LeaderEpoch, Ledger: id, TopicID: want.TopicID}
		if d := cmp.Diff(m, all[tp(k.topic, p)]); d != "" {
			return fmt.Errorf("committed offset of %s:%d (-want +got):\n%s", k.topic, p, d)
		}
		return nil
	})
}

func refusedWith(err error, tp fencepost.TopicPartition) (held fencepost.Position, ok bool) {
	r, ok := errors.AsType[*fencepost.Refused](err)
	if ok {
		held, ok = r.Held[tp]
	}
	return held, ok
}

// A mover that was overtaken at any step of its transaction writes nothing, and is refused with what the other wrote.
func TestOvertakenMoverWritesNothing(t *testing.T) {
	for _, at := range []step{stepBegin, stepProduce, stepCopy, stepEnd} {
		t.Run(string(at), func(t *testing.T) {
			onEachLedger(t, 1, func(t *testing.T, k *books) {
				slow, quick := k.ledger(fencepost.KeepAll), k.ledger(fencepost.KeepAll)
				held := k.start(slow, k.topic, 0)[0]
				theirs := k.rewind(0, held, 7)
				tripped := false
				slow.trip = func(s step) error {
					if s == at && !tripped {
						tripped = true
						k.move(quick, theirs)
					}
					return nil
				}
				err := slow.Move(t.Context(), k.w, []fencepost.Move{k.commit(0, held, 5)})
				if got, ok := refusedWith(err, tp(k.topic, 0)); !ok || got != theirs.Next {
					t.Errorf("overtaken before %s: got %v, want a refusal with %+v", at, err, theirs.Next)
				}
				k.wantAt(slow, 0, theirs.Next)
				k.wantCopy(slow, 0, theirs.Next)
				var told []fencepost.Recorded
				for r, err := range quick.Moves(t.Context(), k.w.Group) {
					if err != nil {
						t.Fatal(err)
					}
					told = append(told, r)
				}
				if len(told) != 2 {
					t.Errorf("history has %d moves, want the start and the rewind: %+v", len(told), told)
				}
				ledgertest.Chain(t, told, k.read(quick))
			})
		})
	}
}

// A mover that was overtaken as soon as it had the producer sees the other's transaction open in the log. It is no
// transaction that hangs: the mover takes the producer back.
func TestOvertakenBeforeItReads(t *testing.T) {
	onEachLedger(t, 1, func(t *testing.T, k *books) {
		slow, quick := k.ledger(fencepost.KeepMerged), k.ledger(fencepost.KeepMerged)
		held := k.start(quick, k.topic, 0)[0]
		inside, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error)
		quick.trip = func(s step) error {
			if s == stepEnd {
				quick.trip = nil
				close(inside)
				<-goOn
			}
			return nil
		}
		slow.trip = func(s step) error {
			if s == stepTaken {
				slow.trip = nil
				go func() { ended <- quick.Move(t.Context(), k.w, []fencepost.Move{k.commit(0, held, 5)}) }()
				<-inside
			}
			return nil
		}
		ours := k.commit(0, held, 6)
		err := slow.Move(t.Context(), k.w, []fencepost.Move{ours})
		close(goOn)
		if err != nil {
			t.Errorf("overtaken before it read: %v", err)
		}
		if got, ok := refusedWith(<-ended, tp(k.topic, 0)); err == nil && (!ok || got != ours.Next) {
			t.Errorf("the other one goes on: %+v, want a refusal with %+v", got, ours.Next)
		}
	})
}

// A mover that stands still inside its transaction keeps no reader waiting, neither of its group nor of another, and
// no other mover.
func TestStoppedMoverKeepsNobodyWaiting(t *testing.T) {
	onEachLedger(t, 2, func(t *testing.T, k *books) {
		stopped, l := k.ledger(fencepost.KeepMerged), k.ledger(fencepost.KeepMerged)
		held := k.start(l, k.topic, 0, 1)
		inside, goOn := make(chan struct{}), make(chan struct{})
		stopped.trip = func(s step) error {
			if s == stepEnd {
				close(inside)
				<-goOn
				stopped.trip = nil
			}
			return nil
		}
		ended := make(chan error)
		go func() { ended <- stopped.Move(t.Context(), k.w, []fencepost.Move{k.commit(0, held[0], 5)}) }()
		<-inside
		began := time.Now()
		k.wantAt(l, 0, held[0])
		other := *k
		other.w.Group += "-2"
		other.start(l, k.topic, 0)
		if got := len(other.read(l).Positions); got != 1 {
			t.Errorf("the other group has %d positions, want 1", got)
		}
		next := k.commit(0, held[0], 6)
		k.move(l, next, k.commit(1, held[1], 9))
		k.wantAt(l, 0, next.Next)
		if took := time.Since(began); took >= txnTimeout {
			t.Errorf("beside a stopped mover four calls took %s", took)
		}
		close(goOn)
		err := <-ended
		if got, ok := refusedWith(err, tp(k.topic, 0)); !ok || got != next.Next {
			t.Errorf("the stopped one goes on: %v, want a refusal with %+v", err, next.Next)
		}
		k.wantAt(l, 0, next.Next)
	})
}

// What the group's committed offsets may look like, and what the ledger makes of it.
func TestCommittedOffsetsAndTheLedger(t *testing.T) {
	onEachLedger(t, 5, func(t *testing.T, k *books) {
		l := k.ledger(fencepost.KeepMerged)
		held := k.start(l, k.topic, 0, 1, 2, 3)
		commit := func(p int32, at int64, epoch int32, metadata string) {
			t.Helper()
			var os kadm.Offsets
			os.Add(kadm.Offset{Topic: k.topic, Partition: p, At: at, LeaderEpoch: epoch, Metadata: metadata})
			r, err := k.adm.CommitOffsets(t.Context(), string(k.w.Group), os)
			if err = errors.Join(err, r.Error()); err != nil {
				t.Fatal(err)
			}
		}
		id := k.read(l).Ledger
		foreign := func(at fencepost.Offset) fencepost.Position {
			return fencepost.Position{Offset: at, LeaderEpoch: fencepost.NoEpoch}
		}
		for what, c := range map[string]struct {
			p     int32
			write func()
			want  fencepost.Position
		}{
			"another program's offset, the same number": {0, func() { commit(0, 0, 4, "") }, foreign(0)},
			"our marks, another offset":                 {1, func() { commit(1, 3, -1, ledgerMarks(id, held[1])) }, foreign(3)},
			"our marks, another fence": {2, func() {
				p := held[2]
				p.Fence++
				commit(2, 0, -1, ledgerMarks(id, p))
			}, foreign(0)},
			"a partition that the ledger never knew": {4, func() { commit(4, 6, -1, "theirs") }, foreign(6)},
			"none: it expired": {3, func() {
				var ts kadm.TopicsSet
				ts.Add(k.topic, 3)
				if _, err := k.adm.DeleteOffsets(t.Context(), string(k.w.Group), ts); err != nil {
					t.Fatal(err)
				}
			}, held[3]},
		} {
			c.write()
			if got := k.read(l).Positions[tp(k.topic, c.p)]; got != c.want {
				t.Errorf("%s: the ledger shows %+v, want %+v", what, got, c.want)
			}
			mover := held[c.p]
			if mover.Absent() {
				mover = fencepost.Position{Fence: 1, TopicID: fencepost.TopicID{1}}
			}
			m := k.commit(c.p, mover, 10)
			err := l.Move(t.Context(), k.w, []fencepost.Move{m})
			if c.want == held[c.p] {
				if err != nil {
					t.Errorf("%s: move: %v", what, err)
				}
				k.wantCopy(l, c.p, m.Next) // written again
				continue
			}
			if got, ok := refusedWith(err, tp(k.topic, c.p)); !ok || got != c.want {
				t.Errorf("%s: move: got %v, want a refusal with %+v", what, err, c.want)
			} else if s := fencepost.Stand(got, m); s != fencepost.StandingForeign {
				t.Errorf("%s: it stands %s, want foreign", what, s)
			}
		}
	})
}

// A topic that the brokers do not know has positions without copies, and gets them once it is there.
func TestPositionsOfAnUnknownTopic(t *testing.T) {
	onEachLedger(t, 1, func(t *testing.T, k *books) {
		l := k.ledger(fencepost.KeepMerged)
		later := unique(t)
		at := k.start(l, later, 0)[0]
		k.topic = later
		k.wantAt(l, 0, at)
		if all, err := l.source.Mirrored(t.Context(), k.w.Group); err != nil || len(all) != 0 {
			t.Errorf("committed offsets: %v, %v, want none", all, err)
		}
		k.create(later, 1)
		var m fencepost.Move
		eventually(t, "the coordinator knows the topic", func() error {
			m = k.commit(0, at, at.Offset+1)
			k.move(l, m)
			at = m.Next
			all, err := l.source.Mirrored(t.Context(), k.w.Group)
			if err == nil && len(all) == 0 {
				err = errors.New("no copy yet")
			}
			return err
		})
		k.wantCopy(l, 0, at)
		k.wantAt(l, 0, at)
		if _, err := k.adm.DeleteTopics(t.Context(), later); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the copy went with its topic", func() error {
			all, err := l.source.Mirrored(t.Context(), k.w.Group)
			return errors.Join(err, func() error {
				if len(all) > 0 {
					return fmt.Errorf("still %v", all)
				}
				return nil
			}())
		})
		k.wantAt(k.ledger(fencepost.KeepMerged), 0, at)
	})
}

// Positions of another cluster's topics are kept without copies: a topic of the same name here has nothing to do with it.
func TestOtherClustersOffsetsAreNotCopied(t *testing.T) {
	onEachLedger(t, 1, func(t *testing.T, k *books) {
		l := k.ledger(fencepost.KeepMerged)
		k.w.ClusterID = "elsewhere"
		at := k.start(l, k.topic, 0)[0]
		m := k.commit(0, at, 4)
		k.move(l, m)
		k.wantAt(l, 0, m.Next)
		if all, err := l.source.Mirrored(t.Context(), k.w.Group); err != nil || len(all) != 0 {
			t.Errorf("committed offsets: %v, %v, want none", all, err)
		}
		d, err := l.source.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for cluster, want := range map[string]bool{"elsewhere": false, d.ClusterID: true, "": true} {
			if got, err := l.KeepsGroup(t.Context(), cluster); err != nil || got != want {
				t.Errorf("keeps groups of cluster %q: %t, %v, want %t", cluster, got, err, want)
			}
		}
	})
}

// An operator's move of what has no fence is refused while other programs work in the group; one of a fenced position
// is safe beside its own workers.
func TestLiveGroupIsNotMoved(t *testing.T) {
	onEachLedger(t, 1, func(t *testing.T, k *books) {
		for _, protocol := range protocols {
			k.w.Group = fencepost.Group(unique(t)) + fencepost.Group(":"+protocol.String())
			l := k.ledger(fencepost.KeepMerged)
			s, h := k.open(Config{Group: k.w.Group, Topics: []string{k.topic}, Protocol: protocol}), &holder{}
			if err := s.Start(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			r := newReader(t, s)
			if !r.poll(longest, func() bool { return h.count() == 1 }) {
				t.Fatal("the other program got nothing")
			}
			imported := fencepost.Move{TopicPartition: tp(k.topic, 0), Cause: fencepost.CauseImport,
				Next: fencepost.Position{Offset: 3, LeaderEpoch: fencepost.NoEpoch, Fence: newFence()}}
			f := wantFault(t, l.Move(t.Context(), k.w, []fencepost.Move{imported}), "group-live")
			if f.Exit != 4 {
				t.Errorf("exit code %d, want 4", f.Exit)
			}
			t.Logf("%s: %v; help: %s", protocol, f, f.Help)
			if got := len(k.read(l).Positions); got != 0 {
				t.Errorf("%s: the refused import left %d positions", protocol, got)
			}
			at := k.start(l, k.topic, 0)[0] // its own worker, which begins
			back := k.rewind(0, at, 2)
			k.move(l, back)
			k.wantCopy(l, 0, back.Next)
			ctx, cancel := context.WithTimeout(t.Context(), longest)
			if err := s.Leave(ctx); err != nil {
				t.Error(err)
			}
			cancel()
		}
	})
}

// A topic that forgets is no ledger.
func TestTopicThatForgetsIsNoLedger(t *testing.T) {
	onEachLedger(t, 1, func(t *testing.T, k *books) {
		for _, c := range []struct {
			partitions int32
			policy     string
		}{{1, "delete"}, {1, "compact,delete"}, {2, "compact"}} {
			k.store.topic = unique(t)
			if r, err := k.adm.CreateTopic(t.Context(), c.partitions, 1, map[string]*string{"cleanup.policy": &c.policy}, k.store.topic); err != nil || r.Err != nil {
				t.Fatal(err, r.Err)
			}
			eventually(t, "the topic is known", func() error {
				_, err := k.ledger(fencepost.KeepMerged).Read(t.Context(), k.w.Group)
				if err == nil {
					t.Fatalf("%d partitions, %s: read as a ledger", c.partitions, c.policy)
				}
				if f, ok := errors.AsType[*fencepost.Fault](err); !ok || f.Code != "ledger-topic-unfit" || f.Exit != 4 || f.Help == "" {
					return err
				}
				return nil
			})
		}
	})
}

// Records that were not written in a transaction of ours, and those of an aborted one, are no moves.
func TestOnlyCommittedRecordsCount(t *testing.T) {
	onEachLedger(t, 1, func(t *testing.T, k *books) {
		l := k.ledger(fencepost.KeepAll)
		at := k.start(l, k.topic, 0)[0]
		forged := positionForm{place: placeOf(at)}
		forged.Offset = 99
		key, value, err := fact{group: k.w.Group, tp: tp(k.topic, 0), position: &forged}.encode()
		if err != nil {
			t.Fatal(err)
		}
		record := func() *kgo.Record { return &kgo.Record{Topic: k.store.topic, Key: key, Value: value} }
		if err := k.cl.ProduceSync(t.Context(), record()).FirstErr(); err != nil {
			t.Fatal(err)
		}
		cl := k.client(kgo.TransactionalID(unique(t)))
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), record()).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		k.wantAt(l, 0, at)
		k.wantAt(k.ledger(fencepost.KeepAll), 0, at)
	})
}
