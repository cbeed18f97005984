package chaos

import (
	"reflect"
	"testing"
	"time"
)

// everything is a terrain on which each kind can be done.
func everything() Terrain {
	t := Terrain{Workers: 3, Most: 8, Brokers: 3}
	for k := Kill; k <= AddPartitions; k++ {
		t.Kinds = append(t.Kinds, k)
	}
	return t
}

func TestEveryKindHasATrait(t *testing.T) {
	if len(traits) != int(AddPartitions) {
		t.Errorf("%d traits of %d kinds", len(traits), AddPartitions)
	}
	for k, tr := range traits {
		if k.String() == "" || tr.min > tr.max {
			t.Errorf("kind %d: %+v", k, tr)
		}
	}
}

func TestScheduleIsTheSeeds(t *testing.T) {
	one := Schedule(7, 10*time.Minute, everything())
	if !reflect.DeepEqual(one, Schedule(7, 10*time.Minute, everything())) {
		t.Error("the same seed gave two schedules")
	}
	if reflect.DeepEqual(one, Schedule(8, 10*time.Minute, everything())) {
		t.Error("two seeds gave one schedule")
	}
}

// What a schedule keeps, for many seeds and lengths.
func TestScheduleKeepsItsRules(t *testing.T) {
	for seed := range uint64(200) {
		length := time.Duration(5+seed*3) * time.Second
		terrain := everything()
		faults := Schedule(seed, length, terrain)
		for i, f := range faults {
			tr := traits[f.Kind]
			switch {
			case f.At < 0 || f.For < 0 || f.At+f.For > length:
				t.Fatalf("seed %d: %+v is not within %s", seed, f, length)
			case f.For > tr.max:
				t.Fatalf("seed %d: %+v lasts longer than %s", seed, f, tr.max)
			case tr.most > 0 && (f.Amount < 1 || f.Amount > tr.most):
				t.Fatalf("seed %d: %+v: want an amount of 1 to %d", seed, f, tr.most)
			case f.Kind == Scale && (f.Amount < 1 || f.Amount > terrain.Most):
				t.Fatalf("seed %d: %+v: want 1 to %d workers", seed, f, terrain.Most)
			case tr.subject == broker && f.Target >= terrain.Brokers, f.Target >= terrain.Workers:
				t.Fatalf("seed %d: %+v has a target that is not there", seed, f)
			}
			for _, before := range faults[:i] {
				if before.At+before.For > f.At && collide(before, f) {
					t.Fatalf("seed %d: %+v while %+v lasts", seed, f, before)
				}
			}
		}
	}
}

// collide reports whether two faults strike at one thing.
func collide(a, b Fault) bool {
	x, y := traits[a.Kind].subject, traits[b.Kind].subject
	if x > y {
		x, y = y, x
	}
	switch {
	case x == island && y == island, x == island && (y == broker || y == brokers), x == workers && y == island:
		return true
	case (x == worker || x == wires) && y == island:
		return a.Target == b.Target
	case x == worker && y == workers, x == workers && y == workers:
		return true
	case x == broker && (y == broker || y == brokers), x == brokers && y == brokers: // of three one may be down
		return true
	}
	return x == y && a.Target == b.Target
}

// Each kind comes once in each round, so that a run of some length has them all.
func TestScheduleDealsEachKind(t *testing.T) {
	seen := map[Kind]int{}
	for _, f := range Schedule(3, 10*time.Minute, everything()) {
		seen[f.Kind]++
	}
	for k := Kill; k <= AddPartitions; k++ {
		if seen[k] < 5 {
			t.Errorf("%s came %d times in ten minutes", k, seen[k])
		}
	}
}

func TestStepsAreInOrder(t *testing.T) {
	faults := Schedule(5, 5*time.Minute, everything())
	open := map[Fault]bool{}
	var last time.Duration
	for _, s := range Steps(faults) {
		if s.At < last {
			t.Fatalf("%+v comes after %s", s, last)
		}
		last = s.At
		switch {
		case s.Undo && !open[s.Fault]:
			t.Errorf("%+v is undone before it is done", s)
		case s.Undo:
			delete(open, s.Fault)
		case traits[s.Kind].max > 0:
			open[s.Fault] = true
		}
	}
	for f := range open {
		t.Errorf("%+v is never undone", f)
	}
}
