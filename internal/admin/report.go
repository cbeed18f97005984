package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// readReports takes in what the workers of the group have left in the ledger about partitions that stand still, where it is
// about what the ledger holds now. What cannot be read is Unreported, and no error: all else is known without it.
func (v *View) readReports(ctx context.Context, r Resources) {
	if r.Layout != nil {
		return
	}
	known, err := ledger.ReadReports(ctx, r.Ledger, r.Group)
	if v.Unreported = err; err != nil {
		return
	}
	v.Pipeline, v.Workers = known.Pipeline, known.Workers
	for i := range v.Standings {
		s := &v.Standings[i]
		if rep, ok := known.Reports[s.TopicPartition]; ok && rep.Current(s.Position) {
			s.report(rep)
		}
	}
}

// findWorkers keeps those of the workers that have entered themselves whose signs of life are held. What the store does not answer is
// not known, and no error.
func (v *View) findWorkers(ctx context.Context, r Resources) {
	entered := v.Workers
	v.Workers = nil
	signs, able := ledger.As[ledger.Presence](r.Ledger)
	if v.Signs = able; len(entered) == 0 || !able {
		return
	}
	names := make([]string, len(entered))
	for i, w := range entered {
		names[i] = w.Sign
	}
	alive, err := signs.Alive(ctx, r.Group, names)
	if v.Signs = err == nil; err != nil {
		return
	}
	for _, w := range entered {
		if slices.Contains(alive, w.Sign) {
			v.Workers = append(v.Workers, w)
		}
	}
	for i := range v.Standings {
		if s := &v.Standings[i]; s.State == StateUnknown && len(v.Workers) > 0 {
			s.State = Running
		}
	}
}

// askWhetherItWrites asks the ledger's server whether it takes writes. What it does not answer is not known, and no error.
func (v *View) askWhetherItWrites(ctx context.Context, r Resources) {
	if l, able := ledger.As[ledger.Refusing](r.Ledger); able && r.Layout == nil {
		v.Refused, _ = l.RefusesWrites(ctx)
	}
}

// standsStill gives the error of a server on which no worker can commit, nor leave a report of it, the exit code of a look that finds
// that: each partition of the group stands still.
func standsStill(err error) error {
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok || f.Code != "database-read-only" && f.Code != "old-primary" {
		return err
	}
	still := *f
	still.Exit = 3
	return &still
}

// report takes in why a worker says that the partition stands still. What ledger and brokers show by themselves goes
// before it: a worker reports a verdict as it was when it looked.
func (s *Standing) report(rep ledger.Report) {
	settled := s.Decision.Action == ledger.Resume
	if rep.Halt == ledger.HaltParked && settled && s.Bad == nil && !rep.Record && verdictCodes[rep.Code] {
		return // the cause has gone since: the next test finds that too
	}
	s.Report = &rep
	if s.State == Parked {
		return
	}
	was := s.State
	s.State = Waiting
	if state, known := halts[rep.Halt]; known {
		s.State = state
	}
	if s.Reason == "" || s.State != was {
		s.Reason = rep.Reason
	}
}

// halts are the states of reports. One that a newer program added is waiting, as far as this one knows.
var halts = map[ledger.Halt]State{ledger.HaltParked: Parked, ledger.HaltWaiting: Waiting, ledger.HaltBlocked: Blocked,
	ledger.HaltRetrying: Retrying, ledger.HaltCutOff: CutOff}

// verdictCodes are the codes of verdicts, of which a look at ledger and brokers finds the same as a worker.
var verdictCodes = func() map[string]bool {
	codes := map[string]bool{}
	for v := ledger.Unknown; v <= ledger.OldPrimary; v++ {
		codes[v.Code()] = true
	}
	return codes
}()

// Halted reports whether the partition stands still.
func (s Standing) Halted() bool {
	switch s.State {
	case Parked, Waiting, Blocked, Retrying, CutOff:
		return true
	case StateUnknown, Idle:
	}
	return false
}

// Ahead is how many offsets a partition has before it that the group has not started; 0 for any other, and where it is not
// known.
func (s Standing) Ahead() int64 {
	if !s.Position.Absent() || s.Decision.Action != ledger.MoveOn || s.Bounds.Err != nil {
		return 0
	}
	return max(0, int64(s.Bounds.HighWatermark-s.Decision.Move(s.stored, 1).Next.Offset))
}

// Code is why the partition stands still, as an error code; empty: it does not, or there is no code for it.
func (s Standing) Code() string {
	switch {
	case s.State == Parked && s.Bad != nil:
		return fencepost.BadCode(s.Bad)
	case s.State == Parked && s.unfenced():
		return "foreign-write"
	case s.State == Parked && s.Decision.Action == ledger.Stop:
		return s.Decision.Verdict.Code()
	case s.Report != nil:
		return s.Report.Code
	}
	return ""
}

// BadAt is the offset of the record that parks the partition; Unknown: something else does, or nothing.
func (s Standing) BadAt() fencepost.Offset {
	switch rep := s.Report; {
	case s.State != Parked:
	case s.Bad != nil:
		return s.NextAt
	case rep != nil && rep.Record:
		return rep.Offset
	}
	return Unknown
}

// Told is why the partition stands still, for people: with the record where one is the cause, and the worker that says so.
func (s Standing) Told() string {
	var says []string
	switch at := s.BadAt(); {
	case s.Bad != nil:
		says = append(says, "record at "+text.Count(at)+" can not be decoded: "+s.Bad.Error())
	case at >= 0 && s.Reason != "":
		says = append(says, "record at "+text.Count(at)+" is refused: "+s.Reason)
	case s.Reason != "":
		says = append(says, s.Reason)
	}
	if rep := s.Report; rep != nil {
		word := string(rep.Halt)
		if rep.Code != "" {
			word = rep.Code
		}
		by := word + " since " + rep.Since.Local().Format("2006-01-02 15:04:05 -07:00")
		if rep.Who != "" {
			by += ", says " + rep.Who
		}
		says = append(says, by)
	}
	return strings.Join(says, "; ")
}
