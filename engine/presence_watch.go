package engine

import (
	"context"
	"slices"
	"time"

	"github.com/fencepost/fencepost/engine/internal/peers"
)

// watched is the goroutine that watches, and whom.
type watched struct {
	signs []string
	stop  context.CancelFunc
	ended chan []string // what it saw, once; closed when it has returned
}

// watch has the others watched.
func (p *presence) watch(ctx context.Context) {
	signs := peers.Signs(slices.Concat(p.others, p.over))
	if p.watched.stop != nil && slices.Equal(signs, p.watched.signs) {
		return
	}
	p.unwatch()
	ctx, stop := context.WithCancel(ctx)
	ended, sign := make(chan []string, 1), p.sign
	p.watched = watched{signs: signs, stop: stop, ended: ended}
	p.e.others.start("watch other workers", func() {
		defer close(ended)
		for ctx.Err() == nil {
			gone, err := sign.Watch(ctx, signs)
			if err == nil && len(gone) > 0 {
				ended <- gone
				return
			}
			if err != nil && ctx.Err() == nil {
				select {
				case p.broke <- time.Now():
				default:
				}
				p.rest(ctx, p.e.jitter(200*time.Millisecond))
			}
		}
	})
}

// unwatch ends the watch, and returns once it has ended.
func (p *presence) unwatch() {
	if p.watched.stop == nil {
		return
	}
	p.watched.stop()
	for range p.watched.ended {
	}
	p.watched = watched{}
}
