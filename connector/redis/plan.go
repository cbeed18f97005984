package redis

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// plan is a batch's effects as commands, one group of them for each operation and key, in the order in which the
// effects and then the keys were first met.
type plan struct {
	keys   []string
	places map[string]int // :: key -> its place in keys
	groups []*group
	lookup map[target]*group
	count  int // commands, each field or member counted
	at     int // of the row at hand, among the batch's rows
}

// target is what a group writes to.
type target struct {
	op  Op
	key int
}

// group is the commands of one operation on one key.
type group struct {
	target
	names  []string       // fields or members, in the order in which they were met
	places map[string]int // :: name -> its place in names
	values []string       // :: place -> value, of HSet, Set, ZAdd
	ints   []int64        // :: place -> sum, of HIncrBy; the last row that takes it away, of HDel and the like
	floats []float64      // :: place -> sum, of ZIncrBy
	entry  []string       // of XAdd: one entry's fields and values; each entry is a group of its own
}

// planned makes the plan of a batch; g is the group whose ledger is written with it.
//
// Errors: *sink.Rejected.
func planned(cfg Config, g fencepost.Group, b *fencepost.Batch) (*plan, error) {
	p := &plan{places: map[string]int{}, lookup: map[target]*group{}}
	s := scope{group: cmp.Or(cfg.Group, g), batch: b}
	if len(cfg.Deletes) > 0 && sink.AnyDelete(b) {
		if err := p.addOrdered(cfg, s); err != nil {
			return nil, err
		}
	} else {
		for _, e := range cfg.Effects {
			if err := p.add(e, s); err != nil {
				return nil, err
			}
		}
	}
	if err := p.consistent(keysOf(cfg.Key, g), identityKey(cfg.Key)); err != nil {
		return nil, err
	}
	if p.count > cfg.MaxCommands {
		return nil, &sink.Rejected{Code: "too-many-commands",
			Reason: fmt.Sprintf("the batch's %d rows make %d commands, and one script takes %d", b.Rows(), p.count, cfg.MaxCommands),
			Hint:   "smaller batches, or a larger MaxCommands: other clients of the server wait while a script runs"}
	}
	return p, nil
}

// bound is an effect whose values are bound to a batch.
type bound struct {
	Effect
	key, name, value, where appender
	pairs                   []appender
	// The usual increment, of an integer column under a text column, reads both where they are. nil: another one.
	names, ints *fencepost.Column
	group       *group // of the last row: most effects write to one key
	last        string // its key
	buf         []byte
}

// bind binds an effect's values.
func (e Effect) bind(s scope) (b bound, err error) {
	b.Effect = e
	for _, v := range []struct {
		from Value
		to   *appender
	}{{e.Key, &b.key}, {e.Name, &b.name}, {e.Value, &b.value}, {e.If, &b.where}} {
		if v.from.bind == nil {
			continue
		}
		if *v.to, err = v.from.bind(s); err != nil {
			return b, err
		}
	}
	for _, p := range e.Pairs {
		a, err := p.Value.bind(s)
		if err != nil {
			return b, err
		}
		b.pairs = append(b.pairs, a)
	}
	if e.Op == HIncrBy && e.Name.column != "" && e.Value.column != "" {
		names, ints := s.batch.Column(e.Name.column), s.batch.Column(e.Value.column)
		if names != nil && ints != nil && names.Type == fencepost.Text && ints.Type == fencepost.Int {
			b.names, b.ints = names, ints
		}
	}
	return b, nil
}

// add adds an effect's commands, row by row.
func (p *plan) add(e Effect, s scope) error {
	bound, err := e.bind(s)
	if err != nil {
		return err
	}
	for row, tp := range s.batch.All() {
		if err := p.take(&bound, s.batch, row, tp); err != nil {
			return err
		}
	}
	return nil
}

