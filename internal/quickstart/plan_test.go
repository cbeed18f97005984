package quickstart

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPlanIsTheSeeds(t *testing.T) {
	draw := func(seed uint64) []strike { return plan(seed, 200_000, 3, 7, 100*time.Millisecond) }
	if d := cmp.Diff(draw(20261121), draw(20261121)); d != "" {
		t.Errorf("the same seed gave two plans:\n%s", d)
	}
	if cmp.Equal(draw(20261121), draw(20261122)) {
		t.Error("two seeds gave the same plan")
	}
}

func TestPlanIsSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.Int64Range(1_000, 3_000_000).Draw(t, "rows")
		workers := rapid.IntRange(2, 9).Draw(t, "workers")
		kills := rapid.IntRange(1, 20).Draw(t, "kills")
		got := plan(rapid.Uint64().Draw(t, "seed"), rows, workers, kills, time.Second)
		if len(got) != kills {
			t.Fatalf("%d kills, want %d", len(got), kills)
		}
		apart := int64(0.3*(lastKill-firstKill)*float64(rows)/float64(kills)) - 1
		for i, s := range got {
			switch {
			case s.At < rows/20 || s.At > rows*9/10:
				t.Fatalf("kill %d falls at %d of %d rows, outside of [5%% .. 90%%]", i, s.At, rows)
			case i > 0 && s.At-got[i-1].At < apart:
				t.Fatalf("kills %d and %d fall at %d and %d, less than %d apart", i-1, i, got[i-1].At, s.At, apart)
			case s.Victim < 1 || s.Victim > workers:
				t.Fatalf("kill %d hits worker %d of %d", i, s.Victim, workers)
			case i > 0 && s.Victim == got[i-1].Victim:
				t.Fatalf("kill %d hits worker %d again, which may not be back", i, s.Victim)
			case s.After < 0 || s.After >= time.Second:
				t.Fatalf("kill %d falls %s late, want below a cycle", i, s.After)
			}
		}
	})
}

func TestPlanHitsEveryWorker(t *testing.T) {
	hit := map[int]bool{}
	for seed := range uint64(20) {
		for _, s := range plan(seed, 200_000, 3, 7, time.Second) {
			hit[s.Victim] = true
		}
	}
	if len(hit) != 3 {
		t.Errorf("20 plans hit workers %v, want all 3", hit)
	}
}
