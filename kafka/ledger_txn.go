package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The requests of a transaction are our own, and none of them is ever sent twice: an EndTxn that arrives late could
// otherwise end the next transaction (KAFKA-17754). Whatever goes wrong, the producer is taken anew, which raises the
// epoch and so kills whatever is still on its way.
//
//	DescribeTransactions, to know how the last one ended
//	InitProducerID      fences every other mover of the group, and ends its open transaction
//	-- read, compare --
//	AddPartitionsToTxn, AddOffsetsToTxn
//	Produce             positions, moves, roster, head into the ledger's topic
//	TxnOffsetCommit     the copies, with our marks
//	EndTxn              all of it, or nothing
type producer struct {
	id          int64
	epoch       int16
	sequence    int32 // of the next record
	seen        int64 // the topic's log is at least this long
	first       int64 // of the open transaction's records; -1: none yet
	coordinator int32
}

const (
	// txnTimeout is after which silence the brokers end a mover's open transaction by themselves. Nobody waits for it:
	// the next mover ends it at once.
	txnTimeout = 30 * time.Second
	// copyBytes and batchBytes keep a request below what a topic takes in one piece (1 MiB unless it is set otherwise).
	copyBytes  = 512 << 10
	batchBytes = 768 << 10
)

// errFenced says that the producer is no longer ours, or not fit to go on with: nothing happened, and the caller may
// begin anew.
var errFenced = errors.New("the group's producer was taken by another")

