package redis

import (
	"slices"

	"github.com/fencepost/fencepost"
)

// addOrdered adds the commands of a batch with deletes. What rows take away goes first, and of the other commands only those of later rows
// follow: the script then leaves what the rows would leave one by one.
//
//	row 1  HSET flights:7 origin HAM    taken away by row 2: left out
//	row 2  DEL flights:7                goes first
//	row 3  HSET flights:7 origin JFK    goes behind it
func (p *plan) addOrdered(cfg Config, s scope) error {
	var removals, others, effects []bound
	for i, e := range cfg.effects() {
		b, err := e.bind(s)
		switch {
		case err != nil:
			return err
		case e.Op.removes():
			removals = append(removals, b)
		case i < len(cfg.Effects):
			effects = append(effects, b)
		default:
			others = append(others, b)
		}
	}
	if err := p.takeAll(s.batch, removals, nil); err != nil {
		return err
	}
	if err := p.takeAll(s.batch, others, effects); err != nil {
		return err
	}
	p.groups = slices.DeleteFunc(p.groups, func(g *group) bool { return g.op != Del && g.size() == 0 })
	return nil
}

// takeAll adds the commands of each row, in the order of the rows: deletes of those that are deletes, effects of the others.
func (p *plan) takeAll(b *fencepost.Batch, deletes, effects []bound) error {
	p.at = 0
	ops := b.Column(fencepost.MetaOp)
	for row, tp := range b.All() {
		list := effects
		if ops.Text(row) == fencepost.OpDelete {
			list = deletes
		}
		for i := range list {
			if err := p.take(&list[i], b, row, tp); err != nil {
				return err
			}
		}
		p.at++
	}
	return nil
}

// remove notes that a row takes away what is at a place.
func (g *group) remove(place, row int) {
	if place == len(g.ints) {
		g.ints = append(g.ints, 0)
	}
	g.ints[place] = int64(row)
}

// overtaken reports whether a row behind the one at hand takes away what a group gets: its key, or the field or member of that name.
func (p *plan) overtaken(t target, name []byte) bool {
	if t.op.removes() {
		return false
	}
	if g := p.lookup[target{Del, t.key}]; g != nil && int64(p.at) < g.ints[0] {
		return true
	}
	g := p.lookup[target{t.op.remover(), t.key}]
	if g == nil {
		return false
	}
	i, ok := g.places[string(name)]
	return ok && int64(p.at) < g.ints[i]
}
