package webhook

import (
	"time"

	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/webhook/news"
)

// kindOf is the kind of news that an event is, empty for none.
func kindOf(e engine.Event) news.Kind {
	switch e := e.(type) {
	case engine.Parked:
		return news.Parked
	case engine.Passed:
		return news.DeadLetters
	case engine.WorkersGone:
		return news.Takeover
	case engine.Moved:
		for _, m := range e.Moves {
			if m.AtMost != 0 {
				return news.Lost
			}
		}
	case engine.Stopped:
		if e.Err != nil {
			return news.Ended
		}
	}
	return ""
}

// lagging tells when lag goes above a limit, and comes back.
type lagging struct{ above bool }

// next reports whether a status is news of the lag. Lag that is not known is none.
func (l *lagging) next(s engine.Status, limit int64) bool {
	switch {
	case limit <= 0 || !s.LagKnown():
		return false
	case !l.above && s.Lag > limit:
		l.above = true
	case l.above && s.Lag <= limit/2:
		l.above = false
	default:
		return false
	}
	return true
}

// EventLag says that more records are unread than a limit, or, with Ended, that no more than half of it are.
type EventLag struct {
	view.EventHead
	Lag     int64    `json:"lag"`
	AtLeast bool     `json:"at_least"` // the lag of some partitions is not known
	Limit   int64    `json:"limit"`
	Seconds view.Age `json:"lag_seconds,omitzero"` // age of the newest applied record of the partition that lags most
	Ended   bool     `json:"ended"`
}

func (h *Hook) eventLag(at time.Time, s engine.Status) EventLag {
	e := EventLag{view.EventHead{Format: 1, Time: view.Instant{Time: at}, Group: h.cfg.Group, Worker: h.cfg.Worker, Event: "lag"},
		s.Lag, s.Unknown > 0, h.cfg.Lag, -1, !h.lag.above}
	if !s.Oldest.IsZero() {
		e.Seconds = view.Age(max(0, at.Sub(s.Oldest)))
	}
	return e
}
