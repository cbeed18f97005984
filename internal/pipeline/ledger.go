package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Apart reports whether the file keeps its ledger elsewhere than in the sink.
func (f *File) Apart() bool { return f.Ledger.Is != nil }

// ledgerRules are about a ledger apart from the sink.
func ledgerRules(r *keys.Reader, f *File) {
	all := kinds.Ledgers.Read(r)
	if len(all) == 0 {
		return
	}
	if len(all) > 1 {
		ambiguous(r, "ledger", "keep one", paths(all[:2]))
	}
	for _, l := range all {
		l.Is.Rules(r, f.around())
	}
	if f.Ledger.Is.Same(f.sinkStore()) {
		r.Find("bad-value", r.KeyAt("ledger"), "take ledger: out: the sink keeps it in the same transaction, exactly once",
			"ledger: that is where the sink is")
	}
}

// openApart puts a sink and the ledger that the file keeps apart together.
func (f *File) openApart(effects sink.Sink) (sink.Sink, error) {
	l, err := f.Ledger.Is.Open(f.around())
	if err != nil {
		return nil, errors.Join(f.faultAt(f.Ledger.At, pointedTo(f.Ledger.At, err)), effects.Close())
	}
	return &parted{Sink: kinds.Apart(placed{l.Ledger, f.Ledger}, effects), close: l.Close}, nil
}

// parted closes the ledger too.
type parted struct {
	sink.Sink
	close func() error
}

// Close closes sink and ledger.
func (p *parted) Close() error { return errors.Join(p.Sink.Close(), p.close()) }

// Unwrap is the sink inside.
func (p *parted) Unwrap() sink.Sink { return p.Sink }

// placed is a ledger whose errors say where the file has it: "mend the dsn" may mean the sink's too.
type placed struct {
	ledger interface {
		ledger.Ledger
		ledger.History
	}
	store kinds.Named[kinds.Ledger]
}

// pointedTo says in a remedy which key of the file it is about. What err wraps stays in it.
func pointedTo(at string, err error) error {
	f, ok := errors.AsType[*fencepost.UserError](err)
	if !ok {
		return err
	}
	out := *f
	out.Err, out.Help = err, strings.TrimPrefix(codes.Remedy(f)+"; see "+at, "; ")
	return &out
}

// Unwrap is the connector's ledger.
func (p placed) Unwrap() ledger.Ledger { return p.ledger }

// Read reads.
func (p placed) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	snap, err := p.ledger.Read(ctx, g)
	return snap, pointedTo(p.store.At, err)
}

// Move moves.
func (p placed) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	return pointedTo(p.store.At, p.ledger.Move(ctx, w, moves))
}

// Moves is the history.
func (p placed) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return p.ledger.Moves(ctx, g)
}

// LastMoves is the connector's, or found in its whole history.
func (p placed) LastMoves(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]ledger.LastMoves, error) {
	if r, ok := ledger.As[ledger.Recent](p.ledger); ok {
		last, err := r.LastMoves(ctx, g)
		return last, pointedTo(p.store.At, err)
	}
	return ledger.LastMovesOf(p.ledger.Moves(ctx, g))
}

// Exists looks for the ledger without making it, where the connector can.
func (p placed) Exists(ctx context.Context, g fencepost.Group) (bool, error) {
	if f, ok := ledger.As[ledger.Finder](p.ledger); ok {
		found, err := f.Exists(ctx, g)
		return found, pointedTo(p.store.At, err)
	}
	return true, nil
}

// Check is what the connector finds of its ledger, under the file's keys.
func (p placed) Check(ctx context.Context, columns []fencepost.ColumnSpec) (found []fencepost.Finding) {
	c, ok := ledger.As[fencepost.Checker](p.ledger)
	if !ok {
		return nil
	}
	for _, f := range c.Check(ctx, columns) {
		if f.OK {
			f.Text += ", in " + p.store.Is.Where()
		} else {
			f.Key = p.store.At
		}
		found = append(found, f)
	}
	return found
}

// ledgerStore is where the ledger is, apart or with the sink; nil where the file does not say.
func (f *File) ledgerStore() kinds.Store {
	if f.Apart() {
		return f.Ledger.Is
	}
	return f.sinkStore()
}

// sinkStore is where the sink is; nil where the file does not say.
func (f *File) sinkStore() kinds.Store {
	if f.Sink.Is == nil {
		return nil
	}
	return f.Sink.Is.Store()
}

// apartBecause says why a pipeline whose ledger is apart promises less, and what would make it exact.
func (f *File) apartBecause() []string {
	return []string{fmt.Sprintf("effects (%s) and positions (%s) are two stores, and two commits: first the effects, then the positions.", f.Sink.Kind, f.Ledger.Kind),
		fmt.Sprintf("When a worker is killed or replaced between the two, its batch is applied again, and %s. Nothing is lost.", f.About().Again),
		"What would make it exactly once: take ledger: out, and the sink keeps the positions in the transaction of the effects."}
}

// LedgerURL names where the ledger is, without a password.
func (f *File) LedgerURL() string {
	return f.ledgerStore().Where()
}

// Missing says that the ledger cannot be there, since its file is not: to look must not make one.
//
// Errors: *fencepost.UserError ledger-missing.
func (f *File) Missing() error {
	if a, ok := f.ledgerStore().(kinds.Absentee); ok {
		return f.Pointed(a.Missing())
	}
	return nil
}
