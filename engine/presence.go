package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/peers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// presence is this worker's sign of life, and its watch over the signs of the others.
//
//	sign ends --> every other is told --> each evicts its member, and asks for its own share at once
//
// An ended sign is a hint: a store that restarts ends them all. Package peers decides what follows from one. Whoever was taken for dead
// and lives is fenced off, and joins anew. Without presence, a dead worker's partitions stand still until its session times out.
type presence struct {
	e     *Engine
	signs ledger.Presence
	group source.Membership

	self    ledger.Worker   // as it is entered
	sign    ledger.Sign     // that is held; nil: none
	lost    <-chan struct{} // closed when it has ended by itself
	entered bool
	buried  bool            // those that were dead at the start were evicted
	others  []ledger.Worker // that may live, as of the last look
	over    []ledger.Worker // that did then; they are over, and their signs have not ended yet
	watched watched
	broke   chan time.Time // of the watch; capacity 1
	shaken  time.Time      // when the watch or the own sign broke last
	failing bool           // reported
	told    string         // the sign of a worker that could not be evicted; reported
	stop    context.CancelFunc
	begun   chan struct{} // closed by begin
	ready   chan struct{} // closed when the group may be joined
	ended   chan struct{} // closed when run has returned
}

const (
	// idEvery is how often a worker that joins looks whether it has an ID; buryAfter is how long one without an ID waits for it
	// before it evicts the dead: a static member's own join waits for them.
	idEvery   = 20 * time.Millisecond
	buryAfter = 300 * time.Millisecond
	// newsAfter is how long behind a rebalance the entries of the others are read again: they write theirs at the same time.
	newsAfter = 300 * time.Millisecond
	// rejoinFor is how long a share is asked for: KIP-848 assigns once a second.
	rejoinFor = 3 * time.Second
)

// newPresence is nil where the store takes no signs, or the source has no group that could be told.
func newPresence(e *Engine) *presence {
	signs, able := ledger.As[ledger.Presence](e.ledger)
	group, grouped := e.cfg.Source.(source.Membership)
	if !able || !grouped {
		return nil
	}
	return &presence{e: e, signs: signs, group: group, self: ledger.Worker{Slot: -1, Who: e.cfg.Who, Since: e.began},
		broke: make(chan time.Time, 1), begun: make(chan struct{}), ready: make(chan struct{}), ended: make(chan struct{})}
}

// open starts the goroutine that holds the sign and watches, once begin says so.
func (p *presence) open(ctx context.Context) {
	if p == nil {
		return
	}
	ctx, p.stop = context.WithCancel(ctx)
	p.e.others.start("watch other workers", func() {
		defer close(p.ended)
		select {
		case <-p.begun:
		case <-ctx.Done():
			return
		}
		first := p.group.EvictsFirst()
		if first {
			p.clear(ctx)
		}
		close(p.ready)
		if first {
			p.rejoin(ctx) // the coordinator may have assigned within this second, and would answer at the heartbeat after the next
		}
		p.run(ctx)
	})
}

// clear evicts the dead before this worker joins.
func (p *presence) clear(ctx context.Context) {
	all, err := p.workers(ctx)
	if err == nil {
		err = p.bury(ctx, all)
	}
	if err != nil {
		p.fails(err)
	}
}

// begin returns once the group may be joined: the dead of one in which that comes first are evicted.
//
// Errors: *fencepost.UserError instance-taken.
func (p *presence) begin(joining context.Context) error {
	if p == nil {
		return nil
	}
	if err := p.alone(joining); err != nil {
		return err
	}
	close(p.begun)
	select {
	case <-p.ready:
	case <-p.ended:
	case <-joining.Done():
	}
	return nil
}

// alone refuses a static member whose name a live worker has: the group would give the newcomer that one's place, and end the one that is
// well. What is not known refuses nothing, nor does a sign that may be of a worker which was killed: then the group decides, as it does
// without signs.
func (p *presence) alone(ctx context.Context) error {
	self, _ := p.group.Membership()
	if _, lingers := p.signs.(ledger.Lingering); lingers || self.Instance == "" {
		return nil
	}
	for began := time.Now(); ; p.rest(ctx, 250*time.Millisecond) {
		w, taken := p.namesake(ctx, self.Instance)
		switch {
		case !taken || ctx.Err() != nil:
			return nil
		case time.Since(began) > min(goneWithin, 2*p.e.cfg.Watch):
			return &fencepost.UserError{Code: "instance-taken", Err: fmt.Errorf("worker %s runs under the instance_id %s of group %s, since %s", w.Who, w.Instance,
				p.e.cfg.Group, w.Since.UTC().Format(time.RFC3339))}
		}
	}
}

// namesake is a live worker of the same instance, if there is one.
func (p *presence) namesake(ctx context.Context, instance string) (w ledger.Worker, is bool) {
	all, err := p.workers(ctx)
	all = slices.DeleteFunc(peers.Silent(all, p.self.Sign), func(w ledger.Worker) bool { return w.Instance != instance })
	if err != nil || len(all) == 0 {
		return w, false
	}
	held, err := p.held(ctx, peers.Signs(all)...)
	if err != nil || len(held) == 0 {
		return w, false
	}
	return all[slices.IndexFunc(all, func(w ledger.Worker) bool { return w.Sign == held[0] })], true
}

