package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	goredis "github.com/redis/go-redis/v9"
)

// lane is one ordered stream of commits, on a connection of its own.
type lane struct {
	cfg    Config
	client *goredis.Client // nil: made by the next Commit
	memo   memo
}

var (
	_ sink.Lane    = (*lane)(nil)
	_ sink.Applier = (*lane)(nil)
)

// Commit makes the batch's effects and its moves one script. Cancelled while the answer is out, it closes the connection
// and says ErrUnknown: the script may run all the same.
func (l *lane) Commit(ctx context.Context, w ledger.Writer, c sink.Commit) error {
	if len(c.Segments) == 0 {
		return nil
	}
	if err := l.commit(ctx, w, c); err != nil {
		return fmt.Errorf("commit batch of group %s: %w", w.Group, err)
	}
	return nil
}

func (l *lane) commit(ctx context.Context, w ledger.Writer, batch sink.Commit) error {
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
	c := commit{cfg: l.cfg, writer: w, moves: batch.Moves, effects: effects, memo: &l.memo}
	return l.run(ctx, c.run)
}

// Apply makes the batch's effects one script, which knows no ledger.
func (l *lane) Apply(ctx context.Context, b *fencepost.Batch) error {
	effects, err := planned(l.cfg, l.cfg.Group, b)
	if err == nil && len(effects.groups) > 0 {
		err = l.run(ctx, func(ctx context.Context, c *goredis.Client) error { return effects.apply(ctx, l.cfg, c) })
	}
	if err != nil {
		return fmt.Errorf("apply batch: %w", err)
	}
	return nil
}

// run runs a script, which goes on when ctx ends; the connection does not.
func (l *lane) run(ctx context.Context, script func(context.Context, *goredis.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.client == nil {
		l.client = connect(l.cfg, 1)
	}
	client, closed := l.client, make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		_ = client.Close() // the command's own error says that it was cut
	})
	err := script(context.WithoutCancel(ctx), client)
	if !stop() {
		<-closed
		l.client = nil
	}
	return err
}

// Close closes the lane's connection.
func (l *lane) Close() error {
	if l.client == nil {
		return nil
	}
	err := l.client.Close()
	l.client = nil
	return err
}
