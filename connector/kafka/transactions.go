package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/source"
	"github.com/twmb/franz-go/pkg/kadm"
)

var _ source.TransactionFinder = (*Source)(nil)

// OpenTransactions asks the partitions' leaders for their producers (KIP-664, needs READ of the topic), and the
// coordinators for the names and times of those that hold a transaction open (needs DESCRIBE of the transactional ID; left
// out where that is missing).
func (s *Source) OpenTransactions(ctx context.Context, tps []fencepost.TopicPartition) (map[fencepost.TopicPartition]source.Transaction, error) {
	asked := kadm.TopicsSet{}
	for _, tp := range tps {
		asked.Add(tp.Topic, tp.Partition)
	}
	open := map[fencepost.TopicPartition]source.Transaction{}
	if len(tps) == 0 {
		return open, nil
	}
	adm := kadm.NewClient(s.client)
	described, err := adm.DescribeProducers(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("%w: describe producers: %w", fencepost.ErrNoAnswer, err)
	}
	for _, tp := range tps {
		p, came := described[tp.Topic].Partitions[tp.Partition]
		if !came {
			return nil, fmt.Errorf("%w: describe producers of %s: %w", fencepost.ErrNoAnswer, tp, errNoReply)
		}
		if p.Err != nil {
			return nil, fmt.Errorf("%w: describe producers of %s: %w", fencepost.ErrNoAnswer, tp, p.Err)
		}
		if tx, ok := oldest(p.ActiveProducers); ok {
			open[tp] = tx
		}
	}
	s.nameTransactions(ctx, adm, open)
	return open, nil
}

// oldest is the open transaction that begins first: the last stable offset waits for it.
func oldest(producers kadm.DescribedProducers) (tx source.Transaction, ok bool) {
	for _, p := range producers {
		from := fencepost.Offset(p.CurrentTxnStartOffset)
		if from >= 0 && (!ok || from < tx.From) {
			tx, ok = source.Transaction{ProducerID: p.ProducerID, From: from}, true
		}
	}
	return tx, ok
}

// nameTransactions fills in what the coordinators know of transactions. What they do not say, to this user or in this
// version, stays empty.
func (s *Source) nameTransactions(ctx context.Context, adm *kadm.Client, open map[fencepost.TopicPartition]source.Transaction) {
	var ids []int64
	for _, tx := range open {
		ids = append(ids, tx.ProducerID)
	}
	if len(ids) == 0 {
		return
	}
	listed, _ := adm.ListTransactions(ctx, ids, nil)
	names := map[int64]string{}
	for _, l := range listed {
		names[l.ProducerID] = l.TxnID
	}
	began := map[string]time.Time{}
	if len(listed) > 0 {
		described, _ := adm.DescribeTransactions(ctx, listed.TransactionalIDs()...)
		for _, d := range described {
			if d.Err == nil && d.StartTimestamp > 0 {
				began[d.TxnID] = time.UnixMilli(d.StartTimestamp)
			}
		}
	}
	for tp, tx := range open {
		tx.TransactionalID = names[tx.ProducerID]
		tx.Since = began[tx.TransactionalID]
		open[tp] = tx
	}
}
