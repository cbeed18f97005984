package engine

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// P1: at most 10 a batch over 101, 11 and 1: the smallest is never starved.
func TestShares(t *testing.T) {
	claims := []claim{{101, 101}, {11, 11}, {1, 1}}
	for i, want := range [][]int{{8, 1, 1}, {9, 1, 0}} {
		got := shares(claims, 10, i, nil)
		if !slices.Equal(got, want) {
			t.Fatalf("batch %d takes %v, want %v", i+1, got, want)
		}
		for j := range claims {
			claims[j].records -= got[j]
			claims[j].lag -= int64(got[j])
		}
	}
}

// What shares guarantees, for any claims: the sum, the bounds, and that nobody is starved; over turns even where there
// are more partitions than records.
func TestSharesKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		queued := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 8).Draw(t, "queued")
		limit := rapid.IntRange(1, 60).Draw(t, "limit")
		claims := make([]claim, len(queued))
		total, some := 0, 0
		for i, n := range queued {
			claims[i] = claim{n, int64(n) + rapid.Int64Range(0, 1<<40).Draw(t, "more lag")}
			total += n
			if n > 0 {
				some++
			}
		}
		served := make([]bool, len(queued))
		for turn := range len(queued) {
			got := shares(claims, limit, turn, nil)
			sum := 0
			for i, n := range got {
				sum += n
				served[i] = served[i] || n > 0
				if n < 0 || n > queued[i] || limit >= some && queued[i] > 0 && n == 0 {
					t.Fatalf("partition %d of %v gets %d of limit %d (%v)", i, queued, n, limit, got)
				}
			}
			if sum != min(limit, total) {
				t.Fatalf("%v sum up to %d, want %d", got, sum, min(limit, total))
			}
		}
		for i, ok := range served {
			if queued[i] > 0 && !ok {
				t.Fatalf("partition %d of %v was starved in every turn", i, queued)
			}
		}
	})
}

// E5: what is left goes where a search for the largest, again for each, would bring it: its slow twin.
func TestE5FillLargestAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		queued := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 40).Draw(t, "queued")
		claims, got := make([]claim, len(queued)), make([]int, len(queued))
		spare := 0
		for i, n := range queued {
			claims[i].records = n
			got[i] = rapid.IntRange(0, n).Draw(t, "taken")
			spare += n - got[i]
		}
		left := rapid.IntRange(0, spare).Draw(t, "left")
		want := slices.Clone(got)
		for rest := left; rest > 0; {
			at, most := -1, 0
			for i, c := range claims {
				if n := c.records - want[i]; n > most {
					at, most = i, n
				}
			}
			want[at] += min(rest, most)
			rest -= min(rest, most)
		}
		fillLargest(claims, got, left)
		if !slices.Equal(got, want) {
			t.Fatalf("%d records left over %v: got %v, want %v", left, queued, got, want)
		}
	})
}

func TestRipe(t *testing.T) {
	now := time.Unix(100, 0)
	at := func(age time.Duration) time.Time { return now.Add(-age) }
	b := BatchBounds{Records: 100, Bytes: 1000, Wait: time.Second, MinRows: 10, MaxWait: 5 * time.Second}
	tests := []struct {
		name string
		q    queued
		idle bool
		want bool
		due  time.Time
	}{
		{"nothing", queued{}, true, false, time.Time{}},
		{"full, while a commit runs", queued{100, 10, at(0)}, false, true, time.Time{}},
		{"full of bytes", queued{1, 1000, at(0)}, false, true, time.Time{}},
		{"not full, while a commit runs", queued{99, 10, at(time.Hour)}, false, false, time.Time{}},
		{"enough rows, too young", queued{10, 10, at(0)}, true, false, now.Add(time.Second)},
		{"enough rows, old enough", queued{10, 10, at(time.Second)}, true, true, time.Time{}},
		{"too few rows", queued{9, 10, at(time.Second)}, true, false, now.Add(4 * time.Second)},
		{"too few rows for too long", queued{1, 10, at(5 * time.Second)}, true, true, time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, due := b.ripe(tt.q, tt.idle, now)
			if got != tt.want || !due.Equal(tt.due) {
				t.Errorf("ripe is %t, due %v, want %t, %v", got, due, tt.want, tt.due)
			}
		})
	}
}
