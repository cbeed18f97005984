package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

// LedgerConfig says where a [Ledger] is and what it keeps.
type LedgerConfig struct {
	Brokers []string // host:port, at least one
	// Topic is the compacted topic that holds the ledger; zero: fencepost-ledger. It is created if it is not there and
	// this user may.
	Topic string
	// Replicas is how often a topic that is created is stored; zero: as the broker says.
	Replicas int16
	Keep     fencepost.KeepCommits

	TLS      TLS
	SASL     SASL
	ClientID string // zero: fencepost

	// Log is told what the client does; nil: nobody is. Levels are those of log/slog.
	Log func(level int, msg string, keyvals ...any)
}

// Ledger keeps positions in Kafka: in a compacted topic, with the group's committed offsets written beside them in the
// same transaction. It implements [fencepost.Ledger], [fencepost.History] and [fencepost.GroupKeeper].
//
// Guarantees:
//
//  1. the topic is the truth: positions, roster, head and moves. The group's committed offsets are copies for other
//     tools, with our marks in their metadata
//  2. a Move compares by value: it holds the group's producer, so that every other mover is fenced, and what it then
//     reads stands until its own transaction ends
//  3. a committed offset that is not the copy of its position is a foreign write: the ledger shows it as a row without
//     a fence, and refuses whoever held the position
//  4. a committed offset that is gone is none: Kafka lets those of an empty group expire. The position stands, and the
//     next move writes the copy again
//  5. of a topic that the brokers do not know, or of another cluster's, there is a position and no copy
//
// The lost design held the group's membership instead of its producer: a member may commit a partition that it has
// lost, for the broker does not check it, so that two workers were kept apart by their good behaviour alone.
type Ledger struct {
	cfg    LedgerConfig
	source *Source          // for its client, its metadata and its faults
	trip   func(step) error // for tests; nil: none
	// own says whether a writer's cluster is the one that this ledger is in.
	own func(cluster, ledgers string) bool

	where struct {
		sync.Mutex
		home         *home
		coordinators map[coordinates]int32
	}
	reading chan struct{} // held by who uses view; capacity 1
	view    *view

	mu struct {
		sync.Mutex
		desks map[fencepost.Group]*desk
	}
}

var (
	_ fencepost.Ledger      = (*Ledger)(nil)
	_ fencepost.History     = (*Ledger)(nil)
	_ fencepost.GroupKeeper = (*Ledger)(nil)
)

// LedgerLimits says what a [Ledger] does not do, for whoever describes a pipeline that has one.
const LedgerLimits = `other programs' plain commits into the group are not kept out; one is seen, and refused, by the next read or move
each move is a transaction of five requests
the group's committed offsets go with their topic and with offsets.retention; the ledger's topic keeps the positions
a transaction that the brokers left without its end is mended only by a user with ClusterAction: a Fault otherwise
it needs brokers that describe transactions: Apache Kafka 3.0 or later`

const defaultLedgerTopic = "fencepost-ledger"

// OpenLedger validates the configuration and makes the client. It connects to nothing; the first Read or Move does.
func OpenLedger(cfg LedgerConfig) (*Ledger, error) {
	if cfg.Topic == "" {
		cfg.Topic = defaultLedgerTopic
	}
	if cfg.Keep > fencepost.KeepNone {
		return nil, fmt.Errorf("configure kafka ledger: Keep: %d is none", cfg.Keep)
	}
	if cfg.Replicas < 0 {
		return nil, fmt.Errorf("configure kafka ledger: Replicas: negative")
	}
	s, err := openWith(Config{Brokers: cfg.Brokers, TLS: cfg.TLS, SASL: cfg.SASL, ClientID: cfg.ClientID, Log: cfg.Log}, ledgerVersions())
	if err != nil {
		return nil, err
	}
	l := &Ledger{cfg: cfg, source: s, reading: make(chan struct{}, 1), view: newView()}
	l.own = func(cluster, ledgers string) bool { return cluster == "" || cluster == ledgers }
	l.where.coordinators = map[coordinates]int32{}
	l.mu.desks = map[fencepost.Group]*desk{}
	return l, nil
}

// ledgerVersions holds the requests of a transaction to the forms in which partitions are added by name and the epoch
// stays the same from one transaction to the next: one way for all brokers.
func ledgerVersions() kgo.Opt {
	v := kversion.Stable()
	for key, most := range map[int16]int16{
		0:  11, // Produce
		1:  12, // Fetch
		8:  9,  // OffsetCommit
		9:  9,  // OffsetFetch
		22: 4,  // InitProducerID
		24: 3,  // AddPartitionsToTxn
		25: 3,  // AddOffsetsToTxn
		26: 3,  // EndTxn
		27: 1,  // WriteTxnMarkers
		28: 3,  // TxnOffsetCommit
	} {
		v.SetMaxKeyVersion(key, most)
	}
	return kgo.MaxVersions(v)
}

