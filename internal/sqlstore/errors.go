package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Class says what an error of a server is about.
type Class uint8

// The classes of errors.
const (
	Perhaps    Class = iota // the code is on no list of ours: perhaps the rows
	Race                    // lost against other sessions: the same batch may be tried again
	Size                    // a limit of the server's: time, memory, bytes
	Locks                   // other sessions held locks for too long
	NoTable                 //
	NoColumn                //
	NoRight                 // of this user
	NoLogin                 // for this user
	NoDatabase              //
	DiskFull                // passes
	NotServing              // passes
	ReadOnly                // passes: another server is the primary, or this one will be
	Crowded                 // passes: no connection is free, for this user or at all
	Terminated              // passes: an operator ended the connection
	Starting                // passes, soon
	BadRows                 // the rows themselves are refused
	BadSQL                  // the statement is
)

// blames are the classes of a *sink.Rejected.
var blames = map[Class]sink.Blame{BadRows: sink.TheRows, Perhaps: sink.PerhapsTheRows, Size: sink.TheSize, Locks: sink.TheLocks}

// Blame returns what may have caused errors of a class. ok is false for those that do not concern a
// batch.
func (c Class) Blame() (b sink.Blame, ok bool) {
	b, ok = blames[c]
	return b, ok
}

// states are the codes of a server that does not serve now.
var states = map[Class]string{NotServing: "database-silent", ReadOnly: "database-read-only", Crowded: "too-many-connections",
	Terminated: "connection-terminated", Starting: "database-starting"}

// Fault returns the error of a class with its remedy. address is the server as messages name it. REQUIRES: c has no Blame.
func (y System) Fault(c Class, address string, said Reasoned) error {
	fault := &fencepost.UserError{Err: said}
	switch c {
	case NoTable:
		fault.Code, fault.Help, fault.Mendable = "table-not-found", y.NoTable, true
	case NoColumn:
		fault.Code, fault.Help = "column-missing", "add the column to the table, or mend the schema or the SQL"
	case NoRight:
		fault.Code, fault.Help, fault.Mendable = "database-denied", y.NoRight, true
	case NoLogin:
		fault.Code, fault.Help, fault.Mendable = "database-denied", y.NoLogin, true
	case NoDatabase:
		fault.Code, fault.Help, fault.Mendable = "database-not-found", "create it, or mend the dsn", true
	case DiskFull:
		fault.Code, fault.Passing = "disk-full", true
		fault.Help = "free space on the database's disk; the batch was rolled back, nothing is lost"
	case NotServing:
		return y.Silent(address, said.Reason, said.Err)
	case ReadOnly, Crowded, Terminated, Starting:
		fault.Code, fault.Passing, fault.Soon = states[c], true, c == Starting
		fault.Err = fmt.Errorf("%s %s: %w", y.Name, address, said)
	case BadSQL:
		fault.Code, fault.Help = "sql-refused", "mend the SQL or the table; fencepost check FILE tries it on an empty batch"
	case Race, Perhaps, Size, Locks, BadRows:
		return fmt.Errorf("%s: %w", y.Name, said)
	}
	return fault
}

// Silent returns the error of a server that does not serve now. Waiting may mend it.
func (y System) Silent(address, reason string, err error) error {
	return &fencepost.UserError{Code: states[NotServing], Passing: true,
		Err:  fmt.Errorf("%s %s: %w", y.Name, address, Reasoned{reason, err}),
		Help: "start it, or mend the dsn; a running pipeline waits by itself"}
}

// Blameless returns err for a call that has no rows to blame: an error that may belong to a batch belongs to
// the server here.
func (y System) Blameless(err error) error {
	r, ok := errors.AsType[*sink.Rejected](err)
	switch {
	case !ok || r.Blame == sink.TheRows:
		return err
	case errors.Is(err, ledger.ErrUnknown):
		return fmt.Errorf("%w: %s", ledger.ErrUnknown, r)
	case r.Blame == sink.TheLocks:
		return &fencepost.UserError{Code: "database-busy", Passing: true, Err: fmt.Errorf("%s: %s", y.Name, r)}
	}
	return &fencepost.UserError{Code: "database-error", Mendable: true, Err: fmt.Errorf("%s: %s", y.Name, r)}
}

