package engine

import (
	"context"
	"slices"
	"time"

	"github.com/fencepost/fencepost/engine/internal/peers"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// look reads the entries once: it enters this worker where its entry does not stand as it is, and the first time evicts the dead. news:
// the others may have written theirs at the same time, and are to be read again then; nil: there is no need.
func (p *presence) look(ctx context.Context, member source.Member) (news <-chan time.Time, err error) {
	all, err := p.workers(ctx)
	if err != nil {
		return nil, err
	}
	p.self.Member, p.self.Instance = member.ID, member.Instance
	e := peers.Enter(all, p.self, p.entered)
	p.over = peers.Over(all, slices.Concat(p.others, p.over))
	p.self, p.others = e.Self, e.Others
	if e.Write {
		if err := p.write(ctx, p.self); err != nil {
			return nil, err
		}
		p.entered, news = true, time.After(newsAfter)
	}
	p.e.enteredAs(p.self)
	return news, p.bury(ctx, all)
}

// bury evicts the members whose sign has ended before this worker looked for the first time.
func (p *presence) bury(ctx context.Context, all []ledger.Worker) error {
	if p.buried {
		return nil
	}
	gone, err := p.dead(ctx, peers.Silent(all, p.self.Sign))
	if err != nil {
		return err
	}
	v := peers.Decide(peers.Look{Gone: gone})
	if v.Again { // or a store that restarted
		if v, err = p.lookAgain(ctx, gone); err != nil {
			return err
		}
	}
	p.buried = true
	p.evict(ctx, v.Evict)
	return nil
}

// see takes in that signs of others have ended.
func (p *presence) see(ctx context.Context, ended []string) error {
	p.unwatch()
	all, err := p.workers(ctx)
	if err != nil {
		return err
	}
	l := peers.Among(all, ended)
	if l.Shaken, err = p.isShaken(ctx, l.Gone); err != nil {
		return err
	}
	v := peers.Decide(l)
	p.others, p.over = peers.Without(p.others, ended), peers.Without(p.over, ended)
	p.carryOut(ctx, v)
	if !v.Again {
		return nil
	}
	if v, err = p.lookAgain(ctx, l.Gone); err == nil {
		p.carryOut(ctx, v)
	}
	return err
}

// carryOut does what a verdict says at once.
func (p *presence) carryOut(ctx context.Context, v peers.Verdict) {
	p.evict(ctx, v.Evict)
	if v.Rejoin {
		p.rejoin(ctx)
	}
}

// lookAgain is the second look at workers whose signs have ended. Those that live have entered themselves under new ones.
func (p *presence) lookAgain(ctx context.Context, gone []ledger.Worker) (peers.Verdict, error) {
	if err := p.hesitate(ctx); err != nil {
		return peers.Verdict{}, err
	}
	all, err := p.workers(ctx)
	if err != nil {
		return peers.Verdict{}, err
	}
	l := peers.Among(all, peers.Signs(gone))
	l.Second = true
	if l.Gone, err = p.dead(ctx, l.Gone); err != nil {
		return peers.Verdict{}, err
	}
	return peers.Decide(l), nil
}

// hesitate waits before a second look. Errors: ledger.ErrSignEnded, and the own sign is to be taken first: others wait for it as this worker does.
func (p *presence) hesitate(ctx context.Context) error {
	select {
	case <-p.lost:
		return ledger.ErrSignEnded
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(peers.DoubtFor):
		return nil
	}
}

// dead are those of the workers whose signs are not held.
func (p *presence) dead(ctx context.Context, all []ledger.Worker) ([]ledger.Worker, error) {
	if len(all) == 0 {
		return nil, nil
	}
	held, err := p.held(ctx, peers.Signs(all)...)
	return peers.Without(all, held), err
}

// held are those of the signs that are held.
func (p *presence) held(ctx context.Context, signs ...string) ([]string, error) {
	ctx, cancel := p.asking(ctx)
	defer cancel()
	return p.signs.Alive(ctx, p.e.cfg.Group, signs)
}

// isShaken reports whether the own sign or its watch broke lately. Where one worker alone is gone, the store is asked whether the own
// sign is held: the watch may have been told before.
func (p *presence) isShaken(ctx context.Context, gone []ledger.Worker) (bool, error) {
	if lately := time.Since(p.shaken) < peers.DoubtFor; lately || len(gone) != 1 {
		return lately, nil
	}
	own, err := p.held(ctx, p.self.Sign)
	return len(own) == 0, err
}

// evict has the group told that these workers are gone. Where that fails, the coordinator finds out when their sessions end.
func (p *presence) evict(ctx context.Context, gone []ledger.Worker) {
	var members []source.Member
	for i := range gone {
		if gone[i].Member != "" {
			members = append(members, source.Member{ID: gone[i].Member, Instance: gone[i].Instance})
		}
		gone[i].Over = ledger.Evicted
	}
	if len(gone) == 0 {
		return
	}
	asking, cancel := p.asking(ctx)
	defer cancel()
	err := p.group.Evict(asking, members...)
	if err == nil {
		err = p.write(ctx, gone...)
	}
	if err == nil || p.told != gone[0].Sign {
		p.e.emit(WorkersGone{Workers: gone, Err: err})
	}
	if p.told = ""; err != nil {
		p.told = gone[0].Sign
		p.rest(ctx, p.e.jitter(time.Second)) // and it is seen again
	}
}

// rejoin asks for this worker's share at once.
func (p *presence) rejoin(ctx context.Context) {
	p.e.others.start("ask for a share", func() {
		ctx, cancel := context.WithTimeout(ctx, rejoinFor)
		defer cancel()
		p.group.Rejoin(ctx)
	})
}
