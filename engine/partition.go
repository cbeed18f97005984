package engine

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// state is where a held partition stands.
//
//	            settle                 refused, fetch failed, moved by somebody
//	unsettled ---------> running  ------------------------------------------> unsettled
//	    |                   |
//	    | no answer         | bad record, verdict
//	    v                   v
//	 waiting             parked     both are settled again: waiting soon, parked every watch interval
type state uint8

const (
	unsettled state = iota // held, and nobody has said yet where it goes on
	running
	waiting // no answer; goes on by itself
	parked  // stands still until the cause is mended
)

// partition is one partition from its assignment to its revocation. Its fields are guarded by its lane's mutex; its
// state changes are the methods of this file.
//
// Guarantees while running:
//
//  1. done.Offset <= cut.Offset <= the first queued entry's offset <= next
//  2. done is what the ledger holds, as far as this worker knows; only a commit's outcome moves it
//  3. a batch cut in an earlier session is never committed
type partition struct {
	fencepost.TopicPartition
	lane *lane

	state  state
	code   string // why it is parked; empty otherwise
	reason string // why it is parked or waiting
	fresh  bool   // just assigned: whoever took it in settles it
	gone   bool   // revoked or lost: nothing of it may be begun any more

	session uint64 // raised when what was cut is void
	since   uint64 // number of the poll that was last begun when this session started
	// confirmed: a chunk of this session was believed. doubted: where one began that jumped, negative for none.
	confirmed bool
	doubted   fencepost.Offset

	base fencepost.Offset // where this worker took it up, for progress
	done ledger.Position  // committed
	cut  ledger.Position  // done after the batches that are cut and not yet committed
	next fencepost.Offset // next to come from the source

	taken   bool // entries are being decoded: they are neither queued nor cut yet
	queue   []span
	records int       // queued
	bytes   int64     // queued
	oldest  time.Time // when the oldest queued entry came

	proven      ledger.Position  // where the last commit of this worker ended: the ledger held it
	end         fencepost.Offset // of a run with an end; negative: none
	exhausted   bool             // nothing below end is left in the log
	stable      fencepost.Offset // as the last fetch or watch said; negative: unknown
	high        fencepost.Offset
	newest      int64     // timestamp of the newest committed record, Unix milliseconds
	blocked     time.Time // since when something has held it back at blockedAt; zero: nothing does
	blockedAt   fencepost.Offset
	blockedTold bool      // that it is a transaction
	silent      time.Time // since when the brokers have not answered for it; zero: they do
	// A record that can not be applied: where, whether it is being tried again, and whether the source is still to be
	// paused. toldAt is of use only while the partition is parked or probing.
	toldAt  fencepost.Offset
	probing bool
	pausing bool
	retryAt time.Time // waiting: when it is settled again
	backoff time.Duration
}

// span is a run of entries of one chunk.
type span struct {
	records source.Records
	lo, hi  int
	each    int64 // bytes an entry takes, on average
}

// offered says what became of a chunk.
type offered uint8

const (
	taken      offered = iota // queued, or nothing of it was new
	stale                     // from before a seek, and not where this partition goes on: seek again
	otherTopic                // another incarnation of the topic
	pastEnd                   // nothing below the run's end is left: pause it
)

