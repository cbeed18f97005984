package quickstart

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/text"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// count is what a database holds.
type count struct {
	truth  flights.Truth // of its rows
	rows   provenance
	delays map[string]flights.Total // of the table delays, which has no distances
}

// provenance is how often each record has a row.
type provenance struct {
	seen    map[int32][]uint8 // :: partition -> offset -> rows, at most 255
	missing int64             // records without a row
	doubled int64             // rows beyond the first of their record
	foreign int64             // rows of no record
}

// readCount reads a database that no worker writes any more. ends are the offsets that the topic has.
func readCount(ctx context.Context, path string, ends map[int32]int64) (count, error) {
	c := count{truth: flights.Truth{Origins: map[string]flights.Total{}}, delays: map[string]flights.Total{}}
	c.rows.seen = map[int32][]uint8{}
	for p, end := range ends {
		c.rows.seen[p] = make([]uint8, end)
	}
	db, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return c, fmt.Errorf("count %s: %w", path, err)
	}
	defer db.Close()
	db.SetInterrupt(ctx.Done())
	err = sqlitex.ExecuteTransient(db, "SELECT delay, distance, origin, _topic, _partition, _offset FROM flights",
		&sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
			c.row(st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnText(2))
			c.rows.row(st.ColumnText(3), st.ColumnInt64(4), st.ColumnInt64(5))
			return nil
		}})
	if err != nil {
		return c, fmt.Errorf("count %s: %w", path, err)
	}
	err = sqlitex.ExecuteTransient(db, "SELECT origin, flights, minutes FROM delays",
		&sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
			c.delays[st.ColumnText(0)] = flights.Total{Rows: st.ColumnInt64(1), Delay: st.ColumnInt64(2)}
			return nil
		}})
	if err != nil {
		return c, fmt.Errorf("count %s: %w", path, err)
	}
	c.rows.missing = c.rows.unseen()
	return c, nil
}

func (c *count) row(delay, distance int64, origin string) {
	f := flights.Flight{Delay: delay, Distance: distance, Origin: origin}
	c.truth.Total = c.truth.Total.Add(f)
	c.truth.Origins[origin] = c.truth.Origins[origin].Add(f)
}

func (p *provenance) row(name string, partition, offset int64) {
	seen, known := p.seen[int32(partition)]
	switch {
	case name != topic || !known || int64(int32(partition)) != partition || offset < 0 || offset >= int64(len(seen)):
		p.foreign++
	case seen[offset] > 0:
		p.doubled++
		if seen[offset] < 255 {
			seen[offset]++
		}
	default:
		seen[offset] = 1
	}
}

func (p *provenance) unseen() (n int64) {
	for _, seen := range p.seen {
		for _, times := range seen {
			if times == 0 {
				n++
			}
		}
	}
	return n
}

// findings says what is wrong with the rows of a database, beside the truth; nothing, if they are equal.
func (c *count) findings(truth flights.Truth) (found []string) {
	say := func(n int64, what string) {
		if n > 0 {
			found = append(found, text.Plural(n, "row")+" "+what)
		}
	}
	say(c.rows.missing, "missing")
	say(c.rows.doubled, "doubled")
	say(c.rows.foreign, "foreign")
	if len(found) > 0 {
		return found
	}
	if c.truth.Total != truth.Total {
		return []string{"the sums differ"}
	}
	if origin, ok := differ(c.truth.Origins, truth.Origins); ok {
		return []string{"the sums of " + origin + " differ"}
	}
	return nil
}

// delaysFinding says what is wrong with the table delays; empty, if it is equal to the truth.
func (c *count) delaysFinding(truth flights.Truth) string {
	want := map[string]flights.Total{}
	for origin, t := range truth.Origins {
		want[origin] = flights.Total{Rows: t.Rows, Delay: t.Delay}
	}
	if origin, ok := differ(c.delays, want); ok {
		got := c.delays[origin]
		return fmt.Sprintf("%s has %s flights and %s minutes, not %s and %s", origin, text.Count(got.Rows), text.Count(got.Delay),
			text.Count(want[origin].Rows), text.Count(want[origin].Delay))
	}
	return ""
}

// differ returns the first origin that is not the same in both.
func differ(a, b map[string]flights.Total) (origin string, ok bool) {
	all := slices.Sorted(maps.Keys(a))
	all = append(all, slices.Sorted(maps.Keys(b))...)
	for _, origin := range all {
		x, inA := a[origin]
		y, inB := b[origin]
		if inA != inB || x != y {
			return origin, true
		}
	}
	return "", false
}

// sumDelays sums the table delays up.
func (c *count) sumDelays() (t flights.Total) {
	for _, d := range c.delays {
		t.Rows += d.Rows
		t.Delay += d.Delay
	}
	return t
}

// guilty counts the kills behind which rows were doubled: the heir began again where the victim's last known commit
// ended, so the record there has two rows.
func (c *count) guilty(kills []*kill) (n int) {
	for _, k := range kills {
		for p, at := range k.stood {
			if seen := c.rows.seen[p]; at < int64(len(seen)) && seen[at] > 1 {
				n++
				break
			}
		}
	}
	return n
}

// proof is all that a quickstart compares.
type proof struct {
	truth        flights.Truth
	ends         map[int32]int64
	run, control count
	chain        chain
	kills        []*kill
	controlKills []*kill
	needed       int // kills that must hit, in the run and in its control
}

// against lists the findings against the proof; empty: PROVEN.
func (p *proof) against() (why []string) {
	why = append(why, p.run.findings(p.truth)...)
	if d := p.run.delaysFinding(p.truth); d != "" {
		why = append(why, "delays: "+d)
	}
	if len(p.chain.broken) > 0 {
		why = append(why, "the chain is broken")
	}
	if n := hits(p.kills); n < p.needed {
		why = append(why, fmt.Sprintf("only %d of at least %d kills hit a worker at work", n, p.needed))
	}
	if n := hits(p.controlKills); n < p.needed {
		why = append(why, fmt.Sprintf("only %d of at least %d kills hit the control at work", n, p.needed))
	}
	if p.control.rows.doubled+p.control.rows.missing == 0 {
		why = append(why, "the control neither doubled nor lost a row, so the kills show nothing")
	}
	return why
}

func hits(kills []*kill) (n int) {
	for _, k := range kills {
		if k.hit {
			n++
		}
	}
	return n
}

// verdict is the words behind the run's row of the table.
func (p *proof) verdict() string {
	if found := p.run.findings(p.truth); len(found) > 0 {
		return strings.Join(found, ", ")
	}
	return "equal"
}

// controlVerdict is the words behind the control's row.
func (p *proof) controlVerdict() string {
	found := p.control.findings(p.truth)
	if len(found) == 0 {
		return "equal"
	}
	return fmt.Sprintf("%s, by %d of %d kills", strings.Join(found, ", "), p.control.guilty(p.controlKills), len(p.controlKills))
}
