package sqlstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Sink is one database as sink and ledger, without its lanes.
type Sink[S Session] struct {
	dialect *Dialect[S]
	job     Job
	ledger  *Ledger[S]
	look    S // for Columns and Check; guarded by turn
	turn    turn
}

var (
	_ sink.Provenance   = (*Sink[Session])(nil)
	_ fencepost.Checker = (*Sink[Session])(nil)
)

// NewSink returns a sink that owns the session. Its lanes commit to l. It does not connect yet. REQUIRES: a valid Job.
func NewSink[S Session](d *Dialect[S], j Job, l *Ledger[S], look S) *Sink[S] {
	return &Sink[S]{dialect: d, job: j, ledger: l, look: look, turn: newTurn()}
}

// Capabilities bounds the engine.
func (s *Sink[S]) Capabilities() sink.Capabilities {
	form := s.job.Form()
	return sink.Capabilities{Name: s.dialect.Name, Lanes: s.job.lanes(), Together: form == SQL || form == Handle, Partial: form == Upsert}
}

// Ledger returns the ledger in the same database, which has a connection of its own.
func (s *Sink[S]) Ledger() ledger.Ledger { return s.ledger }

// Close closes the ledger's and the sink's own connections.
func (s *Sink[S]) Close() error {
	_ = s.turn.take(context.Background())
	defer s.turn.give()
	s.look.Drop()
	s.ledger.Close()
	return nil
}

// Columns asks the table which metadata columns it has, or the SQL which it names. A handler gets both.
//
// Where only a transaction shows what a batch writes, an empty one is tried: later the positions of a topic would be recorded,
// and the worker be in the group.
//
// Errors: *sink.Rejected for a column that the table lacks or cannot take, for a target that does not share the
// ledger's fate, and for one that would take a delete as a row, inside a *fencepost.UserError with the remedy; *fencepost.UserError table-not-found,
// sql-ended-transaction and those of the connection.
func (s *Sink[S]) Columns(ctx context.Context, columns []fencepost.ColumnSpec) (needs []string, err error) {
	want := func(string) bool { return true }
	var foreseen error
	switch s.job.Form() {
	case SQL:
		if end := s.dialect.Syntax.FindEnd(s.job.SQL); end != nil {
			return nil, end.Fault()
		}
		if err := s.job.unmentioned(columns); err != nil {
			return nil, err
		}
		want = s.job.Mentions
		foreseen = s.foresee(ctx, columns)
	case Append, Upsert:
		t, err := s.target(ctx, columns)
		if err != nil {
			return nil, err
		}
		want = t.Has
		if t.Open {
			foreseen = s.foresee(ctx, columns)
		}
	case Handle:
	}
	if foreseen != nil {
		return nil, foreseen
	}
	for _, m := range []string{fencepost.MetaKey, fencepost.MetaHeaders} {
		if want(m) {
			needs = append(needs, m)
		}
	}
	return needs, nil
}

// trialTime bounds the trial of a start: user SQL may take its time also where a batch is empty.
const trialTime = 5 * time.Second

// foresee tries an empty batch, and returns an error if it ends its transaction or writes what does not share the ledger's
// fate. Any other error is left to the first commit.
func (s *Sink[S]) foresee(ctx context.Context, columns []fencepost.ColumnSpec) error {
	if err := s.turn.take(ctx); err != nil {
		return err
	}
	defer s.turn.give()
	if _, err := s.look.Open(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	ended, err := s.try(ctx, columns)
	if ended != "" {
		return &fencepost.UserError{Code: "sql-ended-transaction", Exit: 2, Err: errors.New(endsText), Help: endsHelp}
	}
	if fault := new(fencepost.UserError); errors.As(err, &fault) && fault.Code == notTransactional {
		return err
	}
	return nil
}

// target reads the job's table, and refuses one that does not take these columns.
func (s *Sink[S]) target(ctx context.Context, columns []fencepost.ColumnSpec) (*Target, error) {
	if err := s.turn.take(ctx); err != nil {
		return nil, err
	}
	defer s.turn.give()
	if _, err := s.look.Open(ctx); err != nil {
		return nil, err
	}
	t, err := s.dialect.target(ctx, s.look, s.job, columns)
	return t, s.dialect.Blameless(err)
}

// appliedSQL counts the rows that name no record, and then those of each record.
const appliedSQL = `select count(*) from @table where _topic is null or _partition is null or _offset is null;
select @topic, @partition, @offset, count(*), @places from @table
 where _topic is not null and _partition is not null and _offset is not null group by 1, 2, 3 order by 1, 2, 3;
commit`

// Applied counts the rows of each record, by the table's provenance columns, on a connection of its own.
func (s *Sink[S]) Applied(ctx context.Context) iter.Seq2[sink.Applied, error] {
	return Applied(func(yield func(sink.Applied, error) bool) error { return s.applied(ctx, yield) })
}

func (s *Sink[S]) applied(ctx context.Context, yield func(sink.Applied, error) bool) error {
	job := s.job
	if job.Table == "" {
		job.Table = job.Audit
	}
	if job.Table == "" {
		return ErrOwnSQL
	}
	d := s.dialect
	own := d.Another(s.look)
	if _, err := own.Open(ctx); err != nil {
		return err
	}
	defer own.Drop()
	t, err := d.Target.Read(own, ctx, job)
	if err != nil {
		return err
	}
	if err := NamesRecords(job.Table, t.Has); err != nil {
		return err
	}
	p, as, places := Parser{}, d.Target.Provenance(own), "0"
	if t.Has(fencepost.MetaIndex) {
		places = "count(distinct " + fencepost.MetaIndex + ")"
	}
	sql := d.Ledger.Snapshot + Fill(appliedSQL, "@places", places, "@table", t.SQL, "@topic", as[0], "@partition", as[1], "@offset", as[2])
	err = d.Each(own, ctx, sql, func(row [][]byte) (bool, error) {
		a, err := p.applied(row)
		return err == nil && (a.Rows == 0 || yield(a, nil)), err
	})
	return d.Errors.Edge(own, ctx, err)
}
