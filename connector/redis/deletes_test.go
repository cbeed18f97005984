package redis

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// server is what a Redis would hold. :: key -> field or member -> value; the entries of a stream are numbered.
type server map[string]map[string]string

// do runs one command on one field or member.
func (s server) do(op Op, key, name, value string) {
	if s[key] == nil {
		s[key] = map[string]string{}
	}
	switch op {
	case HIncrBy:
		was, _ := strconv.Atoi(s[key][name])
		by, _ := strconv.Atoi(value)
		s[key][name] = strconv.Itoa(was + by)
	case HSet, Set, ZAdd:
		s[key][name] = value
	case SAdd:
		s[key][name] = ""
	case XAdd:
		s[key][strconv.Itoa(len(s[key]))] = value
	case Del:
		clear(s[key])
	case HDel, SRem, ZRem:
		delete(s[key], name)
	case OpUnset, ZIncrBy:
	}
	if len(s[key]) == 0 {
		delete(s, key)
	}
}

// run runs a plan.
func (s server) run(p *plan) {
	for _, g := range p.groups {
		key := p.keys[g.key]
		switch {
		case g.op == Del:
			s.do(Del, key, "", "")
		case g.op == XAdd:
			s.do(XAdd, key, "", g.entry[1])
		}
		for i, name := range g.names {
			switch g.op {
			case HIncrBy:
				s.do(g.op, key, name, strconv.FormatInt(g.ints[i], 10))
			case ZAdd:
				s.do(g.op, key, name, fmt.Sprint(g.floats[i]))
			case HSet, Set:
				s.do(g.op, key, name, g.values[i])
			case SAdd, HDel, SRem, ZRem:
				s.do(g.op, key, name, "")
			case OpUnset, ZIncrBy, XAdd, Del:
			}
		}
	}
}

func (s server) clone() server {
	c := server{}
	for k, v := range s {
		c[k] = maps.Clone(v)
	}
	return c
}

// twinned is an effect with its twin: what it does to a server for a row.
type twinned struct {
	Effect
	do func(s server, top, key, n string)
}

// twins are effects on keys by the column top, and fields or members by the column key.
func twins() (effects, deletes []twinned) {
	make := func(op Op, to string, name, value Value) twinned {
		e := twinned{Effect: Effect{Op: op, Key: Join(Text(to), Column("top")), Name: name, Value: value}}
		e.do = func(s server, top, key, n string) {
			if op == Set {
				key = ""
			}
			s.do(op, to+top, key, n)
		}
		return e
	}
	none, key, n := Value{}, Column("key"), Column("n")
	stream := make(XAdd, "x", none, none)
	stream.Pairs = []Field{{"n", n}}
	return []twinned{make(HSet, "h", key, n), make(HIncrBy, "c", key, n), make(SAdd, "s", none, key), make(ZAdd, "z", key, n), make(Set, "t", none, n), stream},
		[]twinned{make(Del, "h", none, none), make(HDel, "h", key, none), make(HDel, "c", key, none), make(Del, "c", none, none), make(SRem, "s", none, key),
			make(ZRem, "z", key, none), make(Del, "z", none, none), make(Del, "t", none, none), make(Del, "x", none, none), make(HSet, "h", key, n), stream}
}

