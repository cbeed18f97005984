package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/apart"
	"github.com/fencepost/fencepost/mysql"
	"github.com/fencepost/fencepost/postgres"
	"github.com/fencepost/fencepost/redis"
	"github.com/fencepost/fencepost/sqlite"
	"github.com/fencepost/fencepost/zookeeper"
)

// Apart reports whether the file keeps its ledger elsewhere than in the sink.
func (f *File) Apart() bool { return f.Ledger.Kind != "" }

// ledgerRules are about a ledger apart from the sink.
func (r *reader) ledgerRules(f *File) {
	all := r.stores("ledger")
	if len(all) == 0 {
		return
	}
	r.one("ledger", all)
	for _, s := range all {
		r.storeRules(s)
	}
	if f.Ledger.same(f.sinkStore()) {
		r.find("bad-value", r.places["ledger"], "take ledger: out: the sink keeps it in the same transaction, exactly once",
			"ledger: that is where the sink is")
	}
}

// standing is a ledger apart that is open.
type standing struct {
	ledger interface {
		fencepost.Ledger
		fencepost.History
	}
	close func() error
}

// openLedger opens the ledger that a file keeps apart. It connects to nothing yet.
func (f *File) openLedger() (standing, error) {
	l := f.Ledger
	noError := func(closed func()) func() error { return func() error { closed(); return nil } }
	switch l.Kind {
	case "postgres":
		dsn, err := l.DSN.Reveal()
		if err != nil {
			return standing{}, err
		}
		room, err := postgres.OpenLedger(dsn, f.KeepCommits)
		if err != nil {
			return standing{}, err
		}
		return standing{room, noError(room.Close)}, nil
	case "mysql":
		dsn, err := l.DSN.Reveal()
		if err != nil {
			return standing{}, err
		}
		room, err := mysql.OpenLedger(dsn, f.KeepCommits)
		if err != nil {
			return standing{}, err
		}
		return standing{room, noError(room.Close)}, nil
	case "sqlite":
		room, err := sqlite.OpenLedger(l.Path, f.KeepCommits)
		if err != nil {
			return standing{}, err
		}
		return standing{room, room.Close}, nil
	case "redis":
		c := l.Redis.config(f.KeepCommits)
		if err := f.secureRedis(l.at, l.Redis, &c); err != nil {
			return standing{}, err
		}
		room, err := redis.OpenLedger(c)
		if err != nil {
			return standing{}, err
		}
		return standing{room, room.Close}, nil
	case "zookeeper":
		c, err := l.ZooKeeper.config(f.KeepCommits)
		if err != nil {
			return standing{}, err
		}
		room, err := zookeeper.OpenLedger(c)
		if err != nil {
			return standing{}, err
		}
		return standing{room, room.Close}, nil
	}
	panic("pipeline: no room for ledger " + l.Kind)
}

// openApart puts a sink and the ledger that the file keeps apart together.
func (f *File) openApart(sink fencepost.Sink) (fencepost.Sink, error) {
	l, err := f.openLedger()
	if err != nil {
		return nil, errors.Join(f.faultAt(f.Ledger.at, f.Ledger.pointed(err)), sink.Close())
	}
	return &parted{Sink: apart.Sink(placed{l.ledger, f.Ledger}, sink), effects: sink, close: l.close}, nil
}

// parted closes the ledger too.
type parted struct {
	fencepost.Sink
	effects fencepost.Sink // the one inside
	close   func() error
}

// Close closes sink and ledger.
func (p *parted) Close() error { return errors.Join(p.Sink.Close(), p.close()) }

// Check is what both find.
func (p *parted) Check(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	return p.Sink.(fencepost.Checker).Check(ctx, columns)
}

// Trial is the sink's own, where it has one.
func (p *parted) Trial(ctx context.Context, g fencepost.Group, columns []fencepost.ColumnSpec) []fencepost.Finding {
	if t, ok := p.effects.(trier); ok {
		return t.Trial(ctx, g, columns)
	}
	return nil
}

// Applied is the sink's provenance.
func (p *parted) Applied(ctx context.Context) iter.Seq2[fencepost.Applied, error] {
	return p.Sink.(fencepost.Provenance).Applied(ctx)
}

// placed is a ledger whose errors say where the file has it: "mend the dsn" may mean the sink's too.
type placed struct {
	room interface {
		fencepost.Ledger
		fencepost.History
	}
	store Store
}

// pointed says in a remedy which of the file's stores it is about. What err wraps stays in it.
func (s Store) pointed(err error) error {
	f, ok := errors.AsType[*fencepost.Fault](err)
	if !ok {
		return err
	}
	out := *f
	out.Err, out.Help = err, strings.TrimPrefix(f.Help+"; see "+s.at, "; ")
	return &out
}

// Read reads.
func (p placed) Read(ctx context.Context, g fencepost.Group) (fencepost.Snapshot, error) {
	snap, err := p.room.Read(ctx, g)
	return snap, p.store.pointed(err)
}

