package engine

import (
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// A chunk counts from where the partition goes on, whatever it holds besides; only a poll begun after the seek may skip
// offsets, and the first one only if it comes twice; another incarnation of the topic brings nothing (L15).
func TestOffer(t *testing.T) {
	id, other := fencepost.TopicID{1}, fencepost.TopicID{2}
	tests := []struct {
		name     string
		id       fencepost.TopicID
		from, to fencepost.Offset // the chunk's entries
		poll     uint64
		end      fencepost.Offset
		want     offered
		queued   int
		next     fencepost.Offset
	}{
		{"goes on exactly", id, 10, 15, 6, -1, taken, 5, 15},
		{"of before the seek, and fits", id, 10, 15, 5, -1, taken, 5, 15},
		{"overlaps", id, 7, 15, 6, -1, taken, 5, 15},
		{"nothing new", id, 5, 9, 6, -1, taken, 0, 10},
		{"skips offsets that are gone", id, 20, 25, 6, -1, taken, 5, 25},
		{"of before the seek, and skips", id, 20, 25, 5, -1, stale, 0, 10},
		{"another incarnation", other, 10, 15, 6, -1, otherTopic, 0, 10},
		{"no incarnation known", fencepost.TopicID{}, 10, 15, 6, -1, taken, 5, 15},
		{"reaches past the end", id, 10, 15, 6, 13, pastEnd, 3, 15},
		{"reaches past the end over a gap", id, 14, 16, 6, 15, pastEnd, 1, 16},
		{"lies past the end", id, 14, 16, 6, 13, pastEnd, 1, 16}, // the empty way to the end
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := &partition{TopicPartition: tp(0), base: -1, end: tt.end}
			p.resume(ledger.Position{Offset: 10, Fence: 1, TopicID: id}, 5)
			var recs records
			for o := tt.from; o < tt.to; o++ {
				recs = append(recs, fencepost.Record{Offset: o})
			}
			got := p.offer(source.Chunk{TopicPartition: tp(0), TopicID: tt.id, Records: recs}, tt.poll, time.Time{}, &fencepost.Record{})
			if jumps := tt.from > 10 && tt.id == id && tt.poll > 5; jumps { // believed once it comes again
				if got != stale || p.records != 0 || p.next != 10 {
					t.Errorf("a first jump is %d with %d queued and next %d, want stale: the seek may have been lost", got, p.records, p.next)
				}
				p.since = tt.poll
				got = p.offer(source.Chunk{TopicPartition: tp(0), TopicID: tt.id, Records: recs}, tt.poll+1, time.Time{}, &fencepost.Record{})
			}
			if got != tt.want || p.records != tt.queued || p.next != tt.next {
				t.Errorf("offer is %d with %d queued and next %d, want %d, %d, %d", got, p.records, p.next, tt.want, tt.queued, tt.next)
			}
		})
	}
}