// run holds a sign until ctx ends. One that is lost is taken anew under another name, for one that ended has ended for good, and before the others
// look a second time and evict this worker.
func (p *presence) run(ctx context.Context) {
	pause := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		err := p.live(ctx)
		p.unwatch()
		if ctx.Err() != nil {
			return // the sign is given back behind the group
		}
		p.endSign(ctx)
		p.shaken = time.Now()
		if err != nil && !errors.Is(err, ledger.ErrSignEnded) {
			p.fails(err)
		}
		if errors.Is(err, ledger.ErrNoPresence) || errors.Is(err, ledger.ErrNoReports) {
			return
		}
		if pause = longer(pause, 100*time.Millisecond, peers.DoubtFor/2); time.Since(began) > time.Minute {
			pause = 100 * time.Millisecond
		}
		p.rest(ctx, p.e.jitter(pause))
	}
}

// fails reports that there is no presence, once.
func (p *presence) fails(err error) {
	if !p.failing {
		p.failing = true
		p.e.emit(PresenceFailed{Err: err})
	}
}

func (p *presence) rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// live holds one sign for as long as it lasts. nil: it was lost.
func (p *presence) live(ctx context.Context) error {
	p.self.Sign = ledger.NewSign(p.e.cfg.Random())
	appearing, cancel := context.WithTimeout(ctx, requestTimeout)
	sign, err := p.signs.Appear(appearing, p.e.cfg.Group, p.self.Sign)
	cancel()
	if err != nil {
		return err
	}
	p.sign, p.entered = sign, false
	holding, letGo := context.WithCancel(ctx)
	defer letGo()
	lost := make(chan struct{})
	p.lost = lost
	p.e.others.start("watch the own sign of life", func() {
		if sign.Lost(holding) == nil {
			close(lost)
		}
	})
	tick := time.NewTicker(p.e.cfg.Watch)
	defer tick.Stop()
	for {
		member, turned := p.member(ctx)
		news, err := p.look(ctx, member)
		if err != nil {
			return err
		}
		p.failing = false
		p.watch(ctx)
		if over, err := p.await(ctx, member, turned, tick.C, news); over || err != nil {
			return err
		}
	}
}

// member is this worker's member of the group. It waits a moment for one that is joining: an entry without an ID helps nobody.
func (p *presence) member(ctx context.Context) (source.Member, <-chan struct{}) {
	for began := time.Now(); ; p.rest(ctx, idEvery) {
		member, turned := p.group.Membership()
		if member.ID != "" || p.buried || ctx.Err() != nil || time.Since(began) > buryAfter {
			return member, turned
		}
	}
}

// await waits until the entries are to be looked at again. over: the sign is lost.
func (p *presence) await(ctx context.Context, member source.Member, turned <-chan struct{}, tick, news <-chan time.Time) (over bool, err error) {
	ids := time.NewTicker(5 * idEvery)
	defer ids.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-p.lost:
			return true, nil
		case p.shaken = <-p.broke:
		case ended := <-p.watched.ended:
			return false, p.see(ctx, ended)
		case <-turned:
			p.rest(ctx, idEvery) // the others write their entries now
			return false, nil
		case <-news:
			return false, nil
		case <-tick:
			return false, nil
		case <-ids.C:
			if now, _ := p.group.Membership(); now != member {
				return false, nil
			}
		}
	}
}

// asking bounds a question to the ledger.
func (p *presence) asking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, reportTimeout)
}

// workers reads the entries.
func (p *presence) workers(ctx context.Context) ([]ledger.Worker, error) {
	ctx, cancel := p.asking(ctx)
	defer cancel()
	return ledger.ReadWorkers(ctx, p.e.ledger, p.e.cfg.Group)
}

func (p *presence) write(ctx context.Context, workers ...ledger.Worker) error {
	ctx, cancel := p.asking(ctx)
	defer cancel()
	return ledger.WriteWorkers(ctx, p.e.ledger, p.e.cfg.Group, workers...)
}

// leave says goodbye, in front of the group: nobody evicts a worker that has left, and a static member keeps its place.
func (p *presence) leave(ctx context.Context) {
	if p == nil {
		return
	}
	p.stop()
	select {
	case <-p.ended:
	case <-ctx.Done():
		return // and others find it gone
	}
	if p.entered {
		p.self.Over = ledger.Left
		p.e.leftBehind("say goodbye to the other workers", p.write(ctx, p.self))
	}
}

// close gives the sign back, behind the group.
func (p *presence) close(ctx context.Context) {
	if p == nil {
		return
	}
	select {
	case <-p.ended:
		p.endSign(ctx)
	case <-ctx.Done():
	}
}

func (p *presence) endSign(ctx context.Context) {
	if p.sign == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace/4)
	defer cancel()
	_ = p.sign.End(ctx) // it ends with its connection in any case
	p.sign = nil
}
