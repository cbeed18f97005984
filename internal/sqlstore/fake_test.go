package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// fake is a session to a server that is a function of the test's, and its record of what was asked.
type fake struct {
	answer  func(statements string) ([]Rows, error)
	asked   []string
	drops   int
	planned int
	flushes []error // what flushes answer, one after the other; nil behind the last
	closed  bool
}

var (
	errFake   = errors.New("the server refused")
	errForgot = errors.New("the server has forgotten what it prepared")
)

func (f *fake) Open(context.Context) (fresh bool, err error) {
	fresh, f.closed = f.closed, false
	return fresh, nil
}

func (f *fake) Exec(_ context.Context, statements string) ([]Rows, error) {
	if f.closed {
		panic("asked over no connection, as a driver would: " + statements)
	}
	f.asked = append(f.asked, statements)
	return f.answer(statements)
}

func (f *fake) Flush(_ context.Context, statements string) error {
	f.asked = append(f.asked, statements)
	if len(f.flushes) == 0 {
		return nil
	}
	err := f.flushes[0]
	f.flushes = f.flushes[1:]
	return err
}

// Rollback keeps the connection only where the server itself has refused something.
func (f *fake) Rollback(_ context.Context, err error) {
	if !errors.Is(err, errFake) {
		f.closed = true
	}
}

func (f *fake) Drop() {
	f.drops++
	f.closed = true
}

func (f *fake) Planned(context.Context, *Target, []fencepost.ColumnSpec) error {
	f.planned++
	return nil
}

func (f *fake) Rows(ctx context.Context, _ ledger.Actor, _ *fencepost.Batch, compare string) error {
	return f.Flush(ctx, "rows; "+compare+"commit")
}

func (f *fake) Handled(ctx context.Context, _ ledger.Actor, _ *fencepost.Batch, compare string) error {
	return f.Flush(ctx, "function; "+compare+"commit")
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// fakeDialect says in plain words what is asked.
func fakeDialect() *Dialect[*fake] {
	d := &Dialect[*fake]{System: System{Name: "fake", DDL: "ddl"}, Spelling: Spelling{Ident: quoted, Literal: quoted, Plain: func(s string) string { return s }, TooLong: func(string) string { return "" }}}
	d.Another = func(*fake) *fake { return &fake{} }
	d.Errors.Edge = func(_ *fake, _ context.Context, err error) error { return err }
	d.Errors.Outcome = func(_ *fake, err error) (Outcome, string) {
		switch err {
		case errFake:
			return Failed, ""
		case errForgot:
			return Again, ""
		}
		return ReadRefusal(err.Error(), "s3cret")
	}
	d.Ledger.Begin = "begin; "
	d.Ledger.Compare = func(_ *fake, _ Tables, c Commits) string {
		return fmt.Sprintf("compare %d (%s); ", len(c.Moves), c.Recorded)
	}
	d.Ledger.Move = func(_ *fake, _ Tables, _ ledger.Actor, moves []ledger.Move) string {
		return fmt.Sprintf("move %d; ", len(moves))
	}
	d.Ledger.Held = func(*fake, Tables, fencepost.Group, []ledger.Move) string { return "held" }
	d.Tables.Locate = func(*fake) string { return "locate" }
	d.Server = func(*fake) string { return "Fake 1" }
	d.Target.Try = func(f *fake, ctx context.Context, _ Job, _ *Target, _ []fencepost.ColumnSpec) (string, error) {
		_, err := f.Exec(ctx, "try")
		return "", err
	}
	d.Target.Namesake = func(*fake, context.Context) (string, error) { return "", nil }
	d.Target.Read = func(*fake, context.Context, Job) (*Target, error) { return &Target{SQL: "t"}, nil }
	return d
}

// standing is a server whose ledger is there, and holds one partition at an offset.
func standing(at string) func(string) ([]Rows, error) {
	return func(statements string) ([]Rows, error) {
		row := func(values ...string) (r [][]byte) {
			for _, v := range values {
				r = append(r, []byte(v))
			}
			return r
		}
		switch {
		case statements == "try":
			return nil, nil
		case statements == "locate":
			return []Rows{{row(TableNames[0], "g"), row(TableNames[1], "l"), row(TableNames[2], "m")}}, nil
		case statements == "held":
			return []Rows{{row("flights", "0", at, "-1", "7", "")}}, nil
		case strings.HasPrefix(statements, "select version, ledger_id"):
			return []Rows{{row("1", strings.Repeat("0", 32))}}, nil
		case strings.HasPrefix(statements, "select version"):
			return []Rows{{row("2")}}, nil
		case strings.HasPrefix(statements, "select cluster_id"):
			return []Rows{{row("other")}}, nil
		}
		return nil, fmt.Errorf("asked for %q", statements)
	}
}

var (
	flights = fencepost.TopicPartition{Topic: "flights"}
	someone = ledger.Actor{Group: "group", Who: "w"}
	stood   = ledger.Position{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: 7}
)

// oneCommit is the commit of one row at offset 5.
func oneCommit() ledger.Move {
	return ledger.Move{TopicPartition: flights, Cause: ledger.CauseCommit, Held: stood, Next: stood.Advance(6, fencepost.NoEpoch)}
}

// fakeLane is a lane over a server, and its session.
func fakeLane(t *testing.T, j Job, at string) (*Lane[*fake], *fake) {
	t.Helper()
	f := &fake{answer: standing(at)}
	d := fakeDialect()
	s := NewSink(d, j, NewLedger(d, &fake{answer: standing(at)}, j.Keep), &fake{answer: standing(at)})
	l := &Lane[*fake]{}
	if err := l.Open(t.Context(), s, f, f); err != nil {
		t.Fatal(err)
	}
	return l, f
}