// anew reports whether an error of a transaction's request is mended by taking the producer anew.
func anew(err error) bool {
	for _, e := range []error{errFenced, kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping,
		kerr.UnknownProducerID, kerr.OutOfOrderSequenceNumber, kerr.TransactionAbortable, kerr.TransactionCoordinatorFenced} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// transactionalID is the name under which a group's movers fence each other.
func (l *Ledger) transactionalID(g fencepost.Group) string { return l.cfg.Topic + "-" + string(g) }

// take takes the group's producer: when it returns, every transaction of an earlier holder has ended, and none of them
// can begin another. How the last of them did is kept in last before it is forgotten, also where no answer comes.
func (l *Ledger) take(ctx context.Context, g fencepost.Group, last *ended) (p *producer, err error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = kmsg.StringPtr(l.transactionalID(g))
	req.TransactionTimeoutMillis = int32(txnTimeout.Milliseconds())
	for try := 1; ; try++ {
		node, err := l.coordinator(ctx, transactions, *req.TransactionalID)
		if err != nil {
			return nil, err
		}
		e, err := l.lastEnd(ctx, node, g)
		if err == nil {
			if e.end != outcomeUnset { // else somebody took the producer since, and what was seen before may still be owed
				*last = e
			}
			p, err = l.initialise(ctx, node, req)
		}
		switch {
		case err == nil:
			return p, nil
		case errors.Is(err, kerr.ConcurrentTransactions):
			// The transaction of the one that was fenced is being ended.
		case movedAway(err):
			l.forgetCoordinator(transactions, *req.TransactionalID)
		default:
			return nil, err
		}
		if err := pause(ctx, concurrent(try)); err != nil {
			return nil, fmt.Errorf("take the group's producer: %w", errors.Join(err, kerr.ConcurrentTransactions))
		}
	}
}

func (l *Ledger) initialise(ctx context.Context, node int32, req *kmsg.InitProducerIDRequest) (*producer, error) {
	resp, err := once[*kmsg.InitProducerIDResponse](ctx, l, node, req)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	return &producer{id: resp.ProducerID, epoch: resp.ProducerEpoch, coordinator: node}, nil
}

// concurrent is how long to wait for markers that are being written: 1 ms as a rule, so first as little.
func concurrent(try int) time.Duration {
	return min(time.Millisecond<<min(try-1, 6), 40*time.Millisecond)
}

// transact makes one transaction of an entry. An error other than ErrUnknown says that nothing happened.
// It returns when the topic's clock stamped the records.
func (l *Ledger) transact(ctx context.Context, g fencepost.Group, p *producer, e entry) (at time.Time, err error) {
	p.first = -1
	if err := l.at(stepBegin); err != nil {
		return at, err
	}
	if err := l.begin(ctx, g, p, e.copies); err != nil {
		return at, err
	}
	written := make(chan error, 1)
	go func() {
		var err error
		at, err = l.produce(ctx, g, p, e.facts)
		written <- err
	}()
	var lost []int // moves of partitions that the broker does not know
	if e.copies {
		lost, err = l.copies(ctx, g, p, e.moves)
	}
	if err := errors.Join(<-written, err); err != nil {
		return at, err
	}
	if !e.copies {
		return at, l.commit(ctx, g, p)
	}
	if again := e.correct(lost); len(again) > 0 {
		if at, err = l.produce(ctx, g, p, again); err != nil {
			return at, err
		}
	}
	return at, l.commit(ctx, g, p)
}

// correct changes the positions of moves that have no copy, or have one again, and returns those that were told
// otherwise.
func (e entry) correct(lost []int) (again []fact) {
	uncopied := map[fencepost.TopicPartition]bool{}
	for _, i := range lost {
		uncopied[e.moves[i].TopicPartition] = true
	}
	for _, f := range e.facts {
		if f.position != nil && f.position.Uncopied != uncopied[f.tp] {
			f.position.Uncopied = uncopied[f.tp]
			again = append(again, f)
		}
	}
	return again
}

// begin adds the ledger's topic and the group's offsets to the transaction.
func (l *Ledger) begin(ctx context.Context, g fencepost.Group, p *producer, copies bool) error {
	add := kmsg.NewPtrAddPartitionsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = l.transactionalID(g), p.id, p.epoch
	t := kmsg.NewAddPartitionsToTxnRequestTopic()
	t.Topic, t.Partitions = l.cfg.Topic, []int32{0}
	add.Topics = append(add.Topics, t)
	err := patiently(ctx, func() error {
		resp, err := once[*kmsg.AddPartitionsToTxnResponse](ctx, l, p.coordinator, add)
		if err != nil {
			return err
		}
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			return errNoReply
		}
		return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	})
	if err != nil || !copies {
		return err
	}
	offsets := kmsg.NewPtrAddOffsetsToTxnRequest()
	offsets.TransactionalID, offsets.ProducerID, offsets.ProducerEpoch, offsets.Group = l.transactionalID(g), p.id, p.epoch, string(g)
	return patiently(ctx, func() error {
		resp, err := once[*kmsg.AddOffsetsToTxnResponse](ctx, l, p.coordinator, offsets)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
}

// patiently waits for the markers of the transaction before.
func patiently(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if !errors.Is(err, kerr.ConcurrentTransactions) {
			return err
		}
		if err := pause(ctx, concurrent(try)); err != nil {
			return errors.Join(err, kerr.ConcurrentTransactions)
		}
	}
}

// produce writes the facts, and returns when the topic's clock stamped the last of them.
func (l *Ledger) produce(ctx context.Context, g fencepost.Group, p *producer, facts []fact) (at time.Time, err error) {
	for len(facts) > 0 {
		b := newBatch(p, time.Now())
		for len(facts) > 0 && b.size() < batchBytes {
			key, value, err := facts[0].encode()
			if err != nil {
				return at, err
			}
			b.add(key, value)
			facts = facts[1:]
		}
		if err := l.send(ctx, g, p, b); err != nil {
			return at, err
		}
		at = b.at
	}
	return at, nil
}

// send produces one batch.
func (l *Ledger) send(ctx context.Context, g fencepost.Group, p *producer, b *recordBatch) error {
	h, err := l.home(ctx)
	if err != nil {
		return err
	}
	if err := l.at(stepProduce); err != nil {
		return err
	}
	id := l.transactionalID(g)
	req := kmsg.NewPtrProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = &id, -1, int32(answerTimeout.Milliseconds())
	t, part := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	t.Topic, part.Records = l.cfg.Topic, b.bytes()
	t.Partitions = append(t.Partitions, part)
	req.Topics = append(req.Topics, t)
	resp, err := once[*kmsg.ProduceResponse](ctx, l, h.leader, req)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return errNoReply
	}
	answer := resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return err
	}
	if answer.BaseOffset < p.seen {
		return fmt.Errorf("topic %s went back from %d to %d: %w", l.cfg.Topic, p.seen, answer.BaseOffset, errFenced)
	}
	if p.first < 0 {
		p.first = answer.BaseOffset
	}
	p.seen, p.sequence = answer.BaseOffset+int64(b.records), p.sequence+b.records
	if p.sequence < 0 {
		return fmt.Errorf("its sequence numbers are used up: %w", errFenced)
	}
	if answer.LogAppendTime >= 0 { // else the topic takes the client's clock
		b.at = time.UnixMilli(answer.LogAppendTime)
	}
	return nil
}

