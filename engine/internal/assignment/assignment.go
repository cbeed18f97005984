package assignment

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// State is what a held partition does.
type State uint8

const (
	Pending State = iota // held, and not reconciled yet
	Running              // its entries are queued, formed into batches and committed
	Waiting              // an answer is missing; it goes on by itself
	Parked               // it is stopped until the cause is mended
)

// String is the state in one word.
func (s State) String() string { return [...]string{"pending", "running", "waiting", "parked"}[s] }

// none is an offset that is not known, or that a partition does not have.
const none fencepost.Offset = -1

// Partition is one partition from its assignment to its revocation.
//
// Guarantees while it is Running:
//
//  1. done.Offset <= formed.Offset <= the first queued entry's offset <= next
//  2. done is what the ledger holds, as far as this worker knows; only a commit's outcome moves it
//  3. a batch formed in an earlier session is never committed
type Partition struct {
	fencepost.TopicPartition

	state  State
	code   string // why it is parked; empty otherwise
	reason string // why it is parked or waiting
	fresh  bool   // just assigned: the callback that assigned it reconciles it
	gone   bool   // revoked or lost: nothing of it may be begun any more

	session uint64 // raised when what was formed is void
	since   uint64 // number of the poll that was last begun when this session started
	// confirmed: a fetch of this session was believed. doubted: where one began that jumped, none for none.
	confirmed bool
	doubted   fencepost.Offset

	base   fencepost.Offset // where this worker took it up, for progress
	done   ledger.Position  // committed
	formed ledger.Position  // done after the batches that are formed and not yet committed
	next   fencepost.Offset // next to come from the source

	queue    queue
	decoding bool // entries are being decoded: they are neither queued nor formed yet

	proven    ledger.Position  // where the last commit of this worker ended: the ledger held it
	end       fencepost.Offset // of a run with an end
	exhausted bool             // nothing below end is left in the log
	stable    fencepost.Offset // the last stable offset, as of the last fetch or watch
	high      fencepost.Offset // the high watermark, likewise
	newest    int64            // timestamp of the newest committed record, Unix milliseconds
	latest    time.Time        // when the last commit of it by this worker was known to be durable

	blocked     time.Time // since when something has held it back at blockedAt; zero: nothing does
	blockedAt   fencepost.Offset
	blockedTold bool      // it was reported that this is a transaction
	silent      time.Time // since when the brokers have not answered for it; zero: they do

	// A record that cannot be applied: whether it is what parked the partition, its offset, whether it is being tried again, and whether
	// the source is still to be paused. badAt matters only while the partition is parked or probing.
	bad     bool
	badAt   fencepost.Offset
	probing bool
	pausing bool
	testAt  time.Time // not tested again before; zero: at the next watch

	held    fencepost.Offset // the record that could not be decoded yet, until a commit passes it; none: there is none
	retryAt time.Time        // Waiting: when it is reconciled again
	backoff time.Duration
}

// New is a partition that was just assigned.
func New(tp fencepost.TopicPartition) Partition {
	return Partition{TopicPartition: tp, fresh: true, doubted: none, base: none, end: none, stable: none, high: none, held: none}
}

// Reconciled notes that the partition was reconciled for the first time, and where this run ends for it; a negative
// offset: nowhere.
func (p *Partition) Reconciled(end fencepost.Offset) { p.end, p.fresh = max(end, none), false }

// Resume goes on from pos. poll is the number of the poll last begun.
func (p *Partition) Resume(pos ledger.Position, poll uint64) (freed int64) {
	_, bad := p.BadAt()
	p.probing = (bad || p.probing) && pos.Offset <= p.badAt
	freed = p.Reset("")
	p.state, p.testAt = Running, time.Time{}
	p.done, p.formed, p.next = pos, pos, pos.Offset
	p.since, p.confirmed, p.doubted = poll, false, none
	if p.base < 0 {
		p.base = pos.Offset
	}
	p.exhausted = p.end >= 0 && pos.Offset >= p.end
	return freed
}

// Reset voids what was formed and queued: the partition has to be reconciled.
func (p *Partition) Reset(why string) (freed int64) {
	p.state, p.code, p.reason = Pending, "", why
	return p.Void()
}

// Void begins a new session: what was formed and queued is void, and the partition's state stays.
func (p *Partition) Void() (freed int64) {
	p.session++
	return p.queue.drop()
}

// Park stops the partition. What was formed before stays valid: it may hold the records in front of the bad one.
func (p *Partition) Park(code, reason string) (freed int64) {
	p.state, p.code, p.reason, p.bad = Parked, code, reason, false
	return p.queue.drop()
}

// ParkAt stops the partition at a stored position, for what reconciling found about it.
func (p *Partition) ParkAt(pos ledger.Position, code, reason string) (freed int64) {
	freed = p.Void()
	p.done, p.formed = pos, pos
	return freed + p.Park(code, reason)
}

// Refuse parks behind what is committed: the sink refused a row, and what was formed is void.
func (p *Partition) Refuse(code, reason string) (freed int64) {
	return p.ParkAt(p.done, code, reason)
}

