package assignment

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// What was claimed and not looked at comes again, in order and once, wherever a claim is cut; and records and bytes are counted as if it
// had never been claimed. A claim of a session that is over is void.
func TestACutClaimComesAgain(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := assigned(-1)
		now := time.Now()
		p.Resume(ledger.Position{}, 1)
		var rec fencepost.Record
		next := fencepost.Offset(0)
		for range 5 {
			var fetch records
			for range 1 + rng.IntN(7) {
				fetch = append(fetch, fencepost.Record{Offset: next})
				next++
			}
			if got := p.Offer(source.Fetch{TopicPartition: tp(0), Records: fetch, LastStableOffset: 1}, 9, now, &rec); got != Queued {
				t.Fatalf("seed %d: the fetch is %d, want queued", seed, got)
			}
		}
		all := p.queue.records
		var seen []fencepost.Offset
		for p.queue.records > 0 {
			c := p.Claim(1+rng.IntN(p.queue.records), now, nil)
			claimed := c.Records
			span := rng.IntN(len(c.Spans))
			entry := c.Spans[span].Lo + rng.IntN(c.Spans[span].Hi-c.Spans[span].Lo)
			var rest Claim
			if cut := rng.IntN(2) == 0; cut {
				rest = c.Cut(span, entry)
			}
			if c.Records+rest.Records != claimed || c.Bytes != 100*int64(c.Records) || rest.Bytes != 100*int64(rest.Records) {
				t.Fatalf("seed %d: %d records of %d bytes and %d of %d, want %d in all, of 100 bytes each", seed, c.Records, c.Bytes, rest.Records, rest.Bytes, claimed)
			}
			for _, s := range c.Spans {
				for i := s.Lo; i < s.Hi; i++ {
					seen = append(seen, offsetAt(s.Records, i, &rec))
				}
			}
			p.Form(c.Session, ledger.Position{Offset: fencepost.Offset(len(seen))})
			if rest.Records > 0 && !p.Return(rest, now) {
				t.Fatalf("seed %d: a claim of this session was not taken back", seed)
			}
			if left := all - len(seen); p.queue.records != left || p.queue.bytes != 100*int64(left) {
				t.Fatalf("seed %d: %d records of %d bytes are queued, want %d", seed, p.queue.records, p.queue.bytes, left)
			}
		}
		for i, at := range seen {
			if at != fencepost.Offset(i) {
				t.Fatalf("seed %d: the records came as %v", seed, seen)
			}
		}
	}
	p := assigned(-1)
	p.Resume(ledger.Position{}, 1)
	var rec fencepost.Record
	p.Offer(source.Fetch{TopicPartition: tp(0), Records: records{{Offset: 0}, {Offset: 1}, {Offset: 2}}, LastStableOffset: 1}, 9, time.Now(), &rec)
	c := p.Claim(3, time.Now(), nil)
	rest := c.Cut(0, 1)
	p.Void()
	if p.Return(rest, time.Now()) || p.queue.records != 0 {
		t.Errorf("a claim of a session that is over was taken back: %d records are queued", p.queue.records)
	}
}