// offer queues what is new in a chunk that came with the given poll. Entries are looked at in rec. REQUIRES: lane.mu is
// held.
func (p *partition) offer(c source.Chunk, poll uint64, now time.Time, rec *fencepost.Record) offered {
	if c.Stable > 0 || c.End > 0 {
		p.stable, p.high = c.Stable, c.End
	}
	n := c.Records.Len()
	if n == 0 {
		return taken
	}
	if p.gone || p.state != running {
		c.Records.Recycle(0, n)
		return taken
	}
	if p.done.TopicID != c.TopicID && p.done.TopicID != (fencepost.TopicID{}) && c.TopicID != (fencepost.TopicID{}) {
		c.Records.Recycle(0, n)
		return otherTopic
	}
	lo, hi := 0, n
	if !p.believes(offsetAt(c.Records, 0, rec), poll) {
		c.Records.Recycle(0, n)
		return stale
	}
	for lo < hi && offsetAt(c.Records, lo, rec) < p.next {
		lo++
	}
	last := offsetAt(c.Records, n-1, rec)
	if p.end >= 0 && last >= p.end {
		for hi > lo && offsetAt(c.Records, hi-1, rec) >= p.end {
			hi--
		}
		p.exhausted = true
	}
	c.Records.Recycle(0, lo)
	c.Records.Recycle(hi, n)
	reached := p.next
	if lo < hi {
		p.push(span{records: c.Records, lo: lo, hi: hi, each: int64(c.Records.Size() / n)}, now)
		reached = offsetAt(c.Records, hi-1, rec) + 1
	}
	if p.exhausted && reached < p.end {
		p.push(span{records: nothing(p.end - 1), hi: 1}, now)
	}
	p.next = max(p.next, last+1)
	if p.exhausted {
		return pastEnd
	}
	return taken
}

// believes reports whether a chunk may begin at first. One that begins where the partition goes on is right whenever it
// was fetched: topic ID and offset name its records. One that begins beyond jumps over offsets, as compaction and aborted
// transactions make them, or it is of before a seek, or the client has lost a seek: in a session's first chunk a jump is
// believed only if another fetch from the same place jumps as well.
func (p *partition) believes(first fencepost.Offset, poll uint64) bool {
	if first <= p.next || p.confirmed && poll > p.since {
		p.confirmed = true
		return true
	}
	if poll > p.since && p.doubted == first {
		p.confirmed = true
		return true
	}
	if poll > p.since {
		p.doubted = first
	}
	return false
}

// nothing is an entry at an offset that no entry has any more: the last one in front of a run's end. The log goes on
// behind the end, so nothing of the run is left in front of it, and the position may reach the end itself (law 3).
type nothing fencepost.Offset

func (nothing) Len() int         { return 1 }
func (nothing) Recycle(int, int) {}
func (nothing) Size() int        { return 0 }

func (n nothing) Read(_ int, r *fencepost.Record) {
	*r = fencepost.Record{TopicPartition: r.TopicPartition, Offset: fencepost.Offset(n), LeaderEpoch: fencepost.NoEpoch, Control: true}
}

// offsetAt is entry i's offset, read by way of rec.
func offsetAt(r source.Records, i int, rec *fencepost.Record) fencepost.Offset {
	r.Read(i, rec)
	return rec.Offset
}

func (p *partition) push(s span, now time.Time) {
	if len(p.queue) == 0 {
		p.oldest = now
	}
	p.queue = append(p.queue, s)
	p.records += s.hi - s.lo
	p.bytes += s.each * int64(s.hi-s.lo)
}

// take moves the first n queued entries into spans, which it returns appended to dst.
func (p *partition) take(n int, dst []span) []span {
	for n > 0 && len(p.queue) > 0 {
		s := &p.queue[0]
		k := min(n, s.hi-s.lo)
		dst = append(dst, span{records: s.records, lo: s.lo, hi: s.lo + k, each: s.each})
		s.lo += k
		n -= k
		p.records -= k
		p.bytes -= s.each * int64(k)
		if s.lo == s.hi {
			p.queue[0] = span{}
			p.queue = p.queue[1:]
		}
	}
	if len(p.queue) == 0 {
		p.queue = nil
	}
	return dst
}

// drop empties the queue and returns how many bytes that freed.
func (p *partition) drop() int64 {
	freed := p.bytes
	for _, s := range p.queue {
		s.records.Recycle(s.lo, s.hi)
	}
	p.queue, p.records, p.bytes = nil, 0, 0
	return freed
}