// Close closes the connections. Calls under way end with an error.
func (l *Ledger) Close() error {
	l.source.client.Close()
	return nil
}

// Topic is the topic that holds the ledger.
func (l *Ledger) Topic() string { return l.cfg.Topic }

// KeepsGroup reports whether the group's committed offsets in that cluster are this ledger's to write.
func (l *Ledger) KeepsGroup(ctx context.Context, cluster string) (bool, error) {
	h, err := l.home(ctx)
	return err == nil && l.own(cluster, h.cluster), err
}

// desk is one group's moving in this process. Its lock is held for the length of a Move.
type desk struct {
	lock     chan struct{} // capacity 1
	producer *producer     // nil: not held, as far as is known
	book     *book         // what stands, as long as producer is not fenced
	ended    ended         // how the last transaction ended, as the coordinator last said
}

func (l *Ledger) desk(g fencepost.Group) *desk {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.mu.desks[g]
	if d == nil {
		d = &desk{lock: make(chan struct{}, 1)}
		l.mu.desks[g] = d
	}
	return d
}

// moveTimeout bounds one Move, and how long its movers may take the producer from each other in it.
const moveTimeout = 30 * time.Second

// Move makes all moves in one transaction, or none. The context is not obeyed from there on: a transaction that was
// half sent helps nobody.
func (l *Ledger) Move(ctx context.Context, w fencepost.Writer, moves []fencepost.Move) error {
	moves, err := fencepost.InOrder(moves)
	if err != nil {
		return err
	}
	if len(moves) == 0 {
		return nil
	}
	d := l.desk(w.Group)
	select {
	case d.lock <- struct{}{}:
		defer func() { <-d.lock }()
	case <-ctx.Done():
		return fmt.Errorf("move group %s: %w", w.Group, ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("move group %s: %w", w.Group, err)
	}
	moving, cancel := context.WithTimeout(context.WithoutCancel(ctx), moveTimeout)
	defer cancel()
	return l.insist(ctx, moving, d, w, moves)
}

// insist tries until the moves are made or refused. Tries that may not have been in vain are settled before the next.
func (l *Ledger) insist(ctx, moving context.Context, d *desk, w fencepost.Writer, moves []fencepost.Move) error {
	var doubt *unclear
	fail := func(err error) error {
		if doubt != nil {
			err = fmt.Errorf("%w: %w, then: %w", fencepost.ErrUnknown, doubt, err)
		}
		return fmt.Errorf("move group %s: %w", w.Group, l.fault(ctx, err, w.Group))
	}
	for try := 1; ; try++ {
		stands, err := l.try(moving, d, w, moves, doubt)
		if stands && err == nil {
			return nil
		}
		if err == nil {
			doubt = nil // it is settled: nothing happened
			continue
		}
		d.producer, d.book = nil, nil
		wait := jitter(try)
		switch {
		case errors.Is(err, errStale):
			continue // what was refused stood in our memory: look again
		case errors.As(err, &doubt), anew(err):
		case errors.Is(err, fencepost.ErrUnknown):
			return fail(err)
		case movedAway(err), silent(err) && try < 4:
			wait = backoff(try)
			l.forget()
		default:
			return fail(err)
		}
		if waited := errors.Join(ctx.Err(), pause(moving, wait)); waited != nil {
			return fail(fmt.Errorf("given up after %d tries: %w; the last: %w", try, waited, err))
		}
	}
}

// try is one try, of which the one before may have left a doubt: then it only settles that. With any error the
// producer is given up.
func (l *Ledger) try(ctx context.Context, d *desk, w fencepost.Writer, moves []fencepost.Move, doubt *unclear) (stands bool, err error) {
	h, err := l.home(ctx)
	if err != nil {
		return false, err
	}
	fresh := d.producer == nil
	if fresh {
		if err := l.sit(ctx, d, w.Group); err != nil {
			return false, err
		}
	}
	if doubt != nil {
		end, err := l.settle(ctx, doubt.first)
		if err == nil && end == outcomeUnset {
			err = fmt.Errorf("the log does not tell how it ended: %w", fencepost.ErrUnknown)
		}
		return end == outcomeCommitted, err
	}
	patience := hangPatience
	if !fresh {
		patience = ownMarkers
	}
	e, err := l.decide(ctx, d.book, h, w, moves, patience)
	if fresh && errors.Is(err, kerr.UnstableOffsetCommit) {
		mended := l.mend(ctx, d, d.producer, w.Group)
		e, err = l.decide(ctx, d.book, h, w, moves, othersPatience)
		if errors.Is(err, kerr.UnstableOffsetCommit) {
			return false, cmp.Or(mended, l.hangs(ctx, w.Group, -1))
		}
	}
	if err != nil {
		if !fresh {
			return false, errStale
		}
		return false, l.sure(ctx, d.book, w.Group, err)
	}
	return true, l.write(ctx, d, w.Group, e)
}

// ownMarkers is how long a mover that believes to hold the producer waits for committed offsets to be stable: its own
// last transaction's markers are written in less. What holds them up longer is a mover that took the producer, and stands.
const ownMarkers = 200 * time.Millisecond

// sure is the refusal, unless somebody moved since the topic was read: the committed offsets may then be newer than it,
// and look like another program's.
func (l *Ledger) sure(ctx context.Context, b *book, g fencepost.Group, refusal error) error {
	err := refusal
	looked := l.watching(ctx, func(v *view) {
		if v.book(g).changes != b.changes || v.unfinished(g) >= 0 {
			err = errFenced
		}
	})
	return cmp.Or(looked, err)
}

// sit takes the group's producer and reads what it then holds. No transaction is open then: one that the log shows
// hangs, or is of a mover that has taken the producer since: errFenced.
func (l *Ledger) sit(ctx context.Context, d *desk, g fencepost.Group) error {
	p, err := l.take(ctx, g, &d.ended)
	if err != nil {
		return err
	}
	if err := l.at(stepTaken); err != nil {
		return err
	}
	for try := 1; ; try++ {
		first, overtaken := int64(-1), false
		err := l.watching(ctx, func(v *view) {
			d.book, p.seen, first, overtaken = v.book(g).clone(), v.next, v.unfinished(g), v.overtaken(p)
		})
		switch {
		case err != nil:
			return err
		case overtaken:
			return errFenced
		case first < 0:
			d.producer = p
			return nil
		case try > 3:
			return l.hangs(ctx, g, first)
		}
		if err := l.mend(ctx, d, p, g); err != nil {
			return err
		}
	}
}

// jitter is a random wait that grows with the tries, so that movers that take the producer from each other get on.
func jitter(try int) time.Duration {
	return time.Duration(rand.Int64N(int64(4 * time.Millisecond << min(try, 6))))
}

// errStale says that a refusal rests on memory.
var errStale = errors.New("refused by what was read before")

// write makes the transaction and keeps the book.
func (l *Ledger) write(ctx context.Context, d *desk, g fencepost.Group, e entry) error {
	at, err := l.transact(ctx, g, d.producer, e)
	if err != nil {
		return err
	}
	for _, f := range e.facts {
		if f.position != nil {
			f.position.at = at
		}
		d.book.file(f, nil)
	}
	return nil
}

// decide compares, and makes what is to be written. REQUIRES: the producer is held, as far as is known.
func (l *Ledger) decide(ctx context.Context, b *book, h home, w fencepost.Writer, moves []fencepost.Move,
	patience time.Duration) (e entry, err error) {
	copies := l.own(w.ClusterID, h.cluster)
	var committed map[fencepost.TopicPartition]commitment
	if copies && b.known {
		if committed, err = l.committed(ctx, w.Group, partitionsOf(moves), patience); err != nil {
			return e, err
		}
	}
	if err := b.otherCluster(w); err != nil {
		return e, err
	}
	if err := fencepost.Check(b.rows(committed, h.identity()), moves); err != nil {
		return e, err
	}
	if err := l.refuseLive(ctx, b, w.Group, moves); err != nil {
		return e, err
	}
	return b.record(w, moves, l.cfg.Keep, copies)
}

// refuseLive refuses an operator's move of what has no fence of ours, while members are live that would not know of
// one. Our own workers hold fenced positions, or start them.
func (l *Ledger) refuseLive(ctx context.Context, b *book, g fencepost.Group, moves []fencepost.Move) error {
	for _, m := range moves {
		if m.Cause == fencepost.CauseStart || m.Held.Fence != 0 || m.Held.Absent() && b.known {
			continue
		}
		members, err := l.source.membersOf(ctx, g)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return unfencedLive(l.cfg.Brokers[0], g, len(members))
		}
		break
	}
	return nil
}

func partitionsOf(moves []fencepost.Move) []fencepost.TopicPartition {
	tps := make([]fencepost.TopicPartition, len(moves))
	for i, m := range moves {
		tps[i] = m.TopicPartition
	}
	return tps
}

// watching catches up and lets f look.
func (l *Ledger) watching(ctx context.Context, f func(*view)) error {
	select {
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := l.catchUp(ctx, l.view); err != nil {
		return err
	}
	f(l.view)
	return nil
}
