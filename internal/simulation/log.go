package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// log writes records, and knows what the brokers should hold of them.
type log struct {
	w        *world
	client   *kgo.Client
	admin    *kadm.Client
	inside   *kgo.Client                          // of transactions
	next     int64                                // number of the next record
	id       fencepost.TopicID                    // of the topic as it is now
	ids      map[fencepost.TopicID]bool           // that it had
	records  map[place]map[fencepost.Offset]int64 // :: partition -> offset -> number, of committed records
	earliest map[place]fencepost.Offset           // records in front of it were deleted
	writable int32                                // partitions that the producers know
	open     []*kgo.Record                        // of the open transaction
}

// place is a partition of the topic as it is or was.
type place struct {
	fencepost.TopicPartition
	id fencepost.TopicID
}

// of is the place that a position is of.
func of(at fencepost.TopicPartition, p ledger.Position) place { return place{at, p.TopicID} }

// now is the place of a partition as the topic is now.
func (l *log) now(at fencepost.TopicPartition) place { return place{at, l.id} }

// undecodable and refusable say which numbers make a record bad.
func undecodable(n int64) bool { return n%41 == 7 }
func refusable(n int64) bool   { return n%37 == 5 }

func newLog(w *world) (*log, error) {
	l := &log{w: w, writable: w.plan.Partitions, records: map[place]map[fencepost.Offset]int64{}, earliest: map[place]fencepost.Offset{}, ids: map[fencepost.TopicID]bool{}}
	l.named()
	var err, more error
	l.client, err = w.client()
	l.inside, more = w.client(kgo.TransactionalID("x"))
	if err := errors.Join(err, more); err != nil {
		return nil, fmt.Errorf("open producers: %w", err)
	}
	l.admin = kadm.NewClient(l.client)
	return l, nil
}

func (l *log) close() {
	l.client.Close()
	l.inside.Close()
}

// value is that of a record: of an undecodable one, what no decoder reads.
func value(n int64) []byte {
	if undecodable(n) {
		return fmt.Appendf(nil, `{"id":"%d is none"}`, n)
	}
	return fmt.Appendf(nil, `{"id":%d}`, n)
}

// record is the next one. There are bad ones only where they park nothing.
func (l *log) record(p int32) *kgo.Record {
	for {
		n := l.next
		l.next++
		if l.w.plan.Bad == engine.Park && (undecodable(n) || refusable(n)) {
			continue
		}
		return &kgo.Record{Topic: topic, Partition: p, Value: value(n), Context: context.WithValue(context.Background(), numberOf{}, n)}
	}
}

// numberOf is the key under which a record carries its number.
type numberOf struct{}

func (l *log) some(n int) (rs []*kgo.Record) {
	for range n {
		rs = append(rs, l.record(int32(l.w.dice.below(int(l.writable)))))
	}
	return rs
}

// produce appends n records.
func (l *log) produce(n int) {
	l.append(l.some(n))
}

// produceEach appends a record to each partition.
func (l *log) produceEach() {
	var rs []*kgo.Record
	for p := range l.writable {
		rs = append(rs, l.record(p))
	}
	l.append(rs)
}

func (l *log) append(rs []*kgo.Record) {
	l.send(l.client, rs)
	l.add(rs)
}

// send produces records, and again those of a partition that the producer does not know yet.
func (l *log) send(client *kgo.Client, rs []*kgo.Record) {
	var err error
	for range 30 {
		var again []*kgo.Record
		for _, r := range client.ProduceSync(context.Background(), rs...) {
			if r.Err != nil {
				again, err = append(again, r.Record), r.Err
			}
		}
		if rs = again; len(rs) == 0 {
			return
		}
		client.ForceMetadataRefresh()
		time.Sleep(100 * time.Millisecond)
	}
	l.w.broken("produce: %v", err)
}