// unsettle voids what was cut and queued: somebody has to say where the partition goes on. It returns the bytes freed.
func (p *partition) unsettle() int64 {
	p.session++
	p.state, p.code, p.reason = unsettled, "", ""
	return p.drop()
}

// resume goes on from pos.
func (p *partition) resume(pos ledger.Position, poll uint64) int64 {
	probing := p.state == parked && (p.code == "record-undecodable" || p.code == "record-refused") && pos.Offset <= p.toldAt
	freed := p.unsettle()
	p.state, p.probing = running, probing || p.probing && pos.Offset <= p.toldAt
	p.done, p.cut, p.next = pos, pos, pos.Offset
	p.since, p.confirmed, p.doubted = poll, false, -1
	if p.base < 0 {
		p.base = pos.Offset
	}
	p.exhausted = p.end >= 0 && pos.Offset >= p.end
	return freed
}

// reach moves done to where a commit ended. False: the partition was settled since that commit was cut, and done says
// already what the ledger held then, or something later.
func (p *partition) reach(pos ledger.Position) bool {
	if pos.Fence != p.done.Fence || pos.Offset < p.done.Offset || pos.Offset > p.cut.Offset {
		return false
	}
	p.done, p.proven, p.backoff = pos, pos, 0
	return true
}

// park stands still. What was cut before stays valid: it may hold the records in front of the bad one.
func (p *partition) park(code, reason string) int64 {
	p.state, p.code, p.reason = parked, code, reason
	return p.drop()
}

// await stands still until an answer comes.
func (p *partition) await(reason string, now time.Time, atMost time.Duration) int64 {
	p.state, p.code, p.reason = waiting, "", reason
	p.backoff = longer(p.backoff, 100*time.Millisecond, atMost)
	p.retryAt = now.Add(p.backoff)
	return p.drop()
}

// heldBack notes where a watch found the partition, and reports whether records wait behind a last stable offset that it
// has reached, at the second watch that finds both where they were. The bounds are answers of two moments: a record
// appended in between looks the same once.
func (p *partition) heldBack(b fencepost.Bounds, now time.Time) bool {
	if p.records > 0 || p.done.Offset < b.Stable || b.Stable >= b.End {
		p.blocked, p.blockedTold = time.Time{}, false
		return false
	}
	if p.blocked.IsZero() || p.blockedAt != b.Stable {
		p.blocked, p.blockedAt, p.blockedTold = now, b.Stable, false
		return false
	}
	return true
}

// leave lets the partition go: nothing of it is begun any more.
func (p *partition) leave() int64 {
	p.gone = true
	return p.unsettle()
}

// finished reports whether a run with an end has nothing left to do here. Where a partition does not run, its position
// may be one of another log: a recreated topic's end is below it.
func (p *partition) finished() bool {
	return p.end >= 0 && p.state == running && (p.done.Offset >= p.end || p.exhausted && p.idle())
}

// idle reports whether nothing of the partition is queued or on its way into the sink.
func (p *partition) idle() bool { return p.records == 0 && !p.taken && p.done == p.cut }

// standsAs reports whether a partition stands still as it did before, so that there is nothing to tell: parked for the
// same cause at the same place, whatever its reason counts meanwhile; or waiting for the same answer.
func (p *partition) standsAs(was *partition) bool {
	return p.state == was.state && (p.state == parked && p.code == was.code && p.done == was.done ||
		p.state == waiting && p.reason == was.reason)
}

// inLog reports whether the partition's position is a place in the log as it is now, so that a lag can be counted from
// it: not where the topic is another one, or is gone, or the log was cut short below it.
func (p *partition) inLog() bool {
	return p.state == running || p.state == parked && p.code != "recreated" && p.code != "truncated" && p.code != "topic-missing"
}

// lag is how many offsets are left, as far as is known.
func (p *partition) lag() int64 {
	to := p.high
	if p.end >= 0 {
		to = min(to, p.end)
	}
	return max(0, int64(to-p.done.Offset))
}
