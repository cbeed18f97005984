package engine

import (
	"context"
	"slices"
	"time"

	"github.com/fencepost/fencepost/engine/internal/peers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// copies looks in the Kafka group for workers of another copy of this ledger: a cloned database, or an old primary beside the promoted
// one. Both have one identity, and their workers would share the records out (see ledger.Strangers). The newcomer ends; a worker that was
// there before warns. What is not known refuses nothing.
type copies struct {
	e        *Engine
	group    source.Membership
	suspects peers.Suspects
}

// newcomerFor is how long a worker is a newcomer: one that is found beside a stranger ends. By then both have entered themselves, were
// assigned partitions and have mirrored them.
const newcomerFor = time.Minute

// newCopies is nil where workers do not enter themselves.
func newCopies(e *Engine) *copies {
	if e.presence == nil {
		return nil
	}
	return &copies{e: e, group: e.presence.group, suspects: peers.Suspects{}}
}

// patience is how long a stranger has to be seen: twice as long as a worker takes to find that its entry is gone, which is a watch
// interval, and the time of a second look at others that it may be in the middle of.
func (c *copies) patience() time.Duration {
	return min(goneWithin, 2*(c.e.cfg.Watch+peers.DoubtFor))
}

// refuse waits until no stranger is there, before the group is joined.
//
// Errors: *fencepost.UserError other-ledger.
func (c *copies) refuse(ctx context.Context) error {
	if c == nil {
		return nil
	}
	for tries := 1; ; tries++ {
		strangers := c.strangers(ctx)
		if len(strangers) == 0 {
			return nil
		}
		fault := ledger.OtherCopy(c.e.cfg.Group, strangers[0])
		if len(c.suspects.See(time.Now(), strangers, c.patience())) > 0 {
			return fault
		}
		if tries == 1 {
			c.e.emit(Retrying{What: "open", Lane: -1, Attempt: tries, In: c.patience(), Err: fault})
		}
		select {
		case <-time.After(c.patience() / 10):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// run looks after each rebalance, and while this worker is a newcomer or a suspect is there, until ctx ends.
func (c *copies) run(ctx context.Context) {
	tick := time.NewTicker(c.e.cfg.Watch)
	defer tick.Stop()
	for {
		_, turned := c.group.Membership()
		if c.look(ctx) {
			return
		}
		idle := time.Since(c.e.began) > newcomerFor && len(c.suspects) == 0
		for again := false; !again; {
			select {
			case <-ctx.Done():
				return
			case <-turned:
				c.e.presence.rest(ctx, newsAfter) // the others enter themselves now
				again = true
			case <-tick.C:
				again = !idle
			}
		}
	}
}

// look reports the strangers that have become certain, and whether this worker ends for one.
func (c *copies) look(ctx context.Context) (ends bool) {
	for _, s := range c.suspects.See(time.Now(), c.strangers(ctx), c.patience()) {
		if s.Since.Sub(c.e.began) < newcomerFor {
			c.e.fail(ledger.OtherCopy(c.e.cfg.Group, s.Stranger))
			return true
		}
		c.e.emit(OtherCopy{Stranger: s.Stranger})
	}
	return false
}

// strangers asks the brokers and the ledger. No answer: none are known. The group's offsets are read only where a member is live that has
// no entry.
func (c *copies) strangers(ctx context.Context) []ledger.Stranger {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	self, _ := c.group.Membership()
	members, err := c.group.Peers(ctx)
	if err != nil {
		return nil
	}
	var live []string
	for _, m := range members {
		if m.ID != self.ID {
			live = append(live, m.ID)
		}
	}
	if len(live) == 0 {
		return nil
	}
	entered, err := ledger.ReadWorkers(ctx, c.e.ledger, c.e.cfg.Group)
	live = slices.DeleteFunc(live, func(id string) bool {
		return slices.ContainsFunc(entered, func(w ledger.Worker) bool { return w.Member == id })
	})
	if err != nil || len(live) == 0 {
		return nil
	}
	mirrored, err := c.e.cluster.CommittedOffsets(ctx, c.e.cfg.Group)
	if err != nil {
		return nil
	}
	return ledger.Strangers(c.e.identity, mirrored, live, entered)
}
