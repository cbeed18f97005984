package quickstart

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// planted are a few flights and the databases that a run over them should leave, with whatever a test plants in them.
type planted struct {
	dir     string
	flights []flights.Flight
	ends    map[int32]int64
}

// plant writes a good run's database and its control's, which doubled its first row.
func plant(t *testing.T) planted {
	t.Helper()
	p := planted{dir: t.TempDir(), ends: map[int32]int64{}}
	for f := range flights.First200k().All() {
		if p.flights = append(p.flights, f); len(p.flights) == 50 {
			break
		}
	}
	for _, name := range []string{databaseName, controlName} {
		if err := makeTables(filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
		var rows, sums []string
		clear(p.ends)
		for i, f := range p.flights {
			partition := int32(i % 3)
			rows = append(rows, fmt.Sprintf("('', %d, %d, '%s', '%s', 'flights', %d, %d)", f.Delay, f.Distance, f.Origin, f.Destination,
				partition, p.ends[partition]))
			p.ends[partition]++
		}
		for origin, sum := range flights.TruthOf(slices.Values(p.flights)).Origins {
			sums = append(sums, fmt.Sprintf("('%s', %d, %d)", origin, sum.Rows, sum.Delay))
		}
		p.exec(t, name, "INSERT INTO flights VALUES "+strings.Join(rows, ", ")+"; INSERT INTO delays VALUES "+strings.Join(sums, ", "))
	}
	p.exec(t, controlName, "INSERT INTO flights SELECT * FROM flights WHERE _partition = 0 AND _offset = 0")
	return p
}

func (p planted) exec(t *testing.T, name, script string) {
	t.Helper()
	db, err := sqlite.OpenConn(filepath.Join(p.dir, name), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := sqlitex.ExecuteScript(db, script, nil); err != nil {
		t.Fatal(err)
	}
}

// prove reads both databases; the chain and the kills are good ones.
func (p planted) prove(t *testing.T) *proof {
	t.Helper()
	kills := []*kill{{worker: 1, hit: true, stood: map[int32]int64{0: 0}}, {worker: 2, hit: true, stood: map[int32]int64{1: 3}}}
	out := &proof{truth: flights.TruthOf(slices.Values(p.flights)), ends: p.ends, kills: kills, controlKills: kills, needed: 2}
	var err error
	if out.run, err = readCount(t.Context(), filepath.Join(p.dir, databaseName), p.ends); err != nil {
		t.Fatal(err)
	}
	if out.control, err = readCount(t.Context(), filepath.Join(p.dir, controlName), p.ends); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestProofHolds(t *testing.T) {
	p := plant(t).prove(t)
	if why := p.against(); len(why) > 0 {
		t.Errorf("a good run is not proven: %s", why)
	}
	if got, want := p.controlVerdict(), "1 row doubled, by 1 of 2 kills"; got != want {
		t.Errorf("the control's verdict is %q, want %q", got, want)
	}
}

// TestProofFalls plants one fault each. Every one must be reported, and by its own words.
func TestProofFalls(t *testing.T) {
	for name, c := range map[string]struct {
		db, sql string
		want    string
	}{
		"missing":       {databaseName, "DELETE FROM flights WHERE _partition = 1 AND _offset = 4", "1 row missing"},
		"doubled":       {databaseName, "INSERT INTO flights SELECT * FROM flights WHERE _partition = 1 AND _offset = 4", "1 row doubled"},
		"swapped":       {databaseName, "UPDATE flights SET _offset = 5 WHERE _partition = 1 AND _offset = 4", "1 row missing"},
		"partition":     {databaseName, "INSERT INTO flights SELECT date, delay, distance, origin, destination, _topic, 9, 7 FROM flights LIMIT 1", "1 row foreign"},
		"beyond end":    {databaseName, "INSERT INTO flights SELECT date, delay, distance, origin, destination, _topic, 0, 17 FROM flights LIMIT 1", "1 row foreign"},
		"negative":      {databaseName, "INSERT INTO flights SELECT date, delay, distance, origin, destination, _topic, 0, -1 FROM flights LIMIT 1", "1 row foreign"},
		"topic":         {databaseName, "INSERT INTO flights SELECT date, delay, distance, origin, destination, 'x', 0, 0 FROM flights LIMIT 1", "1 row foreign"},
		"other delay":   {databaseName, "UPDATE flights SET delay = delay + 1 WHERE _partition = 0 AND _offset = 0", "the sums differ"},
		"other origin":  {databaseName, "UPDATE flights SET origin = 'ZZZ' WHERE _partition = 0 AND _offset = 0", "differ"},
		"delays":        {databaseName, "UPDATE delays SET minutes = minutes + 1 WHERE origin = (SELECT min(origin) FROM delays)", "delays: "},
		"delays origin": {databaseName, "DELETE FROM delays WHERE origin = (SELECT max(origin) FROM delays)", "delays: "},
		"good control":  {controlName, "DELETE FROM flights WHERE rowid = (SELECT max(rowid) FROM flights)", "neither doubled nor lost"},
	} {
		t.Run(name, func(t *testing.T) {
			p := plant(t)
			p.exec(t, c.db, c.sql)
			why := strings.Join(p.prove(t).against(), "; ")
			if !strings.Contains(why, c.want) {
				t.Errorf("against the proof speaks %q, want it to say %q", why, c.want)
			}
		})
	}
}

func TestProofNeedsKillsThatHit(t *testing.T) {
	missed := []*kill{{worker: 1, hit: true}, {worker: 2}}
	p := plant(t).prove(t)
	p.kills = missed
	if why := strings.Join(p.against(), "; "); why != "only 1 of at least 2 kills hit a worker at work" {
		t.Errorf("against the proof speaks %q", why)
	}
	p = plant(t).prove(t)
	p.controlKills = missed
	if why := strings.Join(p.against(), "; "); why != "only 1 of at least 2 kills hit the control at work" {
		t.Errorf("against the proof speaks %q", why)
	}
}

// told is a ledger whose history a test writes.
type told struct {
	ledger.Ledger
	moves     []ledger.Recorded
	positions map[fencepost.TopicPartition]ledger.Position
}

func (l told) Read(context.Context, fencepost.Group) (ledger.Snapshot, error) {
	return ledger.Snapshot{Positions: l.positions}, nil
}

func (l told) Moves(context.Context, fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		for _, m := range l.moves {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func TestChain(t *testing.T) {
	tp := fencepost.TopicPartition{Topic: topic}
	at := func(o fencepost.Offset, f ledger.Fence) ledger.Position {
		return ledger.Position{Offset: o, Fence: f}
	}
	move := func(c ledger.Cause, from, to ledger.Position) ledger.Recorded {
		r := ledger.Recorded{Move: ledger.Move{TopicPartition: tp, Held: from, Next: to, Cause: c}, At: time.Unix(0, 0)}
		if c == ledger.CauseCommit {
			r.Commits = 1
		}
		return r
	}
	start := move(ledger.CauseStart, ledger.Position{}, at(0, 7))
	commit := func(from, to fencepost.Offset) ledger.Recorded {
		return move(ledger.CauseCommit, at(from, 7), at(to, 7))
	}
	for name, c := range map[string]struct {
		moves []ledger.Recorded
		stand ledger.Position
		want  string // part of what is broken; empty: whole
	}{
		"whole":          {[]ledger.Recorded{start, commit(0, 4), commit(4, 10)}, at(10, 7), ""},
		"hole":           {[]ledger.Recorded{start, commit(0, 4), commit(5, 10)}, at(10, 7), "hole: a commit ends at 4, the next begins at 5"},
		"overlap":        {[]ledger.Recorded{start, commit(0, 4), commit(3, 10)}, at(10, 7), "overlap: a commit ends at 4, the next begins at 3"},
		"short":          {[]ledger.Recorded{start, commit(0, 4)}, at(4, 7), "its moves lead to 4, the end is 10"},
		"late start":     {[]ledger.Recorded{move(ledger.CauseStart, ledger.Position{}, at(1, 7)), commit(1, 10)}, at(10, 7), "a start from 0 to 1"},
		"no start":       {[]ledger.Recorded{commit(0, 10)}, at(10, 7), "another fence"},
		"gap":            {[]ledger.Recorded{start, move(ledger.CauseGap, at(0, 7), at(4, 8)), move(ledger.CauseCommit, at(4, 8), at(10, 8))}, at(10, 8), "a gap from 0 to 4"},
		"other fence":    {[]ledger.Recorded{start, move(ledger.CauseCommit, at(0, 8), at(10, 8))}, at(10, 8), "another fence"},
		"other ledger":   {[]ledger.Recorded{start, commit(0, 10)}, at(9, 7), "holds 9, its moves lead to 10"},
		"nothing at all": {nil, ledger.Position{}, "the end is 10"},
	} {
		t.Run(name, func(t *testing.T) {
			l := told{moves: c.moves, positions: map[fencepost.TopicPartition]ledger.Position{tp: c.stand}}
			got, err := readChain(t.Context(), l, group, map[int32]int64{0: 10})
			if err != nil {
				t.Fatal(err)
			}
			broken := strings.Join(got.broken, "; ")
			if c.want == "" && broken != "" || !strings.Contains(broken, c.want) {
				t.Errorf("the chain is broken by %q, want %q", broken, c.want)
			}
			if c.want == "" && got.commits != 2 {
				t.Errorf("%d commits, want 2", got.commits)
			}
			p := plant(t).prove(t)
			p.chain = got
			if proven := len(p.against()) == 0; proven != (c.want == "") {
				t.Errorf("proven is %v with a chain broken by %q", proven, broken)
			}
		})
	}
}