// take adds an effect's command for one row.
func (p *plan) take(e *bound, b *fencepost.Batch, row int, tp fencepost.TopicPartition) (err error) {
	if e.Where != nil && !e.Where(b, row) {
		return nil
	}
	if e.where != nil {
		if e.buf, err = e.where(e.buf[:0], row, tp); err != nil && !errors.Is(err, errNull) {
			return rejected(e.Effect, "condition", row, tp, b, err)
		}
		if string(e.buf) != "1" {
			return nil
		}
	}
	if e.group == nil || !e.Key.same {
		if e.buf, err = e.key(e.buf[:0], row, tp); err != nil {
			return rejected(e.Effect, "key", row, tp, b, err)
		}
		if e.group == nil || string(e.buf) != e.last {
			e.last = string(e.buf)
			e.group = p.group(e.Op, e.last)
		}
	}
	if what, err := p.row(e, e.group, &e.buf, row, tp); err != nil {
		return rejected(e.Effect, what, row, tp, b, err)
	}
	return nil
}

// group is the group of an operation and key.
func (p *plan) group(op Op, key string) *group {
	place, ok := p.places[key]
	if !ok {
		place = len(p.keys)
		p.places[key], p.keys = place, append(p.keys, key)
	}
	t := target{op, place}
	g := p.lookup[t]
	if g == nil {
		g = &group{target: t, places: map[string]int{}}
		p.lookup[t] = g
		if op != XAdd {
			p.groups = append(p.groups, g)
		}
	}
	return g
}

// row adds one row to a group; what names the part of it that an error is about.
func (p *plan) row(e *bound, g *group, buf *[]byte, row int, tp fencepost.TopicPartition) (what string, err error) {
	if e.Op == XAdd {
		return p.entry(e, g, buf, row, tp)
	}
	if e.names != nil && !e.names.Null(row) && !e.ints.Null(row) {
		if p.overtaken(g.target, e.names.Bytes(row)) {
			return "", nil
		}
		return "value", g.increment(g.place(p, e.names.Bytes(row)), e.ints.Int(row))
	}
	*buf = (*buf)[:0]
	if e.Op != Set && e.Op != Del {
		part := e.name
		if e.Op == SAdd || e.Op == SRem {
			part = e.value
		}
		if *buf, err = part(*buf, row, tp); err != nil {
			return "name", err
		}
	}
	if p.overtaken(g.target, *buf) {
		return "", nil
	}
	place := g.place(p, *buf)
	switch {
	case e.Op.removes():
		g.remove(place, p.at)
		return "", nil
	case e.Op == SAdd:
		return "", nil
	}
	if *buf, err = e.value((*buf)[:0], row, tp); err != nil {
		return "value", err
	}
	return "value", g.put(place, *buf)
}

// place is a name's place in the group, a new one where it is new.
func (g *group) place(p *plan, name []byte) int {
	if i, ok := g.places[string(name)]; ok {
		return i
	}
	i := len(g.names)
	g.names = append(g.names, string(name))
	g.places[g.names[i]] = i
	p.count++
	return i
}

var errOverflow = errors.New("the batch's sum does not fit into 64 bits")

// put sets or adds a value at a place.
func (g *group) put(place int, value []byte) error {
	switch g.op {
	case HIncrBy:
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is no 64-bit integer", value)
		}
		return g.increment(place, n)
	case ZIncrBy, ZAdd:
		f, err := strconv.ParseFloat(string(value), 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%q is no finite number", value)
		}
		if place == len(g.floats) {
			g.floats = append(g.floats, f)
			return nil
		}
		if g.op == ZIncrBy {
			f += g.floats[place]
		}
		if math.IsInf(f, 0) {
			return errors.New("the batch's sum is infinite")
		}
		g.floats[place] = f
	case HSet, Set:
		if place == len(g.values) {
			g.values = append(g.values, "")
		}
		g.values[place] = string(value)
	case OpUnset, SAdd, XAdd, Del, HDel, SRem, ZRem:
	}
	return nil
}

