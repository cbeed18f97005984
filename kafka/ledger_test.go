package kafka

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledgertest"
	"github.com/twmb/franz-go/pkg/kadm"
)

// ledgerStore is one ledger topic, whose groups are this store's alone: on one cluster a group has one ledger.
type ledgerStore struct {
	b      *bench
	topic  string
	prefix string

	mu struct {
		sync.Mutex
		lose *bool // the next EndTxn's answer is lost; true: after it was obeyed
	}
}

func newLedgerStore(b *bench) *ledgerStore {
	return &ledgerStore{b: b, topic: "ledger-" + unique(b.t), prefix: unique(b.t) + " "}
}

// prefixed is a ledger as the suite sees it: its group names are the store's own.
type prefixed struct {
	*Ledger
	prefix string
}

func (p prefixed) group(g fencepost.Group) fencepost.Group { return fencepost.Group(p.prefix) + g }

func (p prefixed) Read(ctx context.Context, g fencepost.Group) (fencepost.Snapshot, error) {
	return p.Ledger.Read(ctx, p.group(g))
}

func (p prefixed) Move(ctx context.Context, w fencepost.Writer, moves []fencepost.Move) error {
	w.Group = p.group(w.Group)
	return p.Ledger.Move(ctx, w, moves)
}

func (p prefixed) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[fencepost.Recorded, error] {
	return p.Ledger.Moves(ctx, p.group(g))
}

func (s *ledgerStore) open(keep fencepost.KeepCommits) (*Ledger, error) {
	l, err := OpenLedger(LedgerConfig{Brokers: s.b.addrs, Topic: s.topic, Keep: keep})
	if err != nil {
		return nil, err
	}
	l.own = func(string, string) bool { return true } // the suite's clusters are names only
	l.trip = func(at step) error {
		if at != stepEnd && at != stepEnded {
			return nil
		}
		return s.lost(at == stepEnded)
	}
	return l, nil
}

func (s *ledgerStore) Open(_ context.Context, keep fencepost.KeepCommits) (fencepost.Ledger, func() error, error) {
	l, err := s.open(keep)
	if err != nil {
		return nil, nil, err
	}
	return prefixed{l, s.prefix}, l.Close, nil
}

func (s *ledgerStore) lost(applied bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.lose == nil || *s.mu.lose != applied {
		return nil
	}
	s.mu.lose = nil
	return errors.New("the answer is lost")
}

func (s *ledgerStore) LoseAnswer(_ *testing.T, applied bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.lose = &applied
}

// byHand writes records as some group's mover.
func (s *ledgerStore) byHand(t *testing.T, g fencepost.Group, value []byte, facts ...fact) {
	t.Helper()
	l, err := s.open(fencepost.KeepMerged)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := t.Context()
	p, err := l.take(ctx, g, new(ended))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.begin(ctx, g, p, false); err != nil {
		t.Fatal(err)
	}
	b := newBatch(p, time.Now())
	for _, f := range facts {
		key, full, err := f.encode()
		if err != nil {
			t.Fatal(err)
		}
		if value == nil && f.version == 0 {
			full = nil
		}
		b.add(key, full)
	}
	if err := l.send(ctx, g, p, b); err != nil {
		t.Fatal(err)
	}
	if err := l.commit(ctx, g, p); err != nil {
		t.Fatal(err)
	}
	// Who changes a ledger takes the producers that it changes for: a newer version every group's.
	if err := l.watching(ctx, func(*view) {}); err != nil && !errors.Is(err, fencepost.ErrNewer) {
		t.Fatal(err)
	}
	for g := range l.view.books {
		if _, err := l.take(ctx, g, new(ended)); err != nil {
			t.Error(err)
		}
	}
}

func (s *ledgerStore) DeleteRow(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	g = fencepost.Group(s.prefix) + g
	s.byHand(t, g, nil, fact{group: g, tp: tp, position: &positionForm{}})
	var ts kadm.TopicsSet
	ts.Add(tp.Topic, tp.Partition)
	if _, err := s.b.adm.DeleteOffsets(t.Context(), string(g), ts); err != nil {
		t.Fatal(err)
	}
}

func (s *ledgerStore) ForeignWrite(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	var os kadm.Offsets
	os.AddOffset(tp.Topic, tp.Partition, int64(at), -1)
	r, err := s.b.adm.CommitOffsets(t.Context(), s.prefix+string(g), os)
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *ledgerStore) MakeNewer(t *testing.T) {
	s.byHand(t, "newer", nil, fact{version: ledgerVersion + 1})
}

func TestLedgerConformance(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.createIfMissing("flights", 16)
		ledgertest.RunLedger(t, ledgertest.LedgerFixture{New: func(t *testing.T) ledgertest.LedgerStore {
			own := *b
			own.t = t
			return newLedgerStore(&own)
		}})
	})
}
