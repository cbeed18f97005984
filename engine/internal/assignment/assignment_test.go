package assignment

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

func tp(p int32) fencepost.TopicPartition { return fencepost.TopicPartition{Topic: "t", Partition: p} }

// assigned is a partition of a run that ends at end; none: nowhere.
func assigned(end fencepost.Offset) *Partition {
	p := New(tp(0))
	p.Reconciled(end)
	return &p
}

// records is what a fetch brought.
type records []fencepost.Record

func (r records) Len() int         { return len(r) }
func (r records) Recycle(int, int) {}
func (r records) Size() int        { return 100 * len(r) }
func (r records) Read(i int, rec *fencepost.Record) {
	*rec = r[i]
	rec.TopicPartition = tp(0)
}

// A chunk counts from where the partition goes on, whatever it holds besides; only a poll begun after the seek may skip
// offsets, and the first one only if it comes twice; another incarnation of the topic brings nothing (L15).
func TestOffer(t *testing.T) {
	id, other := fencepost.TopicID{1}, fencepost.TopicID{2}
	tests := []struct {
		name     string
		id       fencepost.TopicID
		from, to fencepost.Offset // the fetch's entries
		poll     uint64
		end      fencepost.Offset
		want     Offered
		queued   int
		next     fencepost.Offset
	}{
		{"goes on exactly", id, 10, 15, 6, -1, Queued, 5, 15},
		{"of before the seek, and fits", id, 10, 15, 5, -1, Queued, 5, 15},
		{"overlaps", id, 7, 15, 6, -1, Queued, 5, 15},
		{"nothing new", id, 5, 9, 6, -1, Queued, 0, 10},
		{"skips offsets that are gone", id, 20, 25, 6, -1, Queued, 5, 25},
		{"of before the seek, and skips", id, 20, 25, 5, -1, Stale, 0, 10},
		{"another incarnation", other, 10, 15, 6, -1, OtherTopic, 0, 10},
		{"no incarnation known", fencepost.TopicID{}, 10, 15, 6, -1, Queued, 5, 15},
		{"reaches past the end", id, 10, 15, 6, 13, PastEnd, 3, 15},
		{"reaches past the end over a gap", id, 14, 16, 6, 15, PastEnd, 1, 16},
		{"lies past the end", id, 14, 16, 6, 13, PastEnd, 1, 16}, // the empty way to the end
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := assigned(tt.end)
			p.Resume(ledger.Position{Offset: 10, Fence: 1, TopicID: id}, 5)
			var recs records
			for o := tt.from; o < tt.to; o++ {
				recs = append(recs, fencepost.Record{Offset: o})
			}
			got := p.Offer(source.Fetch{TopicPartition: tp(0), TopicID: tt.id, Records: recs}, tt.poll, time.Time{}, &fencepost.Record{})
			if jumps := tt.from > 10 && tt.id == id && tt.poll > 5; jumps { // believed once it comes again
				if got != Stale || p.queue.records != 0 || p.next != 10 {
					t.Errorf("a first jump is %d with %d queued and next %d, want Stale: the seek may have been lost", got, p.queue.records, p.next)
				}
				p.Seek(tt.poll)
				got = p.Offer(source.Fetch{TopicPartition: tp(0), TopicID: tt.id, Records: recs}, tt.poll+1, time.Time{}, &fencepost.Record{})
			}
			if got != tt.want || p.queue.records != tt.queued || p.next != tt.next {
				t.Errorf("offer is %d with %d queued and next %d, want %d, %d, %d", got, p.queue.records, p.next, tt.want, tt.queued, tt.next)
			}
		})
	}
}

// A jump is doubted anew in each session, and one that was fetched before the seek is never believed.
func TestJumpsAreDoubtedAnew(t *testing.T) {
	jump := source.Fetch{TopicPartition: tp(0), Records: records{{Offset: 20}, {Offset: 21}}}
	p := assigned(none)
	for session := range 3 {
		p.Resume(ledger.Position{Offset: 10, Fence: 1}, 5)
		for range 3 {
			if got := p.Offer(jump, 5, time.Time{}, &fencepost.Record{}); got != Stale {
				t.Errorf("session %d: a jump of before the seek is %d, want Stale, as often as it comes", session, got)
			}
		}
		if got := p.Offer(jump, 6, time.Time{}, &fencepost.Record{}); got != Stale {
			t.Errorf("session %d: a first jump is %d, want Stale", session, got)
		}
		if got := p.Offer(jump, 7, time.Time{}, &fencepost.Record{}); got != Queued || p.queue.records != 2 {
			t.Errorf("session %d: a jump that comes again is %d with %d queued, want it taken", session, got, p.queue.records)
		}
	}
}