// Canceled returns the error of a call whose context has ended.
func (y System) Canceled(ctx context.Context, address string) error {
	return fmt.Errorf("%s %s: %w", y.Name, address, errors.Join(context.Cause(ctx), ctx.Err()))
}

// Reasoned is an error with another text.
type Reasoned struct {
	Reason string
	Err    error
}

// Error is the reason.
func (r Reasoned) Error() string { return r.Reason }

// Unwrap is the error that has it.
func (r Reasoned) Unwrap() error { return r.Err }

// newer is the refusal of a ledger that a newer program wrote.
func newer(v int64) error {
	return &fencepost.UserError{Code: "ledger-newer", Exit: 4,
		Err:  fmt.Errorf("%w: it is version %d, this program knows %d: untouched", ledger.ErrNewer, v, Version),
		Help: "run the newer program; there is no way back"}
}

// Outcome says what a flush that held a compare-and-set has done, by its error.
type Outcome uint8

// The outcomes. For all but Lost, nothing happened.
const (
	Failed       Outcome = iota // it failed for another reason than the compare-and-set
	Lost                        // the answer was lost: it may have happened
	Newer                       // the ledger has another version
	OtherCluster                // the group's offsets belong to another cluster
	Roster                      // a start does not cover the topics
	Fenced                      // the ledger does not hold what the moves hold
	Changed                     // the table is not the one that the batch was planned for
	Namesake                    // the database has a table of its own that the SQL may mean by batch
	Parted                      // what the batch wrote does not share the fate of its moves
	GoneLetter                  // a letter that a replay removes, or that is discarded, does not wait
	Tried                       // it was a trial, and its effects were made: they are taken back
	Unsent                      // a record does not hold all columns, and the row that would keep the others is not there
	Again                       // the session has learned how to write the compare-and-set: it can be flushed once more at once
)

// errAgain is the error of a flush whose outcome was Again. It leaves this package never.
var errAgain = errors.New("the compare-and-set must be written anew")

// errTried is the error of a trial that the store would take. It leaves this package never.
var errTried = errors.New("the trial is over")

// again flushes, and flushes once more for each errAgain. A session learns a few times at most.
func again(flush func() error) error {
	err := flush()
	for errors.Is(err, errAgain) {
		err = flush()
	}
	return err
}

// refusals are the words that our statements put into the text of an error.
var refusals = map[string]Outcome{"newer": Newer, "cluster": OtherCluster, "roster": Roster, "fenced": Fenced, "changed": Changed, "namesake": Namesake,
	"parted": Parted, "gone": GoneLetter, "tried": Tried, "unsent": Unsent}

// ReadRefusal reads a refusal out of the text of an error that our own statements raised, WORD:SECRET or
// WORD:SECRET:DETAIL. The secret proves that they did.
func ReadRefusal(message, secret string) (o Outcome, detail string) {
	for word, o := range refusals {
		if _, rest, ok := strings.Cut(message, word+":"+secret); ok {
			if detail, ok = strings.CutPrefix(rest, ":"); !ok {
				return o, ""
			}
			return o, strings.TrimSuffix(detail, `"`)
		}
	}
	return Failed, ""
}

// errChanged is a flush whose table was not the one that the batch was planned for. Nothing happened.
var errChanged = errors.New("the table was changed while rows were written into it")

