package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A transaction hangs if its end was decided and is not in the log: brokers (4.3.1 does, after kill -9) take a partition
// that has no leader at that moment for a deleted one, do not write its marker, and note the transaction as complete.
// Nobody ever writes that marker. The group's offsets stay unstable, read_committed readers stop before the record, and
// the next marker of the same producer, an abort as a rule, undoes a move that was acknowledged.
//
// The coordinator knows how the last transaction ended until the producer is taken anew. So who takes it asks first, and
// writes the missing markers before anything else, with the decision that was made. To end it by a transaction of our
// own would need no right on the cluster; but a mover that is fenced halfway through would turn a commit into an abort.
//
//	coordinator             log of the ledger, of the offsets
//	CompleteCommit, epoch 6 an open transaction of epoch 6    what the brokers left behind
//	                                                          DescribeTransactions: it is to be committed
//	Empty, epoch 7                                            InitProducerID: nobody writes with epoch 6 any more
//	                        a commit marker of epoch 7        WriteTxnMarkers, where DescribeProducers shows it open

// ended is the last decision about a producer's transactions that was seen before the producer was taken.
type ended struct {
	id    int64
	epoch int16
	end   outcome // unset: none is known
}

// of reports whether the decision is about an open transaction of that epoch. To abort what a silent or fenced holder
// left open, the coordinator raises the epoch first.
func (e ended) of(epoch int16) bool {
	switch e.end {
	case outcomeCommitted:
		return e.epoch == epoch
	case outcomeAborted:
		return e.epoch == epoch || e.epoch == epoch+1
	}
	return false
}

const (
	// hangPatience is how long to wait for a marker before it is called missing. It takes 1 ms as a rule.
	hangPatience = 5 * time.Second
	// othersPatience is how long more a mover waits for offsets that another program's transaction may hold.
	othersPatience = 15 * time.Second

	offsetsTopic = "__consumer_offsets"
)

// described is what the coordinator says of the group's transaction; nil: it knows none.
func (l *Ledger) described(ctx context.Context, node int32, g fencepost.Group) (*kmsg.DescribeTransactionsResponseTransactionState, error) {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{l.transactionalID(g)}
	resp, err := once[*kmsg.DescribeTransactionsResponse](ctx, l, node, req)
	if err != nil {
		return nil, err
	}
	if len(resp.TransactionStates) != 1 {
		return nil, errNoReply
	}
	s := &resp.TransactionStates[0]
	if err := kerr.ErrorForCode(s.ErrorCode); errors.Is(err, kerr.TransactionalIDNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return s, nil
}

// lastEnd is how the group's last transaction ended. Markers that are being written are waited for, as an error
// CONCURRENT_TRANSACTIONS.
func (l *Ledger) lastEnd(ctx context.Context, node int32, g fencepost.Group) (e ended, err error) {
	s, err := l.described(ctx, node, g)
	if err != nil || s == nil {
		return e, err
	}
	e.id, e.epoch = s.ProducerID, s.ProducerEpoch
	switch s.State {
	case "CompleteCommit":
		e.end = outcomeCommitted
	case "CompleteAbort":
		e.end = outcomeAborted
	case "PrepareCommit", "PrepareAbort":
		err = kerr.ConcurrentTransactions
	}
	return e, err
}

// mend writes the markers that the group's last transaction lacks. REQUIRES: p was taken after d.ended was seen, and
// nothing was written with it.
func (l *Ledger) mend(ctx context.Context, d *desk, p *producer, g fencepost.Group) error {
	if d.ended.end == outcomeUnset {
		return nil
	}
	h, err := l.home(ctx)
	if err != nil {
		return err
	}
	node, err := l.coordinator(ctx, groups, string(g))
	if err != nil {
		return err
	}
	of, err := l.source.metadataSoon(ctx, []string{offsetsTopic})
	if err != nil {
		return err
	}
	offsets := of.topics[offsetsTopic]
	if len(offsets.leaders) == 0 {
		return cmp.Or(offsets.err, error(errNoReply))
	}
	if err := l.endOpen(ctx, d.ended, p, h.leader, l.cfg.Topic, 0); err != nil {
		return l.unmarked(err, g)
	}
	return l.unmarked(l.endOpen(ctx, d.ended, p, node, offsetsTopic, offsetsPartition(g, len(offsets.leaders))), g)
}

// endOpen ends the transaction that the decision is about, if it is open in that partition.
func (l *Ledger) endOpen(ctx context.Context, e ended, p *producer, node int32, topic string, partition int32) error {
	ask := kmsg.NewPtrDescribeProducersRequest()
	t := kmsg.NewDescribeProducersRequestTopic()
	t.Topic, t.Partitions = topic, []int32{partition}
	ask.Topics = append(ask.Topics, t)
	resp, err := once[*kmsg.DescribeProducersResponse](ctx, l, node, ask)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errNoReply
	}
	answer := resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return fmt.Errorf("describe producers of %s:%d: %w", topic, partition, err)
	}
	for _, open := range answer.ActiveProducers {
		epoch := int16(open.ProducerEpoch)
		if open.ProducerID != e.id || open.CurrentTxnStartOffset < 0 || !e.of(epoch) {
			continue
		}
		if p.id == e.id {
			epoch = p.epoch
		}
		// A higher epoch of the coordinator than its own would keep out the markers of every later transaction.
		return l.mark(ctx, node, topic, partition, e, epoch, max(open.CoordinatorEpoch, 0))
	}
	return nil
}

