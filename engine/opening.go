package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
)

// open asks everything that has to answer before the group is joined, and opens the lanes. What does not answer is waited for as
// Config.StartWait says; anything else that fails here ends the run: a pipeline that never worked should report it, and not wait.
func (e *Engine) open(ctx context.Context) (lanes []*lane, err error) {
	o := opening{e: e, began: time.Now()}
	for {
		lanes, err = e.openOnce(ctx)
		in, again := o.again(err)
		if !again {
			return lanes, o.ended(err)
		}
		select {
		case <-time.After(in):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// opening is a start that waits for what does not answer.
type opening struct {
	e     *Engine
	began time.Time
	tries int
	pause time.Duration
	lasting
	code string // of the last error that was reported
}

// again returns after what pause the start is tried again, and reports why at growing intervals. ok is false where it is not.
func (o *opening) again(err error) (in time.Duration, ok bool) {
	if !o.waits(err) {
		return 0, false
	}
	o.tries++
	o.pause = longer(o.pause, 100*time.Millisecond, 5*time.Second)
	in = o.e.jitter(o.pause)
	left := time.Duration(0)
	if o.e.cfg.StartWait > 0 {
		left = o.e.cfg.StartWait - time.Since(o.began)
		in = min(in, left)
	}
	if code := codeOf(err); code != o.code {
		o.lasting, o.code = lasting{}, code
	}
	if o.lasts(o.began, time.Now(), 0) {
		o.e.emit(Retrying{What: "open", Lane: -1, Attempt: o.tries, In: in, Err: err, Left: left})
	}
	return in, true
}

// waits reports whether a start still waits for an error to pass. What got no answer in its time is one.
func (o *opening) waits(err error) bool {
	f, is := errors.AsType[*fencepost.UserError](err)
	switch wait := o.e.cfg.StartWait; {
	case wait == 0:
		return is && f.Passing && f.Soon
	case is && !f.Passing, !is && !errors.Is(err, context.DeadlineExceeded):
		return false
	default:
		return time.Since(o.began) < wait
	}
}

// ended is the error of a start that is not tried again: with how long it waited, where that was in vain.
func (o *opening) ended(err error) error {
	f, is := errors.AsType[*fencepost.UserError](err)
	if !is || !f.Passing || o.tries == 0 {
		return err
	}
	out := *f
	out.Err = fmt.Errorf("%w (waited for %s)", f.Err, time.Since(o.began).Round(time.Second))
	return &out
}
