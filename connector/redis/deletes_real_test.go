//go:build realservers

package redis

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/sink"
)

// changes is a batch of counts in which the rows of these keys delete.
func (w *worker) changes(deletes string, pairs ...any) sink.Commit {
	c := w.counts(pairs...)
	op := fencepost.Column{Name: fencepost.MetaOp, Type: fencepost.Text}
	for row := range c.Offsets {
		if c.Columns[0].Text(row) == deletes {
			op.AppendText(fencepost.OpDelete)
		} else {
			op.AppendText("u")
		}
	}
	c.Columns = append(c.Columns, op)
	return c
}

// A batch that takes away and adds does not go over full memory; one that only takes away makes room.
func TestFullMemoryOfDeletes(t *testing.T) {
	s := storeOn(t, servers.OwnRedis(t).RedisServer)
	s.cfg.Deletes = []Effect{{Op: HDel, Key: Text(s.out), Name: Column("key")}}
	w := s.worker(t, Effect{Op: HSet, Key: Text(s.out), Name: Column("key"), Value: Column("n")}).start(1)
	w.must(w.changes("", "ATL", 1, "ORD", 2))
	c := s.beside(t)
	s.must(t, c.ConfigSet(t.Context(), "maxmemory", "1"))
	wantFault(t, "commit into full memory", w.commit(t.Context(), w.changes("ATL", "ATL", 0, "JFK", 1)), "redis-full", true)
	if all := c.HGetAll(t.Context(), s.out).Val(); len(all) != 2 || w.read().Positions[at(0)] != w.held[at(0)] {
		t.Errorf("the refused batch left %v", all)
	}
	w.must(w.changes("ATL", "ATL", 0))
	s.must(t, c.ConfigSet(t.Context(), "maxmemory", "0"))
	w.must(w.changes("ORD", "ORD", 0, "ORD", 0, "JFK", 1))
	if all := c.HGetAll(t.Context(), s.out).Val(); len(all) != 1 || all["JFK"] != "1" {
		t.Errorf("the hash holds %v, want JFK alone", all)
	}
}

// A whole key goes, whatever its type, and a sum begins again behind it.
func TestDeletesOfWholeKeys(t *testing.T) {
	s := newStore(t)
	key := Join(Text(s.out+":"), Column("key"))
	s.cfg.Deletes = []Effect{{Op: Del, Key: key}}
	w := s.worker(t, Effect{Op: HIncrBy, Key: key, Name: Text("n"), Value: Column("n")}).start(1)
	c := s.beside(t)
	s.must(t, c.SAdd(t.Context(), s.out+":set", "m"))
	s.must(t, c.HSet(t.Context(), s.out+":ATL", "n", "not a number", "other", "1"))
	w.must(w.changes("set", "set", 0, "ORD", 5))
	commit := w.counts("ORD", 1, "ATL", 0, "ATL", 7)
	op := fencepost.Column{Name: fencepost.MetaOp, Type: fencepost.Text}
	for _, o := range []string{"u", fencepost.OpDelete, "u"} {
		op.AppendText(o)
	}
	commit.Columns = append(commit.Columns, op)
	w.must(commit)
	if n := c.Exists(t.Context(), s.out+":set").Val(); n != 0 {
		t.Error("the set is still there")
	}
	if all := c.HGetAll(t.Context(), s.out+":ATL").Val(); len(all) != 1 || all["n"] != "7" {
		t.Errorf("ATL holds %v, want n 7 alone", all)
	}
	if n := c.HGet(t.Context(), s.out+":ORD", "n").Val(); n != "6" {
		t.Errorf("ORD holds %s, want 6", n)
	}
}