// What a batch with deletes leaves is what its rows leave one by one.
func TestDeletesGoInTheOrderOfRows(t *testing.T) {
	allEffects, allDeletes := twins()
	rapid.Check(t, func(t *rapid.T) {
		some := func(of []twinned, what string) (list []twinned) {
			for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(of)-1), 1, 4, rapid.ID).Draw(t, what) {
				list = append(list, of[i])
			}
			return list
		}
		effects, deletes := some(allEffects, "effects"), some(allDeletes, "deletes")
		cfg := Config{Addr: "h"}
		for _, e := range effects {
			cfg.Effects = append(cfg.Effects, e.Effect)
		}
		for _, e := range deletes {
			cfg.Deletes = append(cfg.Deletes, e.Effect)
		}
		cfg, err := cfg.validate()
		if err != nil {
			t.Fatal(err)
		}
		was := server{"ha": {"k": "1", "other": "2"}, "ca": {"k": "5"}, "sa": {"k": "", "m": ""}, "za": {"k": "1"}, "ta": {"": "1"}, "xa": {"0": "1"}}
		want := was.clone()
		b := &fencepost.Batch{Columns: []fencepost.Column{{Name: "top", Type: fencepost.Text}, {Name: "key", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}, {Name: fencepost.MetaOp, Type: fencepost.Text}}}
		rows := rapid.IntRange(0, 8).Draw(t, "rows")
		for row := range rows {
			top, key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "top"), rapid.SampledFrom([]string{"k", "m"}).Draw(t, "key")
			op := rapid.SampledFrom([]string{"u", fencepost.OpDelete}).Draw(t, "op")
			b.Columns[0].AppendText(top)
			b.Columns[1].AppendText(key)
			b.Columns[2].AppendInt(int64(row + 10))
			b.Columns[3].AppendText(op)
			b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(row)), append(b.Times, 0)
			list := effects
			if op == fencepost.OpDelete {
				list = deletes
			}
			// of one row, what takes away goes before what writes
			for _, removes := range []bool{true, false} {
				for _, e := range list {
					if e.Op.removes() == removes {
						e.do(want, top, key, strconv.Itoa(row+10))
					}
				}
			}
		}
		b.Segments = []fencepost.Segment{{Hi: rows, TopicPartition: fencepost.TopicPartition{Topic: "t"}}}
		p, err := planned(cfg, "g", b)
		if err != nil {
			t.Fatal(err)
		}
		got := was.clone()
		got.run(p)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("(-rows one by one +the plan)\n%s", d)
		}
		var l list
		l.reset()
		p.append(&l, 4)
	})
}

// A sink that would take a delete as any other row refuses it, with what makes it take deletes.
func TestColumnsOfDeletes(t *testing.T) {
	columns := []fencepost.ColumnSpec{{Name: "key", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
	op := append(columns, fencepost.ColumnSpec{Name: fencepost.MetaOp, Type: fencepost.Text})
	set := Effect{Op: HSet, Key: Text("h"), Name: Column("key"), Value: Column("n")}
	event := Effect{Op: XAdd, Key: Text("x"), Pairs: []Field{{"key", Column("key")}, {"op", Column(fencepost.MetaOp)}}}
	for _, c := range []struct {
		what    string
		config  Config
		columns []fencepost.ColumnSpec
		code    string
	}{
		{"no deletes", Config{Effects: []Effect{set}}, columns, ""},
		{"deletes", Config{Effects: []Effect{set}, Deletes: []Effect{{Op: HDel, Key: Text("h"), Name: Column("key")}}}, op, ""},
		{"deletes as rows", Config{Effects: []Effect{event, set}}, op, "deletes-not-taken"},
		{"each effect knows", Config{Effects: []Effect{event}}, op, ""},
		{"deletes of nothing", Config{Effects: []Effect{set}, Deletes: []Effect{{Op: Del, Key: Text("h")}}}, columns, "unknown-column"},
	} {
		c.config.Addr = "h"
		s, err := Open(c.config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Columns(t.Context(), c.columns)
		code := ""
		if r, ok := errors.AsType[*sink.Rejected](err); ok {
			code = r.Code
			if r.Hint == "" {
				t.Errorf("%s: no remedy", c.what)
			}
		}
		if u, ok := errors.AsType[*fencepost.UserError](err); ok {
			code = u.Code
		}
		if code != c.code || (err != nil) != (c.code != "") {
			t.Errorf("%s: got %v, want %q", c.what, err, c.code)
		}
	}
	if _, err := Open(Config{Addr: "h", Effects: []Effect{{Op: Del, Key: Text("h")}}}); err == nil {
		t.Error("a sink that takes every row's key away was opened")
	}
}
