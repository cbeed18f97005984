package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// view is the committed content of a ledger's topic, read from its log up to the high watermark.
//
// It tells committed from aborted by the markers in the log itself, and not by the broker's last stable offset: that
// one stands still while any group's transaction is open, so one stopped mover would hide every other group's moves.
type view struct {
	of      fencepost.TopicID // the topic that was read
	next    int64
	version int // of the ledger's records
	books   map[fencepost.Group]*book
	pending map[int64]*pending // :: producer ID -> what its open transaction wrote
	// watched are transactions whose outcome somebody waits for, by the offset of their first record.
	watched map[int64]*outcome
	// story is told every committed move; nil: nobody listens.
	story func(fact)
	// entry is told the offset of every record of a transaction; nil: nobody listens.
	entry func(offset int64)
}

// outcome is how a transaction ended.
type outcome uint8

const (
	outcomeUnset outcome = iota
	outcomeAborted
	outcomeCommitted
)

// pending is what an open transaction has written so far.
type pending struct {
	epoch int16 // of the producer
	first int64
	facts []filed
}

type filed struct {
	fact
	gone error
}

func newView() *view {
	v := &view{watched: map[int64]*outcome{}}
	v.reset(fencepost.TopicID{})
	return v
}

// reset begins anew, with a topic's first record.
func (v *view) reset(of fencepost.TopicID) {
	v.of, v.next, v.version = of, 0, ledgerVersion
	v.books, v.pending = map[fencepost.Group]*book{}, map[int64]*pending{}
}

// book is a group's, an empty one for a group that the topic does not know.
func (v *view) book(g fencepost.Group) *book {
	if b := v.books[g]; b != nil {
		return b
	}
	return newBook()
}

// unfinished is the offset at which an open transaction began to write about the group; -1: there is none.
func (v *view) unfinished(g fencepost.Group) int64 {
	for _, p := range v.pending {
		for _, f := range p.facts {
			if f.group == g {
				return p.first
			}
		}
	}
	return -1
}

// overtaken reports whether a transaction is open that somebody began who took the producer behind p.
func (v *view) overtaken(p *producer) bool {
	open := v.pending[p.id]
	return open != nil && open.epoch > p.epoch
}

// take reads one entry of the log. What was written outside of a transaction is not ours.
func (v *view) take(r *kgo.Record) error {
	switch {
	case r.Attrs.IsControl():
		p := v.pending[r.ProducerID]
		delete(v.pending, r.ProducerID)
		if p == nil || len(r.Key) < 4 {
			return nil
		}
		end := outcomeAborted
		if binary.BigEndian.Uint16(r.Key[2:]) == 1 {
			end = outcomeCommitted
			for _, f := range p.facts {
				v.file(f)
			}
		}
		if w := v.watched[p.first]; w != nil {
			*w = end
		}
	case r.Attrs.IsTransactional():
		f, err := decode(r.Key, r.Value, r.Timestamp)
		if err != nil && !errors.Is(err, errDeleted) {
			return fmt.Errorf("read ledger topic %s: the record at offset %d: %w", r.Topic, r.Offset, err)
		}
		p := v.pending[r.ProducerID]
		if p == nil {
			p = &pending{epoch: r.ProducerEpoch, first: r.Offset}
			v.pending[r.ProducerID] = p
		}
		p.facts = append(p.facts, filed{f, err})
		if v.entry != nil {
			v.entry(r.Offset)
		}
	}
	return nil
}

func (v *view) file(f filed) {
	if f.version != 0 {
		v.version = max(v.version, f.version)
		return
	}
	if f.move != nil {
		if v.story != nil && f.gone == nil {
			v.story(f.fact)
		}
		return
	}
	b := v.books[f.group]
	if b == nil {
		b = newBook()
		v.books[f.group] = b
	}
	b.file(f.fact, f.gone)
}

// home is where the ledger's topic is.
type home struct {
	id      fencepost.TopicID
	cluster string
	leader  int32
}

// identity is the topic's ID: no two topics share one, and all processes see the same without having agreed on one.
func (h home) identity() fencepost.LedgerID { return fencepost.LedgerID(h.id) }

// catchUp reads the log up to what was written before the call.
func (l *Ledger) catchUp(ctx context.Context, v *view) error {
	until := int64(-1)
	for tries := 0; ; {
		h, err := l.home(ctx)
		if err != nil {
			return err
		}
		if v.of != h.id { // also where the topic was deleted and made again: nothing of the old one holds
			v.reset(h.id)
		}
		end, err := l.fetch(ctx, h, v)
		switch {
		case errors.Is(err, kerr.OffsetOutOfRange) && tries < 5:
			v.of = fencepost.TopicID{} // it lost its end, or it is another topic: from the beginning
			tries++
			l.forgetHome()
			continue
		case err != nil && tries < 5 && (kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err)):
			tries++
			l.forgetHome()
			if err := pause(ctx, backoff(tries)); err != nil {
				return err
			}
			continue
		case err != nil:
			return l.fault(ctx, err, "")
		}
		if until < 0 {
			until = end
		}
		if v.next >= until {
			break
		}
	}
	if v.version > ledgerVersion {
		return fmt.Errorf("%w: topic %s, version %d; this program knows %d", fencepost.ErrNewer, l.cfg.Topic, v.version, ledgerVersion)
	}
	return nil
}

const fetchBytes = 16 << 20

// fetch reads once, and returns the high watermark.
func (l *Ledger) fetch(ctx context.Context, h home, v *view) (end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answerTimeout)
	defer cancel()
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxBytes, req.SessionEpoch = -1, fetchBytes, -1
	t, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	t.Topic, p.FetchOffset, p.PartitionMaxBytes = l.cfg.Topic, v.next, fetchBytes
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	raw, err := l.source.client.Broker(int(h.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return 0, err
	}
	resp := raw.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, errNoReply
	}
	answer := &resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return 0, err
	}
	opts := kgo.ProcessFetchPartitionOpts{KeepControlRecords: true, Offset: v.next, IsolationLevel: kgo.ReadUncommitted(), Topic: l.cfg.Topic}
	got, next := kgo.ProcessFetchPartition(opts, answer, kgo.DefaultDecompressor(), nil)
	if got.Err != nil {
		return 0, got.Err
	}
	for _, r := range got.Records {
		if err := v.take(r); err != nil {
			return 0, err
		}
	}
	v.next = max(v.next, next)
	return answer.HighWatermark, nil
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
