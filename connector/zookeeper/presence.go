package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var (
	_ ledger.Presence  = (*Ledger)(nil)
	_ ledger.Lingering = (*Ledger)(nil)
	_ ledger.Noticing  = (*Ledger)(nil)
)

// sign is an ephemeral node, which goes with the ledger's session: when its process dies, after the session's timeout.
type sign struct {
	ledger *Ledger
	parent string
	node   string
	once   sync.Once
	over   chan struct{} // closed by End
}

// Appear makes the node of a sign.
func (l *Ledger) Appear(ctx context.Context, g fencepost.Group, name string) (ledger.Sign, error) {
	if _, err := l.identity(ctx); err != nil {
		return nil, l.signless(err)
	}
	s := &sign{ledger: l, parent: pathsOf(l.cfg.Root, g).signs, over: make(chan struct{})}
	s.node = s.parent + "/" + name
	made := func() error {
		_, err := write(ctx, l.zk, func(c *zk.Conn) (string, error) { return c.Create(s.node, nil, zk.FlagEphemeral, l.cfg.acl()) })
		return err
	}
	err := made()
	if errors.Is(err, zk.ErrNoNode) {
		if err = l.zk.create(ctx, s.parent, nil); err == nil || errors.Is(err, zk.ErrNodeExists) {
			err = made()
		}
	}
	if err != nil {
		return nil, l.signless(err)
	}
	return s, nil
}

// Lingers is the timeout of the ledger's session, which a closed connection does not end.
func (l *Ledger) Lingers() time.Duration { return l.zk.timeout() }

// Notice connects, for the session's timeout is the server's to say.
func (l *Ledger) Notice(ctx context.Context) (ledger.Notice, error) {
	if _, err := l.Exists(ctx, ""); err != nil {
		return ledger.Notice{}, err
	}
	granted := l.zk.timeout()
	why := "by an ephemeral node, which goes when its session times out"
	if asked := l.cfg.SessionTimeout; granted > asked {
		why += fmt.Sprintf(": %s was asked for, and the server grants no less than two of its tickTime", asked)
	}
	return ledger.Notice{Within: granted, Why: why + "; a lower tickTime allows less"}, nil
}

// signless is an error of a sign. The root's owner may have let nobody make nodes there.
func (l *Ledger) signless(err error) error {
	fault := fmt.Errorf("take a sign of life: %w", l.cfg.fault(err, false))
	if errors.Is(err, zk.ErrNoAuth) {
		return fmt.Errorf("%w: %w", ledger.ErrNoPresence, fault)
	}
	return fault
}

// Alive returns those of the signs whose nodes are there.
func (l *Ledger) Alive(ctx context.Context, g fencepost.Group, signs []string) ([]string, error) {
	lists, err := l.zk.lists(ctx, []string{pathsOf(l.cfg.Root, g).signs})
	if err != nil {
		return nil, l.signless(err)
	}
	return slices.DeleteFunc(slices.Clone(signs), func(name string) bool { return !slices.Contains(lists[0], name) }), nil
}

// watched sets a watch on a node, and says whether it is there.
func (s *sign) watched(ctx context.Context, node string) (there bool, changed <-chan zk.Event, err error) {
	type seen struct {
		there   bool
		changed <-chan zk.Event
	}
	got, err := read(ctx, s.ledger.zk, func(c *zk.Conn) (seen, error) {
		there, _, changed, err := c.ExistsW(node)
		return seen{there, changed}, err
	})
	return got.there, got.changed, err
}

// Watch has the server tell when one of the nodes goes.
func (s *sign) Watch(ctx context.Context, others []string) ([]string, error) {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	found := make(chan saw, len(others))
	for _, name := range others {
		all.Go(func() { found <- saw{name, s.await(ctx, s.parent+"/"+name)} })
	}
	select {
	case one := <-found:
		if one.err != nil {
			return nil, one.err
		}
		return []string{one.sign}, nil
	case <-s.over:
		return nil, ledger.ErrSignEnded
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// saw is what the watch of a sign came to.
type saw struct {
	sign string
	err  error // nil: it has ended
}

// await waits until a node is gone.
func (s *sign) await(ctx context.Context, node string) error {
	for {
		there, changed, err := s.watched(ctx, node)
		if err != nil || !there {
			return err
		}
		select {
		case e := <-changed:
			if e.Err != nil { // the session has ended, or its connection
				return e.Err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Lost waits until the own node is gone: the session has expired.
func (s *sign) Lost(ctx context.Context) error {
	for {
		err := s.await(ctx, s.node)
		select {
		case <-s.over:
			return ledger.ErrSignEnded
		default:
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(s.ledger.cfg.Timeout / 10): // and the node may be there still
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.over:
			return ledger.ErrSignEnded
		}
	}
}

// End takes the node away.
func (s *sign) End(ctx context.Context) (err error) {
	s.once.Do(func() {
		close(s.over)
		_, err = write(ctx, s.ledger.zk, func(c *zk.Conn) (struct{}, error) { return struct{}{}, c.Delete(s.node, anyVersion) })
		err = unless(errors.Is(err, zk.ErrNoNode), err)
	})
	return err
}
