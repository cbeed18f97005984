package target

import (
	"context"
	"strings"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
)

// Pair is two targets that are held side by side: A, and B with whose brokers both are looked at.
type Pair struct {
	A, B *Target
	// Across says that A belongs to another cluster; it then keeps its own brokers.
	Across bool
}

// UsePair opens two targets and their brokers, hands them to do, and closes them. The remedies of do's errors name B.
func UsePair(ctx context.Context, a, b string, o Options, do func(context.Context, *Pair) error) (err error) {
	both := &Pair{A: &Target{}, B: &Target{}}
	defer func() {
		for _, t := range []*Target{both.A, both.B} {
			if closing := t.Close(ctx, o.Timeout); err == nil {
				err = closing
			}
		}
	}()
	if both.A, err = Open(ctx, a, o); err != nil {
		return err
	}
	if both.B, err = Open(ctx, b, o); err != nil {
		return err
	}
	if err := both.mean(o.Meaning); err != nil {
		return err
	}
	if err := both.reach(ctx, o); err != nil {
		return err
	}
	return both.B.Pointed(do(ctx, both))
}

// mean says what the numbers of A and of B mean: one word for those that need it, or two.
func (both *Pair) mean(words string) error {
	one, other, two := strings.Cut(words, ",")
	if !two {
		other = one
	}
	switch {
	case both.B.Layout == nil:
		if two {
			return both.B.mean(other)
		}
		return both.A.mean(one)
	case both.A.Layout == nil && !two:
		return both.B.mean(other)
	case !two && both.A.means != foreign.MeaningUnset: // it is known by itself: the word is the other's
		return both.B.mean(other)
	case !two && both.B.means != foreign.MeaningUnset:
		return both.A.mean(one)
	}
	if err := both.A.mean(one); err != nil {
		return err
	}
	return both.B.mean(other)
}

// reach gives B its brokers, and A its own if it names any that belong to another cluster.
func (both *Pair) reach(ctx context.Context, o Options) error {
	topics, err := admin.Topics(ctx, both.A.Resources)
	if err != nil {
		return both.A.Pointed(err)
	}
	if err := both.attachB(topics, o); err != nil {
		return err
	}
	if err := both.B.ping(ctx, o.Timeout); err != nil {
		return err
	}
	if err := both.attachA(ctx, topics, o); err != nil {
		return err
	}
	if !both.Across {
		both.A.Cluster, both.A.Reader = both.B.Cluster, nil
	}
	return nil
}

// attachB gives B its brokers: those that were named, its own, or A's.
func (both *Pair) attachB(topics []string, o Options) error {
	a, b := both.A, both.B
	if b.File != nil {
		if o.Brokers != "" {
			return codes.Usage("leave it out", "--brokers is for a B that is a URL; %s names its own", b.Operand)
		}
		return nil
	}
	if o.Brokers == "" && b.brokers == nil && o.FromBrokers == "" && (a.File != nil || a.brokers != nil) {
		c, err := a.brokersOf("", o.Env)
		if err != nil {
			return err
		}
		b.brokers = &c // A's brokers are B's, unless others are named
	}
	c, err := b.brokersOf(o.Brokers, o.Env)
	if err != nil {
		return err
	}
	return b.attach(c, topics)
}

// attachA looks whether A leads to brokers of another cluster.
func (both *Pair) attachA(ctx context.Context, topics []string, o Options) error {
	a := both.A
	switch {
	case a.File != nil && o.FromBrokers != "":
		return codes.Usage("leave it out", "--from-brokers is for an A that is a URL; %s names its own", a.Operand)
	case a.File != nil:
	case o.FromBrokers == "" && a.brokers == nil:
		return nil
	default:
		c, err := a.brokersOf(o.FromBrokers, o.Env)
		if err != nil {
			return err
		}
		if err := a.attach(c, topics); err != nil {
			return err
		}
	}
	if err := a.ping(ctx, o.Timeout); err != nil {
		return err
	}
	one, err := a.Cluster.Describe(ctx)
	if err != nil {
		return a.Pointed(err)
	}
	other, err := both.B.Cluster.Describe(ctx)
	if err != nil {
		return both.B.Pointed(err)
	}
	both.Across = one.ClusterID != other.ClusterID && one.ClusterID != "" && other.ClusterID != ""
	return nil
}

// Copy plans to take over into B what A holds.
func (both *Pair) Copy(ctx context.Context, o admin.CopyOptions) (*admin.Copy, error) {
	readers, err := both.A.readers(ctx)
	if err != nil {
		return nil, both.A.Pointed(err)
	}
	v, err := admin.Look(ctx, both.A.Resources)
	if err != nil {
		return nil, both.A.Pointed(err)
	}
	plan := func() (*admin.Copy, error) { return admin.PlanCopy(ctx, v, both.B.Resources, o) }
	if both.Across {
		plan = func() (*admin.Copy, error) { return admin.PlanCopyAcross(ctx, v, both.A.Reader, both.B.Resources, o) }
	}
	c, err := plan()
	if err == nil {
		c.Beside(readers)
	}
	return c, err
}

// readers are the members of the Kafka group that a target is or runs with; none where neither is known.
func (t *Target) readers(ctx context.Context) (foreign.Readers, error) {
	if t.File == nil {
		return admin.ReadersOf(ctx, t.Layout)
	}
	n, err := t.source.MemberCount(ctx)
	return foreign.Readers{Members: n}, err
}
