package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// peekTime bounds the look at the next records: what it finds is worth no longer wait.
const peekTime = 3 * time.Second

// lookAhead reads the oldest unread record of each lagging partition: its age, and whether it can be decoded.
func (v *View) lookAhead(ctx context.Context, r Resources) {
	if r.Reader == nil {
		return
	}
	at := map[fencepost.TopicPartition]*Standing{}
	ranges := map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for i := range v.Standings {
		s := &v.Standings[i]
		if s.Lag > 0 && s.State != Blocked {
			at[s.TopicPartition] = s
			ranges[s.TopicPartition] = fencepost.OffsetRange{From: max(s.Position.Offset, s.Bounds.Earliest), Until: s.Bounds.HighWatermark}
		}
	}
	got, whole, err := peek(ctx, r.Reader, ranges)
	if denied, ok := errors.AsType[*fencepost.UserError](err); ok && denied.Code == "kafka-denied" {
		v.Notes = append(v.Notes, fmt.Sprintf("LAG-TIME is not known of all partitions: %s", denied))
	}
	var waits *fencepost.Unready // a record says nothing of its partition while its schema is not there
	for tp, rec := range got {
		s := at[tp]
		s.NextAt = rec.Offset
		s.LagTime = max(0, v.At.Sub(time.UnixMilli(rec.Timestamp)))
		if r.Try == nil || s.Decision.Action != ledger.Resume {
			continue
		}
		err := r.Try(&rec)
		if w, ok := errors.AsType[*fencepost.Unready](err); ok {
			waits = w
		} else if err != nil {
			s.Bad, s.State = err, Parked
		}
	}
	if waits != nil {
		v.Notes = append(v.Notes, "Whether the next records can be decoded is not known here: "+waits.Reason)
	}
	for tp, s := range at {
		if _, found := got[tp]; whole && !found && s.Decision.Action == ledger.Resume {
			s.readOut(r)
		}
	}
}

// readOut is the state of a partition of which no record is left to read: the offsets before the end are markers of transactions,
// aborted records, or compacted entries.
func (s *Standing) readOut(r Resources) {
	if s.withheld(r) > 0 {
		s.State, s.Reason = Blocked, restHeld
		return
	}
	s.State, s.LagTime = Idle, 0
}

// restHeld is why a partition is blocked, where the brokers do not name the transaction.
const restHeld = "an open transaction holds the rest back"

// peek reads the first record of each range. whole: a range that is not in got has no record; else it may not have been read in time,
// and the error says why, where it is known.
func peek(ctx context.Context, reader source.Reader, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) (got map[fencepost.TopicPartition]fencepost.Record, whole bool, err error) {
	got = map[fencepost.TopicPartition]fencepost.Record{}
	if reader == nil || len(ranges) == 0 {
		return got, reader != nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, peekTime)
	defer cancel()
	err = reader.Scan(ctx, ranges, func(rec *fencepost.Record) bool {
		got[rec.TopicPartition] = kept(rec)
		return false
	})
	return got, err == nil, err
}

// kept is a copy of a record that outlives the call in which a reader handed it out.
func kept(rec *fencepost.Record) fencepost.Record {
	one := *rec
	one.Key, one.Value, one.Headers = slices.Clone(rec.Key), slices.Clone(rec.Value), slices.Clone(rec.Headers)
	for i := range one.Headers {
		one.Headers[i].Value = slices.Clone(one.Headers[i].Value)
	}
	return one
}
