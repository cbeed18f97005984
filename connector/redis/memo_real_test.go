//go:build realservers

package redis

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runs are the open runs of the first n partitions as the hash holds them: from|until, run from, commits.
func (w *worker) runs(s *store, n int32) (lines []string) {
	w.t.Helper()
	for p := range n {
		v, err := s.beside(w.t.(*testing.T)).HGet(w.t.Context(), keysOf(s.cfg.Key, "g").positions, field(at(p))).Result()
		if err != nil {
			w.t.Fatal(err)
		}
		f := strings.Split(v, "|")
		if len(f) != fieldsRun {
			w.t.Fatalf("%s holds %q", at(p), v)
		}
		lines = append(lines, fmt.Sprintf("%s|%s from %s in %s by %s", f[0], f[1], f[5], f[7], f[9]))
	}
	return lines
}

// What a lane remembers of its commits is a hint: whatever became of a value in the meantime, the run goes on from what
// the hash holds.
func TestRememberedValuesAreAHint(t *testing.T) {
	s := newStore(t)
	w := s.worker(t, s.rows()).start(2)
	heir := s.heir(w)
	heir.as.Who = "heir"
	want := func(what string, lines ...string) {
		t.Helper()
		if diff := cmp.Diff(lines, w.runs(s, 2)); diff != "" {
			t.Errorf("%s (want -, got +):\n%s", what, diff)
		}
	}
	both := func(k *worker) {
		t.Helper()
		b, c := k.batch(0, 5), k.batch(1, 5)
		b.Segments, b.Moves = append(b.Segments, c.Segments...), append(b.Moves, c.Moves...)
		for i := range b.Segments {
			b.Segments[i].Lo, b.Segments[i].Hi = 0, 0 // no rows
		}
		k.must(b)
	}
	both(w)
	both(w)
	want("two commits", "5|10 from 0 in 2 by w", "5|10 from 0 in 2 by w")

	heir.held = maps.Clone(w.held)
	both(heir)
	want("another worker's", "10|15 from 0 in 3 by heir", "10|15 from 0 in 3 by heir")
	w.held = maps.Clone(heir.held)
	both(w)
	want("the first again", "15|20 from 0 in 4 by w", "15|20 from 0 in 4 by w")
	b := w.batch(0, 5)
	b.Segments[0].Lo, b.Segments[0].Hi = 0, 0
	w.must(b)
	both(w)
	want("values of two commits", "25|30 from 0 in 6 by w", "20|25 from 0 in 5 by w")

	// The same offset and fence, and another run: a store restored from a backup, say.
	key := keysOf(s.cfg.Key, "g").positions
	v := s.beside(t).HGet(t.Context(), key, field(at(1))).Val()
	f := strings.Split(v, "|")
	f[7], f[9] = "40", "restored"
	s.must(t, s.beside(t).HSet(t.Context(), key, field(at(1)), strings.Join(f, "|")))
	both(w)
	want("another run", "30|35 from 0 in 7 by w", "25|30 from 0 in 41 by w")
	both(w)
	both(w)
	want("and on", "40|45 from 0 in 9 by w", "35|40 from 0 in 43 by w")
}
