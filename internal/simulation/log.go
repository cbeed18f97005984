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
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// log writes records, and knows what the brokers should hold of them.
type log struct {
	w        *world
	client   *kgo.Client
	admin    *kadm.Client
	inside   *kgo.Client                                             // of transactions
	next     int64                                                   // number of the next record
	records  map[fencepost.TopicPartition]map[fencepost.Offset]int64 // :: partition -> offset -> number, of committed records
	earliest map[fencepost.TopicPartition]fencepost.Offset           // records in front of it were deleted
	writable int32                                                   // partitions that the producers know
	open     []*kgo.Record                                           // of the open transaction
}

// undecodable and refusable say which numbers make a record bad.
func undecodable(n int64) bool { return n%41 == 7 }
func refusable(n int64) bool   { return n%37 == 5 }

func newLog(w *world) (*log, error) {
	l := &log{w: w, writable: w.plan.Partitions, records: map[fencepost.TopicPartition]map[fencepost.Offset]int64{}, earliest: map[fencepost.TopicPartition]fencepost.Offset{}}
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
		at := tp(r.Partition)
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

// remove deletes the records of a partition in front of an offset.
func (l *log) remove(p int32, until fencepost.Offset) {
	if err := l.w.cluster.DeleteRecords(topic, p, int64(until)); err != nil {
		l.w.broken("delete records: %v", err)
		return
	}
	l.earliest[tp(p)] = max(l.earliest[tp(p)], until)
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
func (l *log) between(at fencepost.TopicPartition, r fencepost.OffsetRange) (offsets []fencepost.Offset, ids []int64) {
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
		if held := snap.Positions[at]; held.Offset != ends[at] || held.Absent() {
			left = append(left, fmt.Sprintf("%d at %d of %d", at.Partition, held.Offset, ends[at]))
		}
	}
	return strings.Join(left, ", ")
}
