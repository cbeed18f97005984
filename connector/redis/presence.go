package redis

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var (
	_ ledger.Presence = (*Ledger)(nil)
	_ ledger.Noticing = (*Ledger)(nil)
)

const (
	// channelPrefix begins the name of a sign's channel. A sign is the subscription of its worker: it ends with the connection.
	channelPrefix = "fencepost:sign:"
	// lookEvery is how often a worker asks which channels have a subscriber, all of them in one request: no server tells of the end of
	// a client.
	lookEvery = 250 * time.Millisecond
)

// sign is a held subscription.
type sign struct {
	ledger *Ledger
	conn   redis.Conn
	over   chan struct{} // closed by End
	once   sync.Once
	lost   chan struct{} // closed when the connection has ended by itself
}

// Appear subscribes to the channel of a sign, on a connection of its own.
func (l *Ledger) Appear(ctx context.Context, _ fencepost.Group, name string) (ledger.Sign, error) {
	conn, err := l.client.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("take a sign of life: %w", l.cfg.fault(err, false))
	}
	if _, err := conn.Do("SUBSCRIBE", channelPrefix+name); err != nil {
		_ = conn.Close()
		return nil, l.signless(err)
	}
	s := &sign{ledger: l, conn: conn, over: make(chan struct{}), lost: make(chan struct{})}
	go s.hold()
	return s, nil
}

// signless is an error of a sign. A user of an earlier release has no right to the channels.
func (l *Ledger) signless(err error) error {
	fault := fmt.Errorf("take a sign of life: %w", l.cfg.fault(err, false))
	if replies(err, "NOPERM") {
		return fmt.Errorf("%w: %w", ledger.ErrNoPresence, fault)
	}
	return fault
}

// hold receives until the connection ends.
func (s *sign) hold() {
	for {
		if _, err := redis.ReceiveWithTimeout(s.conn, 0); err != nil {
			break
		}
	}
	_ = s.conn.Close()
	select {
	case <-s.over:
	default:
		close(s.lost)
	}
}

// Alive returns those of the signs that have a subscriber.
func (l *Ledger) Alive(ctx context.Context, _ fencepost.Group, signs []string) (alive []string, err error) {
	if len(signs) == 0 {
		return nil, nil
	}
	args := []any{"NUMSUB"}
	for _, name := range signs {
		args = append(args, channelPrefix+name)
	}
	counts, err := redis.Values(l.client.do(ctx, "PUBSUB", args...))
	if err == nil && len(counts) != 2*len(signs) {
		err = fmt.Errorf("PUBSUB NUMSUB of %d channels answered %d values", len(signs), len(counts))
	}
	if err != nil {
		return nil, l.signless(err)
	}
	for i, name := range signs {
		if n, err := redis.Int64(counts[2*i+1], nil); err == nil && n > 0 {
			alive = append(alive, name)
		}
	}
	return alive, nil
}

// Notice asks about a sign that nobody has, for the right to ask.
func (l *Ledger) Notice(ctx context.Context) (ledger.Notice, error) {
	_, err := l.Alive(ctx, "", []string{ledger.NewSign(0)})
	return ledger.Notice{Within: time.Second, Why: fmt.Sprintf("by a subscription, which ends with its worker's connection, and is looked at every %s", lookEvery)}, err
}

// Watch asks again and again which of the signs are held.
func (s *sign) Watch(ctx context.Context, others []string) ([]string, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if len(others) > 0 {
			alive, err := s.ledger.Alive(ctx, "", others)
			if err != nil {
				return nil, err
			}
			if ended := slices.DeleteFunc(slices.Clone(others), func(name string) bool { return slices.Contains(alive, name) }); len(ended) > 0 {
				return ended, nil
			}
		}
		select {
		case <-tick.C:
		case <-s.over:
			return nil, ledger.ErrSignEnded
		case <-s.lost:
			return nil, ledger.ErrSignEnded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Lost waits until the connection has ended by itself.
func (s *sign) Lost(ctx context.Context) error {
	select {
	case <-s.lost:
		return nil
	case <-s.over:
		return ledger.ErrSignEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// End closes the connection.
func (s *sign) End(context.Context) (err error) {
	s.once.Do(func() {
		close(s.over)
		err = s.conn.Close()
	})
	return err
}
