package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine/internal/allowance"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// OnError says what becomes of records that cannot be applied, by what is wrong with them. The zero OnError parks at each.
//
// An error of the store that is on no list of its errors always parks: it may be no record's fault.
type OnError struct {
	Undecodable Treatment // the decoder refuses it
	Refused     Treatment // the store refuses its row: a constraint, a type, a value out of range
	TooLarge    Treatment // alone it is more than the store takes at once, in bytes, memory or time
	// Max is how many records of one partition are passed within Per. At the next one the partition parks (too-many-bad), and
	// stays so until that record can be applied, or a person moves the position: what parks nothing would drain a topic whose
	// schema is wrong. 0: 100. Negative: any number.
	Max int
	Per time.Duration // 0: a minute
}

// Treatment is what becomes of a bad record.
type Treatment uint8

// The treatments.
const (
	// Park stops the partition in front of the record, which is tried again until it can be applied.
	Park Treatment = iota
	// Skip passes the record. The commit of its batch says so in the history, with the record's offset and the reason.
	Skip
	// DeadLetter passes the record, and keeps it as it was read, with the reason, in the commit of its batch. The sink's ledger
	// must be ledger.Letters, and share a commit with the effects.
	DeadLetter
)

// String is the treatment's word in the pipeline file.
func (t Treatment) String() string { return [...]string{"park", "skip", "dead_letter"}[t] }

// tooMany is the code of a partition that parks at a bad record because Max is reached.
const tooMany = "too-many-bad"

// withDefaults fills what was left out.
func (o OnError) withDefaults() OnError {
	set(&o.Max, 100)
	set(&o.Per, time.Minute)
	return o
}

// Writes reports whether a record may become a dead letter.
func (o OnError) Writes() bool {
	return o.Undecodable == DeadLetter || o.keepsRaw()
}

// keepsRaw reports whether records must be kept as they were read until their commit's outcome is known.
func (o OnError) keepsRaw() bool { return o.Refused == DeadLetter || o.TooLarge == DeadLetter }

// sifts reports whether a record that the store refuses may be passed.
func (o OnError) sifts() bool { return o.Refused != Park }

// of is what becomes of a record whose row the store refuses when it is alone. No answer in time is no refusal: the store may have stood
// still for all records.
func (o OnError) of(err error) Treatment {
	if _, slow := errors.AsType[*tooSlow](err); slow {
		return Park
	}
	r, ok := errors.AsType[*sink.Rejected](err)
	switch {
	case ok && r.Blame == sink.TheRows:
		return o.Refused
	case ok && r.Blame == sink.TheSize:
		return o.TooLarge
	}
	return Park
}

// validate says what is wrong with it for a sink; nil: nothing.
func (o OnError) validate(s sink.Sink) error {
	if o.Per < 0 || max(o.Undecodable, o.Refused, o.TooLarge) > DeadLetter {
		return fmt.Errorf("Per is negative, or a treatment is unknown: %+v", o)
	}
	if s == nil || !o.Writes() {
		return nil
	}
	switch _, keeps := ledger.As[ledger.Letters](s.Ledger()); {
	case s.Capabilities().Apart:
		return errors.New("a dead letter is part of its batch's commit, and this sink has no commit together with its ledger")
	case !keeps:
		return fmt.Errorf("the ledger of sink %s keeps no dead letters", s.Capabilities().Name)
	}
	return nil
}

// prepareLetters has a place for letters made, where the run may write any.
func (e *Engine) prepareLetters(ctx context.Context) error {
	kept, able := ledger.As[ledger.Letters](e.ledger)
	if !able || !e.cfg.OnError.Writes() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := kept.PrepareLetters(ctx, e.cfg.Group); err != nil {
		return fmt.Errorf("prepare dead letters: %w", err)
	}
	return nil
}

// pass takes a bad record off the partition's allowance. Its error is why the partition parks there all the same: at most Max
// are passed, and a record that has parked it for that is not passed later.
func (o OnError) pass(p *partition, at fencepost.Offset, reason string) error {
	p.lane.mu.Lock()
	defer p.lane.mu.Unlock()
	if at != p.overAt || !p.over {
		if p.spent.Take(allowance.Limit{Max: o.Max, Per: o.Per}, time.Now()) {
			return nil
		}
		p.over, p.overAt = true, at
	}
	return &fencepost.BadRecord{Code: tooMany, Reason: fmt.Sprintf("more than %d bad records within %s; this one: %s", o.Max, o.Per, reason)}
}
