//go:build realservers

package kafka

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledgertest"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
)

// ledgerOn is a group's ledger on one real broker.
func ledgerOn(t *testing.T, b *bench) *books {
	return &books{bench: b, store: newLedgerStore(b), topic: b.topic(3), w: fencepost.Writer{Group: fencepost.Group(unique(t)), Who: "w@test"}}
}

// A log that the broker has compacted tells the same state and the same moves, to one who reads on and to one who comes.
func TestCompactionKeepsTheLedger(t *testing.T) {
	b := newBench(t, []string{servers.Kafka(t).Plaintext})
	k := ledgerOn(t, b)
	text := func(s string) *string { return &s }
	r, err := b.adm.CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": text("compact"), "segment.bytes": text("1048576"), "segment.ms": text("50"),
		"min.cleanable.dirty.ratio": text("0.001"), "max.compaction.lag.ms": text("1"), "delete.retention.ms": text("0"), "message.timestamp.type": text("LogAppendTime")}, k.store.topic)
	if err = errors.Join(err, r.Err); err != nil {
		t.Fatal(err)
	}
	l := k.ledger(fencepost.KeepMerged)
	held := k.start(l, k.topic, 0, 1, 2)
	standing := k.ledger(fencepost.KeepMerged)
	k.read(standing)
	for i := range fencepost.Offset(60) {
		var moves []fencepost.Move
		for p := range int32(3) {
			m := k.commit(p, held[p], held[p].Offset+1)
			if i%20 == 19 {
				m = k.rewind(p, held[p], i)
			}
			held[p] = m.Next
			moves = append(moves, m)
		}
		k.move(l, moves...)
	}
	want, told := k.read(l), k.history(l)
	mark := k.end()
	const written = 3 * 60 // positions alone
	tries := 0
	eventually(t, "the broker has compacted the log", func() error {
		if tries++; tries%20 == 1 {
			k.start(l, unique(t), 0) // the active segment is not compacted: it has to end
		}
		if now := k.entries(mark); now > written/2 {
			return fmt.Errorf("%d entries, of %d", now, written)
		}
		return nil
	})
	t.Logf("%d positions were written, %d entries are left", written, k.entries(mark))
	for name, reader := range map[string]*Ledger{"one who reads on": standing, "one who comes": k.ledger(fencepost.KeepMerged)} {
		got, history := k.read(reader), k.history(reader)
		for p := range int32(3) {
			if at := got.Positions[tp(k.topic, p)]; at != held[p] {
				t.Errorf("%s: %s:%d stands at %+v, want %+v", name, k.topic, p, at, held[p])
			}
		}
		if got.Roster[k.topic] != want.Roster[k.topic] {
			t.Errorf("%s: roster %+v, want %+v", name, got.Roster[k.topic], want.Roster[k.topic])
		}
		if d := cmp.Diff(told, history[:len(told)]); d != "" {
			t.Errorf("%s: history (-before +after):\n%s", name, d)
		}
		ledgertest.Chain(t, history, got)
	}
}

func (k *books) history(l *Ledger) (all []fencepost.Recorded) {
	k.t.Helper()
	for r, err := range l.Moves(k.t.Context(), k.w.Group) {
		if err != nil {
			k.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// end is where the ledger's log ends.
func (k *books) end() fencepost.Offset {
	k.t.Helper()
	s := k.open(Config{})
	b := s.Bounds(k.t.Context(), []fencepost.Ask{ask(k.store.topic, 0)})[tp(k.store.topic, 0)]
	if b.Err != nil {
		k.t.Fatal(b.Err)
	}
	return b.End
}

// entries is how many records the ledger's log has below an offset, markers apart.
func (k *books) entries(below fencepost.Offset) (n int) {
	k.t.Helper()
	l := k.ledger(fencepost.KeepMerged)
	h, err := l.home(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	v := newView()
	v.reset(h.id)
	v.entry = func(offset int64) {
		if offset < int64(below) {
			n++
		}
	}
	if err := l.catchUp(k.t.Context(), v); err != nil {
		k.t.Fatal(err)
	}
	return n
}

// A user who may not is told what to allow; the lines that it is told are enough.
func TestLedgerIsDenied(t *testing.T) {
	broker, b := secure(t)
	k := ledgerOn(t, b)
	u, password := user(t, b)
	open := func() *Ledger {
		l, err := OpenLedger(LedgerConfig{Brokers: []string{broker.SASL}, Topic: k.store.topic, TLS: TLS{Enabled: true, CA: broker.TLS.CA},
			SASL: SASL{Mechanism: "SCRAM-SHA-512", Credentials: secret(u, password)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	group, id := string(k.w.Group), k.store.topic+"-"+string(k.w.Group)
	start := fencepost.Move{TopicPartition: tp(k.topic, 0), Cause: fencepost.CauseStart, Next: fencepost.Position{LeaderEpoch: fencepost.NoEpoch, Fence: newFence()}}
	move := func() error { return open().Move(t.Context(), k.w, []fencepost.Move{start}) }
	denied := func() error {
		err := move()
		if f, ok := errors.AsType[*fencepost.Fault](err); !ok || f.Code != "kafka-denied" {
			return fmt.Errorf("got %w, want kafka-denied", err)
		}
		return nil
	}
	eventually(t, "the user is known, and kept out", denied)
	if f := wantFault(t, move(), "kafka-denied"); !strings.Contains(f.Help, "--operation Create --operation Describe --operation Read --operation Write --topic '"+k.store.topic+"'") {
		t.Errorf("help is %s", f.Help)
	}
	allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder {
		return a.Topics(k.store.topic).Operations(kadm.OpCreate, kadm.OpDescribe, kadm.OpRead, kadm.OpWrite)
	})
	eventually(t, "the topic may be made; the transactional ID is missing", func() error {
		err := move()
		if f, ok := errors.AsType[*fencepost.Fault](err); !ok || !strings.Contains(f.Help, "--operation Write --operation Describe --transactional-id '"+id+"'") {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
	allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder {
		return a.TransactionalIDs(id).Operations(kadm.OpWrite, kadm.OpDescribe)
	})
	eventually(t, "the group is missing", func() error {
		err := move()
		if f, ok := errors.AsType[*fencepost.Fault](err); !ok || !strings.Contains(f.Error(), "READ group "+group) || !strings.Contains(f.Help, "--operation Read --group '"+group+"'") {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
	allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder { return a.Groups(group).Operations(kadm.OpRead) })
	allow(t, b, u, func(a *kadm.ACLBuilder) *kadm.ACLBuilder { return a.Topics(k.topic).Operations(kadm.OpRead) })
	eventually(t, "that is enough", move)
	k.wantAt(open(), 0, start.Next)
}