// add takes records for committed.
func (l *log) add(rs []*kgo.Record) {
	for _, r := range rs {
		at := l.now(tp(r.Partition))
		if l.records[at] == nil {
			l.records[at] = map[fencepost.Offset]int64{}
		}
		l.records[at][fencepost.Offset(r.Offset)] = r.Context.Value(numberOf{}).(int64)
	}
}

// begin writes records in a transaction, which stays open.
func (l *log) begin(n int) {
	if l.open != nil {
		return
	}
	if err := l.inside.BeginTransaction(); err != nil {
		l.w.broken("begin transaction: %v", err)
		return
	}
	l.open = l.some(n)
	l.send(l.inside, l.open)
}

// end commits or aborts the open transaction.
func (l *log) end(how kgo.TransactionEndTry) {
	if l.open == nil {
		return
	}
	if err := l.inside.EndTransaction(context.Background(), how); err != nil {
		l.w.broken("end transaction: %v", err)
	}
	if how == kgo.TryCommit {
		l.add(l.open)
	}
	l.open = nil
}

// grow adds a partition to the topic.
func (l *log) grow() {
	r, err := l.admin.UpdatePartitions(context.Background(), int(l.w.plan.Partitions)+1, topic)
	if err == nil {
		err = r[topic].Err
	}
	if err != nil {
		l.w.broken("add a partition: %v", err)
		return
	}
	l.w.plan.Partitions++
	l.writable = l.w.plan.Partitions
}

// named takes in which incarnation the topic is.
func (l *log) named() {
	l.id = l.w.cluster.TopicInfo(topic).TopicID
	l.ids[l.id] = true
}

// recreate deletes the topic, and makes it anew with as many partitions after a while.
func (l *log) recreate(after time.Duration) {
	ctx := context.Background()
	if _, err := l.admin.DeleteTopic(ctx, topic); err != nil {
		l.w.broken("delete the topic: %v", err)
	}
	time.Sleep(after)
	if _, err := l.admin.CreateTopic(ctx, l.w.plan.Partitions, -1, nil, topic); err != nil {
		l.w.broken("make the topic anew: %v", err)
	}
	l.named()
	for _, cl := range []*kgo.Client{l.client, l.inside} {
		cl.PurgeTopicsFromClient(topic)
	}
}

// remove deletes the records of a partition in front of an offset.
func (l *log) remove(p int32, until fencepost.Offset) {
	if err := l.w.cluster.DeleteRecords(topic, p, int64(until)); err != nil {
		l.w.broken("delete records: %v", err)
		return
	}
	at := l.now(tp(p))
	l.earliest[at] = max(l.earliest[at], until)
}

// ends is where each partition ends.
func (l *log) ends() map[fencepost.TopicPartition]fencepost.Offset {
	ends := map[fencepost.TopicPartition]fencepost.Offset{}
	for p := range l.w.plan.Partitions {
		if i := l.w.cluster.PartitionInfo(topic, p); i != nil {
			ends[tp(p)] = fencepost.Offset(i.HighWatermark)
		}
	}
	return ends
}

// between is the offsets and numbers of the committed records in a range, in order.
func (l *log) between(at place, r fencepost.OffsetRange) (offsets []fencepost.Offset, ids []int64) {
	for _, o := range slices.Sorted(maps.Keys(l.records[at])) {
		if r.Contains(o) {
			offsets, ids = append(offsets, o), append(ids, l.records[at][o])
		}
	}
	return offsets, ids
}

// behind is which partitions the ledger has not brought to their end; empty: none.
func (w *world) behind() string {
	snap, err := w.db.Read(context.Background(), group)
	if err != nil {
		return err.Error()
	}
	var left []string
	ends := w.log.ends()
	for _, at := range slices.SortedFunc(maps.Keys(ends), fencepost.TopicPartition.Compare) {
		if held := snap.Positions[at]; held.Offset != ends[at] || held.Absent() || held.TopicID != w.log.id {
			left = append(left, fmt.Sprintf("%d at %d of %d", at.Partition, held.Offset, ends[at]))
		}
	}
	return strings.Join(left, ", ")
}