func (l *Ledger) mark(ctx context.Context, node int32, topic string, partition int32, e ended, epoch int16, coordinator int32) error {
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	m, t := kmsg.NewWriteTxnMarkersRequestMarker(), kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	t.Topic, t.Partitions = topic, []int32{partition}
	m.ProducerID, m.ProducerEpoch, m.Committed, m.CoordinatorEpoch = e.id, epoch, e.end == outcomeCommitted, coordinator
	m.Topics = append(m.Topics, t)
	req.Markers = append(req.Markers, m)
	resp, err := once[*kmsg.WriteTxnMarkersResponse](ctx, l, node, req)
	if err != nil {
		return err
	}
	if len(resp.Markers) != 1 || len(resp.Markers[0].Topics) != 1 || len(resp.Markers[0].Topics[0].Partitions) != 1 {
		return errNoReply
	}
	if err := kerr.ErrorForCode(resp.Markers[0].Topics[0].Partitions[0].ErrorCode); err != nil {
		return fmt.Errorf("write the missing marker to %s:%d: %w", topic, partition, err)
	}
	if l.cfg.Log != nil {
		l.cfg.Log(int(slog.LevelWarn), "wrote a transaction's marker that the brokers had left out", "topic", topic, "partition", partition,
			"producer", e.id, "epoch", e.epoch, "commit", m.Committed)
	}
	return nil
}

// offsetsPartition is where the brokers keep a group's offsets: by the hash of its name, as Java has it, without its sign.
func offsetsPartition(g fencepost.Group, partitions int) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(string(g))) {
		hash = 31*hash + int32(unit)
	}
	if hash < 0 {
		hash = max(-hash, 0) // the least has no positive twin: 0, as with Kafka
	}
	return hash % int32(partitions)
}

// free mends what hangs for a reader, who waits for it in vain. It takes the producer from the group's mover, who takes
// it back.
func (l *Ledger) free(ctx context.Context, g fencepost.Group) error {
	d := l.desk(g)
	select {
	case d.lock <- struct{}{}:
		defer func() { <-d.lock }()
	case <-ctx.Done():
		return ctx.Err()
	}
	d.producer, d.book = nil, nil
	ctx, cancel := context.WithTimeout(ctx, moveTimeout)
	defer cancel()
	if err := l.sit(ctx, d, g); !errors.Is(err, errFenced) { // who has the producer since has mended it
		return err
	}
	return nil
}

// unmarked is the Fault of one who may not write markers.
func (l *Ledger) unmarked(err error, g fencepost.Group) error {
	if !errors.Is(err, kerr.ClusterAuthorizationFailed) && !errors.Is(err, kerr.TopicAuthorizationFailed) {
		return err
	}
	head := fmt.Sprintf("kafka-acls --bootstrap-server %s --add --allow-principal User:%s", l.cfg.Brokers[0], l.source.user())
	return &fencepost.Fault{Code: "ledger-hangs", Err: fmt.Errorf("the brokers left the last transaction of group %s without its end, and user %s may not write it: %w",
		g, l.source.user(), err), Help: head + " --operation ClusterAction --cluster\n" + head + " --operation Read --topic " + offsetsTopic}
}

// hangs is the Fault of a transaction of which nobody knows any more how it was to end.
func (l *Ledger) hangs(ctx context.Context, g fencepost.Group, first int64) error {
	tool := "kafka-transactions --bootstrap-server " + l.cfg.Brokers[0]
	var help []string
	if first >= 0 {
		help = append(help, fmt.Sprintf("%s abort --topic '%s' --partition 0 --start-offset %d", tool, l.cfg.Topic, first))
	}
	partition := "N"
	if m, err := l.source.metadataSoon(ctx, []string{offsetsTopic}); err == nil && len(m.topics[offsetsTopic].leaders) > 0 {
		partition = fmt.Sprint(offsetsPartition(g, len(m.topics[offsetsTopic].leaders)))
	}
	help = append(help, fmt.Sprintf("%s describe-producers --topic %s --partition %s; and the same abort there", tool, offsetsTopic, partition))
	return &fencepost.Fault{Code: "ledger-hangs", Help: strings.Join(help, "\n"),
		Err: fmt.Errorf("a transaction that writes group %s's offsets has no end, and the brokers do not know which one it was to have", g)}
}