// Move moves.
func (p placed) Move(ctx context.Context, w fencepost.Writer, moves []fencepost.Move) error {
	return p.store.pointed(p.room.Move(ctx, w, moves))
}

// Moves is the history.
func (p placed) Moves(ctx context.Context, g fencepost.Group) iter.Seq2[fencepost.Recorded, error] {
	return p.room.Moves(ctx, g)
}

// LastMoves is the room's, or found in its whole history.
func (p placed) LastMoves(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]fencepost.LastMoves, error) {
	if r, ok := p.room.(fencepost.Recent); ok {
		last, err := r.LastMoves(ctx, g)
		return last, p.store.pointed(err)
	}
	return fencepost.LastMovesOf(p.room.Moves(ctx, g))
}

// Exists looks for the ledger without making it, where the room can.
func (p placed) Exists(ctx context.Context, g fencepost.Group) (bool, error) {
	if f, ok := p.room.(fencepost.Finder); ok {
		found, err := f.Exists(ctx, g)
		return found, p.store.pointed(err)
	}
	return true, nil
}

// Check is what the room finds of its ledger, under the file's keys.
func (p placed) Check(ctx context.Context, columns []fencepost.ColumnSpec) (found []fencepost.Finding) {
	c, ok := p.room.(fencepost.Checker)
	if !ok {
		return nil
	}
	for _, f := range c.Check(ctx, columns) {
		if f.OK {
			f.Text += ", in " + p.store.where()
		} else {
			f.Key = p.store.at
		}
		found = append(found, f)
	}
	return found
}

// ledgerDDL is the SQL of a ledger that is kept apart.
func (f *File) ledgerDDL() (string, error) {
	dsn, err := f.Ledger.DSN.Reveal()
	switch f.Ledger.Kind {
	case "postgres":
		return postgres.DDL(postgres.Config{DSN: dsn}, nil), err
	case "mysql":
		return mysql.DDL(mysql.Config{DSN: dsn}, nil), err
	case "sqlite":
		return sqlite.DDL(sqlite.Config{Path: f.Ledger.Path}, nil), nil
	case "redis":
		return "-- The ledger is in Redis, which needs no tables. A user of the least rights, for the server's owner to make in redis-cli:\n-- " +
			redis.ACL(f.Ledger.Redis.config(f.KeepCommits), f.Group, cmp.Or(f.Ledger.Redis.User, "fencepost"), "PASSWORD", nil) + "\n", nil
	}
	return "-- The ledger is in " + f.Ledger.where() + ", which needs no tables.\n", nil
}

// ledgerStore is where the ledger is, apart or with the sink.
func (f *File) ledgerStore() Store {
	if f.Apart() {
		return f.Ledger
	}
	return f.sinkStore()
}

// sinkStore is where the sink is.
func (f *File) sinkStore() Store {
	return Store{Kind: f.Sink.Kind, at: "sink." + f.Sink.Kind, DSN: f.Sink.DSN, Path: f.Sink.Path, Redis: f.Sink.redis().RedisServer}
}

// ledgerFile tells of a SQLite file that is not there: to look must not make it.
func (f *File) ledgerFile() error {
	l := f.ledgerStore()
	if l.Kind != "sqlite" {
		return nil
	}
	if _, err := os.Stat(l.Path); errors.Is(err, fs.ErrNotExist) {
		return f.Pointed(&fencepost.Fault{Code: "ledger-missing", Err: fmt.Errorf("%s does not exist: the pipeline has not run yet", l.Path),
			Help: "fencepost run FILE; or mend " + l.at + ".path"})
	}
	return nil
}

// address is a dsn without its password, or the technology's name where it can not be read.
func address(kind string, dsn Secret) string {
	text, err := dsn.Reveal()
	if err != nil {
		return kind
	}
	named := postgres.Address
	if kind == "mysql" {
		named = mysql.Address
	}
	where, err := named(text)
	if err != nil {
		return kind
	}
	return where
}

// apartBecause says why a pipeline whose ledger is apart promises less, and what would make it exact.
func (f *File) apartBecause() []string {
	again := "its rows stand twice"
	switch {
	case f.Sink.SQL != "":
		again = "your SQL runs over it twice"
	case len(f.Sink.Key) > 0:
		again = "its rows are written again, by their key"
	case f.Sink.Table == "":
		again = "its commands run over it twice"
	}
	return []string{fmt.Sprintf("effects (%s) and positions (%s) are two stores, and two commits: first the effects, then the positions.", f.Sink.Kind, f.Ledger.Kind),
		fmt.Sprintf("When a worker is killed or replaced between the two, its batch is applied again, and %s. Nothing is lost.", again),
		"What would make it exactly once: take ledger: out, and the sink keeps the positions in the transaction of the effects."}
}