// WaitAt stops the partition until an answer comes, at a stored position if there is one. The waits double from 100 ms up to
// atMost for as long as no commit succeeds.
func (p *Partition) WaitAt(pos ledger.Position, reason string, now time.Time, atMost time.Duration) (freed int64) {
	freed = p.Void()
	if !pos.Absent() {
		p.done, p.formed = pos, pos
	}
	p.held = none
	p.wait("", reason, now, atMost)
	return freed
}

// Hold stops the partition at a record that cannot be decoded yet, and has the source paused. What was formed before stays valid:
// it holds the records in front. first is false for a record that was tried again in vain. The waits are those of WaitAt.
func (p *Partition) Hold(at fencepost.Offset, code, reason string, now time.Time, atMost time.Duration) (freed int64, first bool) {
	first = p.held != at
	p.held, p.pausing = at, true
	p.wait(code, reason, now, atMost)
	return p.queue.drop(), first
}

func (p *Partition) wait(code, reason string, now time.Time, atMost time.Duration) {
	p.state, p.code, p.reason = Waiting, code, reason
	p.backoff = min(max(2*p.backoff, 100*time.Millisecond), atMost)
	p.retryAt = now.Add(p.backoff)
}

// Leave lets the partition go: nothing of it is begun any more.
func (p *Partition) Leave() (freed int64) {
	p.gone = true
	return p.Reset("")
}

// Form moves the end of what is in batches to next, once claimed entries are decoded. False: the session in which they
// were claimed is over, and they are void.
func (p *Partition) Form(session uint64, next ledger.Position) bool {
	p.decoding = false
	if p.session != session {
		return false
	}
	p.formed = next
	return true
}

// Commit moves done to where a commit ended. moved is false where the partition was reconciled since that commit was
// formed: done says already what the ledger held then, or something later. mended: a record that had parked or held the
// partition was applied.
func (p *Partition) Commit(next ledger.Position) (moved, mended bool) {
	if next.Fence != p.done.Fence || next.Offset < p.done.Offset || next.Offset > p.formed.Offset {
		return false, false
	}
	p.done, p.proven, p.backoff = next, next, 0
	mended = p.probing && next.Offset > p.badAt
	p.probing = p.probing && !mended
	if p.held >= 0 && next.Offset > p.held {
		p.held, mended = none, true
	}
	return true, mended
}

// Newest notes the timestamp of the newest committed record, in Unix milliseconds.
func (p *Partition) Newest(at int64) { p.newest = at }

// Durable notes when a commit of the partition was known to be durable.
func (p *Partition) Durable(now time.Time) { p.latest = now }

// BadRecord notes the record that parked the partition, and has the source paused. first is false for a record that
// was tried again and is as bad as before.
func (p *Partition) BadRecord(at fencepost.Offset) (first bool) {
	first = !p.probing || p.badAt != at
	p.bad, p.probing, p.badAt, p.pausing = true, false, at, true
	return first
}

// TestAfter has the record that parked the partition tested no earlier.
func (p *Partition) TestAfter(at time.Time) { p.testAt = at }

// Pause returns where the source is to be paused, once for each bad record. ok is false if there is nothing to pause.
func (p *Partition) Pause() (at fencepost.Offset, ok bool) {
	ok = p.pausing && (p.state == Parked || p.state == Waiting) && !p.gone
	p.pausing = false
	return p.formed.Offset, ok
}

// Seek begins the session's fetches anew from where the queue ends.
func (p *Partition) Seek(poll uint64) (at fencepost.Offset) {
	p.since = poll
	return p.next
}

// SetLog takes over what a broker says of the log: its last stable offset and its high watermark.
func (p *Partition) SetLog(stable, high fencepost.Offset) { p.stable, p.high = stable, high }

// Unanswered notes that the brokers do not answer for the partition. first: they did until now.
func (p *Partition) Unanswered(now time.Time) (first bool) {
	if !p.silent.IsZero() {
		return false
	}
	p.silent = now
	return true
}

// Answered notes that the brokers answer.
func (p *Partition) Answered() { p.silent = time.Time{} }

// HeldBack notes where a watch found the partition, and reports whether records wait behind a last stable offset that it
// has reached, at the second watch that finds both where they were. The log's offsets are answers of two moments: a
// record appended in between looks the same once. Nothing more is reported of a blockade once Blocked was called.
func (p *Partition) HeldBack(now time.Time) bool {
	if p.queue.records > 0 || p.done.Offset < p.stable || p.stable >= p.high {
		p.blocked, p.blockedTold = time.Time{}, false
		return false
	}
	if p.blocked.IsZero() || p.blockedAt != p.stable {
		p.blocked, p.blockedAt, p.blockedTold = now, p.stable, false
		return false
	}
	return !p.blockedTold
}

// Blocked notes that a blockade is reported as a transaction, and returns since when it lasts. ok is false if nothing
// holds the partition back any more.
func (p *Partition) Blocked() (since time.Time, ok bool) {
	if p.gone || p.blocked.IsZero() {
		return time.Time{}, false
	}
	p.blockedTold = true
	return p.blocked, true
}
