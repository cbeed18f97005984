package assignment

import (
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// queue is the entries of one partition that wait for a batch, in offset order.
type queue struct {
	spans   []Span
	records int
	bytes   int64
	oldest  time.Time // when the oldest entry came
}

// Span is a run of entries of one fetch: [Lo, Hi) of its Records.
type Span struct {
	Records source.Records
	Lo, Hi  int
	each    int64 // bytes an entry takes, on average
}

// Claim is what a batch takes from one partition's queue.
type Claim struct {
	Session uint64
	From    ledger.Position // where the claimed entries begin
	Spans   []Span
	Records int
	Bytes   int64
}

// Offered says what became of a fetch.
type Offered uint8

const (
	Queued     Offered = iota // or nothing of it was new
	Stale                     // from before a seek, and not where this partition goes on: seek again
	OtherTopic                // another incarnation of the topic
	PastEnd                   // nothing below the run's end is left: pause it
)

// Offer queues what is new in a fetch that came with the given poll. Entries are looked at in rec.
func (p *Partition) Offer(c source.Fetch, poll uint64, now time.Time, rec *fencepost.Record) Offered {
	if c.LastStableOffset > 0 || c.HighWatermark > 0 {
		p.stable, p.high = c.LastStableOffset, c.HighWatermark
	}
	n := c.Records.Len()
	if n == 0 {
		return Queued
	}
	if p.gone || p.state != Running {
		c.Records.Recycle(0, n)
		return Queued
	}
	if known := (fencepost.TopicID{}); p.done.TopicID != c.TopicID && p.done.TopicID != known && c.TopicID != known {
		c.Records.Recycle(0, n)
		return OtherTopic
	}
	if !p.believes(offsetAt(c.Records, 0, rec), poll) {
		c.Records.Recycle(0, n)
		return Stale
	}
	return p.enqueue(c.Records, now, rec)
}

// enqueue takes what a believed fetch holds between where the partition goes on and the run's end.
func (p *Partition) enqueue(r source.Records, now time.Time, rec *fencepost.Record) Offered {
	n := r.Len()
	lo, hi := 0, n
	for lo < hi && offsetAt(r, lo, rec) < p.next {
		lo++
	}
	last := offsetAt(r, n-1, rec)
	if p.end >= 0 && last >= p.end {
		for hi > lo && offsetAt(r, hi-1, rec) >= p.end {
			hi--
		}
		p.exhausted = true
	}
	r.Recycle(0, lo)
	r.Recycle(hi, n)
	reached := p.next
	if lo < hi {
		p.queue.push(Span{Records: r, Lo: lo, Hi: hi, each: int64(r.Size() / n)}, now)
		reached = offsetAt(r, hi-1, rec) + 1
	}
	if p.exhausted && reached < p.end {
		p.queue.push(Span{Records: nothing(p.end - 1), Hi: 1}, now)
	}
	p.next = max(p.next, last+1)
	if p.exhausted {
		return PastEnd
	}
	return Queued
}

// believes reports whether a fetch may begin at first. One that begins where the partition goes on is right whenever it
// was fetched: topic ID and offset name its records. One that begins beyond jumps over offsets, as compaction and aborted
// transactions make them, or it is from before a seek, or the client has lost a seek: in a session's first fetch a jump
// is believed only if another fetch from the same place jumps as well.
func (p *Partition) believes(first fencepost.Offset, poll uint64) bool {
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

// Claim takes the first n queued entries for a batch; its spans are appended to dst. What is left counts as old as now.
func (p *Partition) Claim(n int, now time.Time, dst []Span) Claim {
	before := p.queue.bytes
	c := Claim{Session: p.session, From: p.formed, Records: n, Spans: p.queue.take(n, dst)}
	c.Bytes = before - p.queue.bytes
	p.queue.oldest, p.decoding = now, true
	return c
}

// Cut takes the entries from entry n of a span on out of a claim: what was not looked at. REQUIRES: the span has such an entry.
func (c *Claim) Cut(span, n int) (rest Claim) {
	rest = Claim{Session: c.Session, Spans: append([]Span(nil), c.Spans[span:]...)}
	rest.Spans[0].Lo = n
	for _, s := range rest.Spans {
		rest.Records += s.Hi - s.Lo
		rest.Bytes += s.each * int64(s.Hi-s.Lo)
	}
	for i := span + 1; i < len(c.Spans); i++ {
		c.Spans[i] = Span{} // it would keep a fetch in memory
	}
	c.Spans[span].Hi = n
	c.Spans = c.Spans[:span+1]
	if c.Spans[span].Lo == n {
		c.Spans[span] = Span{}
		c.Spans = c.Spans[:span]
	}
	c.Records, c.Bytes = c.Records-rest.Records, c.Bytes-rest.Bytes
	return rest
}

// Return puts the last entries of a claim back in front of the queue. False: the session in which they were claimed is over, or the
// partition is stopped, and they are void. REQUIRES: Form was called for what is left of the claim.
func (p *Partition) Return(rest Claim, now time.Time) bool {
	if p.gone || p.session != rest.Session || p.state != Running {
		return false
	}
	q := &p.queue
	q.spans = append(rest.Spans, q.spans...)
	q.records, q.bytes, q.oldest = q.records+rest.Records, q.bytes+rest.Bytes, now
	return true
}

// Void gives the entries of a claim that are of no use any more back to the client.
func (c Claim) Void() {
	for _, s := range c.Spans {
		s.Records.Recycle(s.Lo, s.Hi)
	}
}

func (q *queue) push(s Span, now time.Time) {
	if len(q.spans) == 0 {
		q.oldest = now
	}
	q.spans = append(q.spans, s)
	q.records += s.Hi - s.Lo
	q.bytes += s.each * int64(s.Hi-s.Lo)
}

// take moves the first n entries into spans, which it returns appended to dst.
func (q *queue) take(n int, dst []Span) []Span {
	for n > 0 && len(q.spans) > 0 {
		s := &q.spans[0]
		k := min(n, s.Hi-s.Lo)
		dst = append(dst, Span{Records: s.Records, Lo: s.Lo, Hi: s.Lo + k, each: s.each})
		s.Lo += k
		n -= k
		q.records -= k
		q.bytes -= s.each * int64(k)
		if s.Lo == s.Hi {
			*s = Span{} // it would keep a fetch in memory
			q.spans = q.spans[1:]
		}
	}
	if len(q.spans) == 0 {
		q.spans = nil
	}
	return dst
}

// drop empties the queue, gives its entries back to the client, and returns how many bytes that freed.
func (q *queue) drop() (freed int64) {
	freed = q.bytes
	for _, s := range q.spans {
		s.Records.Recycle(s.Lo, s.Hi)
	}
	*q = queue{}
	return freed
}