// increment adds to the sum at a place.
func (g *group) increment(place int, n int64) error {
	if place == len(g.ints) {
		g.ints = append(g.ints, n)
		return nil
	}
	sum := g.ints[place] + n
	if (sum > g.ints[place]) != (n > 0) && n != 0 {
		return errOverflow
	}
	g.ints[place] = sum
	return nil
}

// entry adds a stream's entry.
func (p *plan) entry(e *bound, g *group, buf *[]byte, row int, tp fencepost.TopicPartition) (what string, err error) {
	if p.overtaken(g.target, nil) {
		return "", nil
	}
	n := &group{target: g.target}
	for i, a := range e.pairs {
		*buf, err = a((*buf)[:0], row, tp)
		if errors.Is(err, errNull) {
			continue
		}
		if err != nil {
			return "field " + e.Pairs[i].Name, err
		}
		n.entry = append(n.entry, e.Pairs[i].Name, string(*buf))
	}
	if len(n.entry) == 0 {
		return "every field", errNull
	}
	p.groups = append(p.groups, n)
	p.count++
	return "", nil
}

// consistent refuses what the script could not write in one order that means anything: a key of two types, a field that
// is both set and added to, and the ledger's own keys.
func (p *plan) consistent(k keys, identity string) error {
	for _, own := range []string{k.positions, k.head, k.moves, k.letters, identity} {
		if _, ok := p.places[own]; ok {
			return &sink.Rejected{Code: "ledger-key", Reason: "the mapping writes to the ledger's own key " + own}
		}
	}
	kinds := make([]string, len(p.keys))
	for _, g := range p.groups {
		if g.op.kind() == "" {
			continue
		}
		if kind := kinds[g.key]; kind != "" && kind != g.op.kind() {
			return &sink.Rejected{Code: "WRONGTYPE", Reason: fmt.Sprintf("the mapping makes key %s a %s and a %s", p.keys[g.key], kind, g.op.kind())}
		}
		kinds[g.key] = g.op.kind()
	}
	for _, pair := range [][2]Op{{HIncrBy, HSet}, {ZIncrBy, ZAdd}} {
		for t, added := range p.lookup {
			set := p.lookup[target{pair[1], t.key}]
			if t.op != pair[0] || set == nil {
				continue
			}
			if i := slices.IndexFunc(added.names, func(n string) bool { _, ok := set.places[n]; return ok }); i >= 0 {
				return &sink.Rejected{Code: "two-effects", Reason: fmt.Sprintf("the mapping both %ss and %ss %s of key %s",
					pair[0], pair[1], added.names[i], p.keys[t.key])}
			}
		}
	}
	return nil
}

// append adds the script's arguments: operation, key, how many, the arguments. first is the place of keys[0] among the
// script's own.
func (p *plan) append(l *list, first int) {
	if p == nil {
		return
	}
	for _, g := range p.groups {
		l.text(g.op.String())
		l.number(int64(g.key + first))
		l.number(int64(g.size()))
		switch g.op {
		case HIncrBy:
			for _, n := range g.names {
				l.text(n)
			}
			for _, n := range g.ints {
				l.number(n)
			}
		case HSet:
			for i, n := range g.names {
				l.text(n)
				l.text(g.values[i])
			}
		case Set:
			l.text(g.values[0])
		case SAdd, HDel, SRem, ZRem:
			for _, n := range g.names {
				l.text(n)
			}
		case ZAdd, ZIncrBy:
			for i, n := range g.names {
				l.text(strconv.FormatFloat(g.floats[i], 'g', -1, 64))
				l.text(n)
			}
		case XAdd:
			for _, s := range g.entry {
				l.text(s)
			}
		case OpUnset, Del:
		}
	}
}

// size is how many arguments a group has.
func (g *group) size() int {
	switch g.op {
	case HIncrBy, HSet, ZAdd, ZIncrBy:
		return 2 * len(g.names)
	case Set:
		return len(g.values)
	case SAdd, HDel, SRem, ZRem:
		return len(g.names)
	case XAdd:
		return len(g.entry)
	case OpUnset, Del:
	}
	return 0
}
