//go:build realservers

package redis

import "testing"

// {group} in the keys of effects is Config.Group, whatever group's ledger is moved: a backfill counts where its pipeline
// does.
func TestEffectsOfAnotherGroup(t *testing.T) {
	s := newStore(t)
	name := s.out + ":n:"
	count := Effect{Op: HIncrBy, Key: Text(name + "{group}"), Name: Column("_topic"), Value: Text("1")}
	w := s.worker(t, count).start(1)
	w.must(w.batch(0, 3))
	s.cfg.Group = "main"
	beside := s.worker(t, count)
	beside.held = w.held
	beside.must(beside.batch(0, 2))
	for key, want := range map[string]string{name + "{g}": "3", name + "{main}": "2"} {
		if got := s.beside(t).HGet(t.Context(), key, at(0).Topic).Val(); got != want {
			t.Errorf("%s holds %q, want %s", key, got, want)
		}
	}
}
