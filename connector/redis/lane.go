package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// lane is one ordered stream of commits, on a connection of its own.
type lane struct {
	cfg    Config
	client *client
	memo   memo
}

var (
	_ sink.Lane    = (*lane)(nil)
	_ sink.Applier = (*lane)(nil)
)

// Commit makes the batch's effects and its moves one script. Cancelled while the answer is out, it closes the connection
// and says ErrUnknown: the script may run all the same.
func (l *lane) Commit(ctx context.Context, w ledger.Actor, c sink.Commit) error {
	if len(c.Segments) == 0 {
		return nil
	}
	if err := l.commit(ctx, w, c); err != nil {
		return fmt.Errorf("commit batch of group %s: %w", w.Group, err)
	}
	return nil
}

func (l *lane) commit(ctx context.Context, w ledger.Actor, batch sink.Commit) error {
	if l.cfg.NoLedger {
		return errors.New("the ledger is elsewhere: NoLedger is set")
	}
	for i, m := range batch.Moves {
		if err := m.Validate(); err != nil {
			return err
		}
		if i > 0 && m.Compare(batch.Moves[i-1].TopicPartition) <= 0 {
			return fmt.Errorf("move %s: segments are not in partition order", m.TopicPartition)
		}
	}
	effects, err := planned(l.cfg, w.Group, batch.Batch)
	if err != nil {
		return err
	}
	letters, err := lettersOf(w, batch)
	if err != nil {
		return err
	}
	c := commit{cfg: l.cfg, writer: w, moves: batch.Moves, effects: effects, letters: letters, memo: &l.memo}
	return nameRow(l.cfg, w.Group, batch.Batch, c.run(ctx, l.client))
}

// Apply makes the batch's effects one script, which knows no ledger.
func (l *lane) Apply(ctx context.Context, b *fencepost.Batch) error {
	effects, err := planned(l.cfg, l.cfg.Group, b)
	if err == nil && len(effects.groups) > 0 {
		err = effects.apply(ctx, l.cfg, l.client)
	}
	if err = nameRow(l.cfg, l.cfg.Group, b, err); err != nil {
		return fmt.Errorf("apply batch: %w", err)
	}
	return nil
}

// ping makes the connection.
func (l *lane) ping(ctx context.Context) error {
	_, err := l.client.do(ctx, "PING")
	return err
}

// Close closes the lane's connection.
func (l *lane) Close() error { return l.client.Close() }
