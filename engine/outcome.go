package engine

import (
	"context"
	"errors"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// outcome is what became of a commit.
type outcome uint8

const (
	applied  outcome = iota // effects and moves are durable
	refused                 // the ledger holds something else for some partitions; nothing happened
	rejected                // the store refused rows; nothing happened
	unknown                 // the answer was lost: the next compare-and-set shows it (law 7)
	again                   // nothing happened, and it may be tried again
	fatal                   // nothing happened, and trying again is of no use
)

// outcomeOf reads a Commit's error.
func outcomeOf(err error) outcome {
	var (
		ref *ledger.Refused
		rej *sink.Rejected
		end *sink.Ended
		flt *fencepost.UserError
	)
	switch {
	case err == nil:
		return applied
	case errors.As(err, &ref):
		return refused
	case errors.Is(err, ledger.ErrUnknown):
		return unknown
	case errors.As(err, &rej):
		return rejected
	case errors.As(err, &end), errors.Is(err, ledger.ErrNewer), errors.Is(err, ledger.ErrOtherCluster):
		return fatal
	case errors.As(err, &flt) && !flt.Passing && !flt.Mendable:
		return fatal
	case errors.Is(err, context.Canceled):
		return unknown
	default:
		return again
	}
}