// Refusal returns what the error of a flush with a compare-and-set means: *ledger.Refused, ErrNewer, ErrOtherCluster,
// ErrUnknown, errChanged, *fencepost.UserError sql-refused for a namesake of batch, or the result of Errors.Edge. It leaves
// the session ready for the next flush.
func (d *Dialect[S]) Refusal(ctx context.Context, s S, t Tables, g fencepost.Group, moves []ledger.Move, err error) error {
	outcome, detail := d.Errors.Outcome(s, err)
	if outcome == Lost {
		s.Drop()
		err = d.Errors.Edge(s, ctx, err)
		if f, ok := errors.AsType[*fencepost.UserError](err); ok {
			err = f.Err // what the server is like has no say in what became of the flush
		}
		return fmt.Errorf("%w: %w", ledger.ErrUnknown, err)
	}
	s.Rollback(ctx, err)
	if outcome == Failed {
		return d.Errors.Edge(s, ctx, err)
	}
	if outcome == Changed {
		return errChanged
	}
	if outcome == Namesake {
		if detail != "" {
			return ambiguous(detail)
		}
		if err := d.namesake(ctx, s); err != nil {
			return err
		}
		return errors.New("a table named batch was there, and a moment later was not: try again")
	}
	if outcome == Parted {
		return d.Target.Parted(detail).Fault()
	}
	switch outcome {
	case Again:
		return errAgain
	case GoneLetter:
		return ledger.ErrLetterGone
	case Tried:
		return errTried
	case Unsent:
		return sink.RowNotThere()
	}
	if outcome == Roster {
		return errors.New("a start under another topic ID must cover every partition of the Roster, all with one ID")
	}
	if outcome == Fenced {
		if err := d.compare(ctx, s, t, g, moves); err != nil {
			return err
		}
		return errors.New("the ledger refused, and a moment later agreed: try again")
	}
	if detail == "" {
		if detail, err = d.ask(ctx, s, t, g, outcome); err != nil {
			return err
		}
	}
	if outcome == OtherCluster {
		return fmt.Errorf("%w: %s", ledger.ErrOtherCluster, detail)
	}
	v, _ := strconv.ParseInt(detail, 10, 64)
	if v == 0 {
		return &fencepost.UserError{Code: "table-not-found", Err: errors.New("the ledger has no identity row"), Help: d.DDL}
	}
	return newer(v)
}

// ask reads the version or the cluster that the ledger holds. MySQL's refusal has no space for it.
func (d *Dialect[S]) ask(ctx context.Context, s S, t Tables, g fencepost.Group, o Outcome) (detail string, err error) {
	if _, err := s.Open(ctx); err != nil {
		return "", err
	}
	question := "select version from " + t.Groups + " where group_name = '' and topic = ''"
	if o == OtherCluster {
		question = "select cluster_id from " + t.Groups + " where topic = '' and group_name = " + d.Literal(string(g))
	}
	res, err := s.Exec(ctx, question)
	if err != nil {
		return "", d.failed(ctx, s, err)
	}
	if len(res[0]) > 0 {
		detail = string(res[0][0][0])
	}
	return detail, nil
}

// compare returns *ledger.Refused if the ledger does not hold what the moves hold.
func (d *Dialect[S]) compare(ctx context.Context, s S, t Tables, g fencepost.Group, moves []ledger.Move) error {
	if _, err := s.Open(ctx); err != nil {
		return err
	}
	res, err := s.Exec(ctx, d.Ledger.Held(s, t, g, moves))
	if err != nil {
		return d.Blameless(d.failed(ctx, s, err))
	}
	p := Parser{TopicID: d.Ledger.TopicID}
	held, err := p.Positions(res[len(res)-1])
	if err != nil {
		return d.Blameless(d.failed(ctx, s, err))
	}
	return ledger.Compare(held, moves)
}

// UnencodedPassword is the error of a URL in which a password ends early. It says nothing of the text.
func UnencodedPassword(system string) error {
	return &fencepost.UserError{Code: "dsn-invalid", Exit: 2,
		Err:  fmt.Errorf("a password in the %s dsn ends early, at a / ? # or @ of its own (not shown)", system),
		Help: "percent-encode the password: / is %2F, ? is %3F, # is %23, @ is %40, : is %3A, % is %25"}
}