// copies commits the offsets of moves with our marks, and returns which of them the broker does not know the topic of.
func (l *Ledger) copies(ctx context.Context, g fencepost.Group, p *producer, moves []fencepost.Move) (lost []int, err error) {
	h, err := l.home(ctx)
	if err != nil {
		return nil, err
	}
	node, err := l.coordinator(ctx, groups, string(g))
	if err != nil {
		return nil, err
	}
	if err := l.at(stepCopy); err != nil {
		return nil, err
	}
	for first := 0; first < len(moves); {
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = l.transactionalID(g), p.id, p.epoch, string(g)
		n := first
		for size := 0; n < len(moves) && size < copyBytes; n++ {
			m := moves[n]
			if last := len(req.Topics); last == 0 || req.Topics[last-1].Topic != m.Topic {
				t := kmsg.NewTxnOffsetCommitRequestTopic()
				t.Topic = m.Topic
				req.Topics = append(req.Topics, t)
			}
			part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			part.Partition, part.Offset, part.LeaderEpoch = m.Partition, int64(m.Next.Offset), int32(m.Next.LeaderEpoch)
			text := ledgerMarks(h.identity(), m.Next)
			part.Metadata = &text
			t := &req.Topics[len(req.Topics)-1]
			t.Partitions = append(t.Partitions, part)
			size += len(g) + len(m.Topic) + len(text) + 80
		}
		resp, err := once[*kmsg.TxnOffsetCommitResponse](ctx, l, node, req)
		if err != nil {
			return nil, err
		}
		unknown, err := refusedCopies(resp, moves, first, n)
		if err != nil {
			if movedAway(err) {
				l.forgetCoordinator(groups, string(g))
			}
			return nil, err
		}
		lost, first = append(lost, unknown...), n
	}
	return lost, nil
}

// refusedCopies reads the answer about moves [first, until), which are in order.
func refusedCopies(resp *kmsg.TxnOffsetCommitResponse, moves []fencepost.Move, first, until int) (lost []int, err error) {
	codes := map[fencepost.TopicPartition]int16{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			codes[fencepost.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.ErrorCode
		}
	}
	for i := first; i < until; i++ {
		code, said := codes[moves[i].TopicPartition]
		err := kerr.ErrorForCode(code)
		switch {
		case !said:
			return nil, errNoReply
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			lost = append(lost, i)
		case err != nil:
			return nil, fmt.Errorf("commit offset of %s: %w", moves[i].TopicPartition, err)
		}
	}
	return lost, nil
}

// commit ends the transaction. No answer leaves the outcome unknown. So does an answer that is not a plain refusal, but
// there the log can be asked: a coordinator that answers "not available" may have written its decision to a log that it
// then lost the lead of; one in whose hands two movers fence each other may answer UNKNOWN_SERVER_ERROR (tried).
func (l *Ledger) commit(ctx context.Context, g fencepost.Group, p *producer) error {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = l.transactionalID(g), p.id, p.epoch, true
	if err := l.at(stepEnd); err != nil {
		return fmt.Errorf("end transaction: %w: %w", fencepost.ErrUnknown, err)
	}
	resp, err := once[*kmsg.EndTxnResponse](ctx, l, p.coordinator, req)
	if err == nil {
		err = l.at(stepEnded)
	}
	if err != nil {
		return fmt.Errorf("end transaction: %w: %w", fencepost.ErrUnknown, err)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil && !anew(err) {
		return &unclear{first: p.first, err: err}
	} else if err != nil {
		return fmt.Errorf("end transaction: %w", err)
	}
	return nil
}

// unclear is an answer to EndTxn that says neither yes nor no.
type unclear struct {
	first int64 // offset of the transaction's first record
	err   error
}

func (u *unclear) Error() string { return "end transaction: " + u.err.Error() }

// settle asks the log how a transaction ended. REQUIRES: the producer was taken since, so that it has.
func (l *Ledger) settle(ctx context.Context, first int64) (outcome, error) {
	h, err := l.home(ctx)
	if err != nil {
		return outcomeUnset, err
	}
	v := newView()
	v.reset(h.id)
	v.next = first
	var end outcome
	v.watched[first] = &end
	err = l.catchUp(ctx, v)
	return end, err
}

// step is a place of a move at which a test may stop it or lose an answer.
type step string

const (
	stepTaken   step = "taken" // the producer, and nothing was read yet
	stepBegin   step = "begin"
	stepProduce step = "produce"
	stepCopy    step = "copy"
	stepEnd     step = "end"
	stepEnded   step = "ended"
)

func (l *Ledger) at(s step) error {
	if l.trip == nil {
		return nil
	}
	return l.trip(s)
}

// once sends one request to one broker, once.
func once[R kmsg.Response](ctx context.Context, l *Ledger, node int32, req kmsg.Request) (r R, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*answerTimeout, fmt.Errorf("broker %d did not answer in %s", node, 2*answerTimeout))
	defer cancel()
	resp, err := l.source.client.Broker(int(node)).Request(ctx, req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return r, err
	}
	r, ok := resp.(R)
	if !ok {
		return r, errNoReply
	}
	return r, nil
}
