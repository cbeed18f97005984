package main

import (
	"context"
	"strings"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/ledgers"
)

// pair is two places that are held side by side: A, and B with whose brokers both are looked at.
type pair struct {
	a, b *place
	// apart says that A belongs to another cluster; it then keeps its own brokers.
	apart bool
}

// withBoth opens two places and their brokers, and closes them.
func (a *app) withBoth(parent context.Context, from, to string, flags urlFlags, fromBrokers string, do func(context.Context, *pair) error) (err error) {
	both := &pair{}
	closing := func(p *place) {
		if p == nil {
			return
		}
		if e := p.shut(parent, a); err == nil {
			err = e
		}
	}
	defer func() { closing(both.a); closing(both.b) }()
	if both.a, err = a.openPlace(parent, from); err != nil {
		return err
	}
	if both.b, err = a.openPlace(parent, to); err != nil {
		return err
	}
	if err := both.mean(flags.meaning); err != nil {
		return err
	}
	if err := a.attachBoth(parent, both, flags.brokers, fromBrokers); err != nil {
		return err
	}
	both.b.rooms.Patience = a.patience()
	return both.b.pointed(do(parent, both))
}

// mean says what the numbers of A and of B mean: one word for those that need it, or two.
func (both *pair) mean(words string) error {
	one, other, two := strings.Cut(words, ",")
	if !two {
		other = one
	}
	switch {
	case both.b.rooms.Layout == nil:
		if two {
			return both.b.mean(other)
		}
		return both.a.mean(one)
	case both.a.rooms.Layout == nil && !two:
		return both.b.mean(other)
	case !two && both.a.url.Means != foreign.MeaningUnset: // it says so by itself: the word is the other's
		return both.b.mean(other)
	case !two && both.b.url.Means != foreign.MeaningUnset:
		return both.a.mean(one)
	}
	if err := both.a.mean(one); err != nil {
		return err
	}
	return both.b.mean(other)
}

// attachBoth gives B its brokers, and A its own if it names any that belong to another cluster.
func (a *app) attachBoth(ctx context.Context, both *pair, brokers, fromBrokers string) error {
	topics, err := admin.Topics(ctx, both.a.rooms)
	if err != nil {
		return both.a.pointed(err)
	}
	if both.b.url != nil {
		if brokers == "" && both.b.url.Brokers == nil && fromBrokers == "" && (both.a.file != nil || both.a.url.Brokers != nil) {
			c, err := a.brokersOf(both.a, "")
			if err != nil {
				return err
			}
			both.b.url.Brokers = &c // A's brokers are B's, unless told otherwise
		}
		c, err := a.brokersOf(both.b, brokers)
		if err != nil {
			return err
		}
		if err := both.b.attach(c, topics); err != nil {
			return err
		}
	} else if brokers != "" {
		return usage("leave it out", "--brokers is for a B that is a URL; %s names its own", both.b.arg)
	}
	if err := a.ping(ctx, both.b); err != nil {
		return err
	}
	if err := a.attachA(ctx, both, topics, fromBrokers); err != nil {
		return err
	}
	if !both.apart {
		both.a.rooms.Cluster, both.a.rooms.Reader = both.b.rooms.Cluster, nil
	}
	return nil
}

// attachA looks whether A leads to brokers of another cluster.
func (a *app) attachA(ctx context.Context, both *pair, topics []string, fromBrokers string) error {
	p := both.a
	switch {
	case p.file != nil && fromBrokers != "":
		return usage("leave it out", "--from-brokers is for an A that is a URL; %s names its own", p.arg)
	case p.file != nil:
	case fromBrokers != "":
		c, err := ledgers.Brokers(fromBrokers, a.env)
		if err != nil {
			return err
		}
		if err := p.attach(c, topics); err != nil {
			return err
		}
	case p.url.Brokers != nil:
		if err := p.attach(*p.url.Brokers, topics); err != nil {
			return err
		}
	default:
		return nil
	}
	if err := a.ping(ctx, p); err != nil {
		return err
	}
	one, err := p.rooms.Cluster.Describe(ctx)
	if err != nil {
		return p.pointed(err)
	}
	other, err := both.b.rooms.Cluster.Describe(ctx)
	if err != nil {
		return both.b.pointed(err)
	}
	both.apart = one.ClusterID != other.ClusterID && one.ClusterID != "" && other.ClusterID != ""
	return nil
}

// copy plans to take over into B what A holds.
func (both *pair) copy(ctx context.Context, o admin.CopyOptions) (*admin.Copy, error) {
	v, err := admin.Look(ctx, both.a.rooms)
	if err != nil {
		return nil, both.a.pointed(err)
	}
	if both.apart {
		return admin.PlanCopyAcross(ctx, v, both.a.rooms.Reader, both.b.rooms, o)
	}
	return admin.PlanCopy(ctx, v, both.b.rooms, o)
}