// What comes of a partition that does not run is dropped: it has not been decided yet that it goes on there.
func TestNothingIsQueuedWhileAPartitionDoesNotRun(t *testing.T) {
	for name, stop := range map[string]func(*Partition){
		"parked":  func(p *Partition) { p.Park("record-refused", "bad") },
		"waiting": func(p *Partition) { p.WaitAt(ledger.Position{}, "no answer", time.Time{}, time.Second) },
		"pending": func(p *Partition) { p.Reset("") },
		"gone":    func(p *Partition) { p.Leave() },
	} {
		p := assigned(none)
		p.Resume(ledger.Position{Offset: 10, Fence: 1}, 5)
		stop(p)
		c := source.Fetch{TopicPartition: tp(0), Records: records{{Offset: 10}, {Offset: 11}}}
		if got := p.Offer(c, 6, time.Time{}, &fencepost.Record{}); got != Queued || p.queue.records != 0 {
			t.Errorf("%s: a chunk is %d with %d queued, want it dropped without a word", name, got, p.queue.records)
		}
	}
}

// A position without a topic ID, of before the brokers had any, goes on under whatever ID they have now.
func TestAPositionWithoutATopicIDTakesWhatComes(t *testing.T) {
	p := assigned(none)
	p.Resume(ledger.Position{Offset: 10, Fence: 1}, 5)
	c := source.Fetch{TopicPartition: tp(0), TopicID: fencepost.TopicID{3}, Records: records{{Offset: 10}}}
	if got := p.Offer(c, 6, time.Time{}, &fencepost.Record{}); got != Queued || p.queue.records != 1 {
		t.Errorf("a chunk is %d with %d queued, want it taken", got, p.queue.records)
	}
}

// The lag goes up to the log's end or the run's, and is never below zero; it is counted where the position is a place in
// the log as it is now.
func TestLag(t *testing.T) {
	for _, tt := range []struct{ done, high, end, want fencepost.Offset }{
		{10, 20, -1, 10}, {10, 20, 15, 5}, {10, 12, 15, 2}, {18, 20, 15, 0}, {25, 20, -1, 0},
	} {
		p := assigned(tt.end)
		p.Resume(ledger.Position{Offset: tt.done}, 1)
		p.SetLog(none, tt.high)
		if got := p.Lag(); got != int64(tt.want) {
			t.Errorf("at %d of %d in a run to %d the lag is %d, want %d", tt.done, tt.high, tt.end, got, tt.want)
		}
	}
	for code, want := range map[string]bool{"record-refused": true, "aged-out": true, "recreated": false, "truncated": false, "topic-missing": false} {
		p := assigned(none)
		p.Park(code, "")
		if got := p.InLog(); got != want {
			t.Errorf("parked as %s, the position is a place in the log: %t, want %t", code, got, want)
		}
	}
}

// Waits grow while nothing is achieved: a commit has the next one begin small again.
func TestACommitEndsTheBackOff(t *testing.T) {
	p := assigned(none)
	now := time.Unix(0, 0)
	wait := func(want time.Duration) {
		t.Helper()
		if p.WaitAt(ledger.Position{}, "no answer", now, 5*time.Second); p.RetryAt().Sub(now) != want {
			t.Errorf("the partition waits for %s, want %s", p.RetryAt().Sub(now), want)
		}
		p.Resume(ledger.Position{Offset: 10, Fence: 1}, 1)
	}
	for _, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		wait(want * time.Millisecond)
	}
	p.Form(p.Session(), ledger.Position{Offset: 20, Fence: 1})
	p.Commit(ledger.Position{Offset: 20, Fence: 1})
	wait(100 * time.Millisecond)
}

// E15 (f): an answer moves a partition within what is cut of it, and no further. A commit whose partition was settled
// meanwhile may end past that: the fence is the same, for the partition was not moved, and what lies in between is queued
// once more.
func TestE15CommitStaysWithinTheFormed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		until fencepost.Offset
		fence ledger.Fence
		want  fencepost.Offset
	}{
		{"within", 15, 7, 15},
		{"at the cut", 20, 7, 20},
		{"past the cut", 21, 7, 10},
		{"behind", 9, 7, 10},
		{"under another fence", 15, 8, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := assigned(none)
			p.Resume(ledger.Position{Offset: 10, Fence: 7}, 1)
			p.Form(p.Session(), ledger.Position{Offset: 20, Fence: 7})
			moved, _ := p.Commit(ledger.Position{Offset: tt.until, Fence: tt.fence})
			if p.Done().Offset != tt.want || moved != (tt.want != 10) {
				t.Errorf("an answer at %d takes a partition at 10, cut up to 20, to %d and says %t; want %d", tt.until, p.Done().Offset, moved, tt.want)
			}
		})
	}
}
