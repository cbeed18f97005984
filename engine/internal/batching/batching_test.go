package batching

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// P1: at most 10 a batch over 101, 11 and 1: the smallest is never starved.
func TestShares(t *testing.T) {
	queues := []Queue{{Records: 101, Lag: 101}, {Records: 11, Lag: 11}, {Records: 1, Lag: 1}}
	for i, want := range [][]int{{8, 1, 1}, {9, 1, 0}} {
		got := Shares(queues, 10, i, nil)
		if !slices.Equal(got, want) {
			t.Fatalf("batch %d takes %v, want %v", i+1, got, want)
		}
		for j := range queues {
			queues[j].Records -= got[j]
			queues[j].Lag -= int64(got[j])
		}
	}
}

// What shares guarantees, for any queues: the sum, the bounds, and that no queue is starved; over turns even where there
// are more partitions than records.
func TestSharesKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		queued := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 8).Draw(t, "queued")
		limit := rapid.IntRange(1, 60).Draw(t, "limit")
		queues := make([]Queue, len(queued))
		total, some := 0, 0
		for i, n := range queued {
			queues[i] = Queue{Records: n, Lag: int64(n) + rapid.Int64Range(0, 1<<40).Draw(t, "more lag")}
			total += n
			if n > 0 {
				some++
			}
		}
		served := make([]bool, len(queued))
		for turn := range len(queued) {
			got := Shares(queues, limit, turn, nil)
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
		queues, got := make([]Queue, len(queued)), make([]int, len(queued))
		spare := 0
		for i, n := range queued {
			queues[i].Records = n
			got[i] = rapid.IntRange(0, n).Draw(t, "taken")
			spare += n - got[i]
		}
		left := rapid.IntRange(0, spare).Draw(t, "left")
		want := slices.Clone(got)
		for rest := left; rest > 0; {
			at, most := -1, 0
			for i, c := range queues {
				if n := c.Records - want[i]; n > most {
					at, most = i, n
				}
			}
			want[at] += min(rest, most)
			rest -= min(rest, most)
		}
		fillLargest(queues, got, left)
		if !slices.Equal(got, want) {
			t.Fatalf("%d records left over %v: got %v, want %v", left, queued, got, want)
		}
	})
}

func TestDue(t *testing.T) {
	now := time.Unix(100, 0)
	at := func(age time.Duration) time.Time { return now.Add(-age) }
	b := Limits{Records: 100, Bytes: 1000, Wait: time.Second, MinRows: 10, MaxWait: 5 * time.Second}
	tests := []struct {
		name string
		q    Queue
		from time.Time
		idle bool
		want bool
		due  time.Time
	}{
		{"nothing", Queue{}, time.Time{}, true, false, time.Time{}},
		{"full, while a commit runs", Queue{Records: 100, Bytes: 10}, at(0), false, true, time.Time{}},
		{"full of bytes", Queue{Records: 1, Bytes: 1000}, at(0), false, true, time.Time{}},
		{"not full, while a commit runs", Queue{Records: 99, Bytes: 10}, at(time.Hour), false, false, time.Time{}},
		{"enough rows, too young", Queue{Records: 10, Bytes: 10}, at(0), true, false, now.Add(time.Second)},
		{"enough rows, old enough", Queue{Records: 10, Bytes: 10}, at(time.Second), true, true, time.Time{}},
		{"too few rows", Queue{Records: 9, Bytes: 10}, at(time.Second), true, false, now.Add(4 * time.Second)},
		{"too few rows for too long", Queue{Records: 1, Bytes: 10}, at(5 * time.Second), true, true, time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, due := b.Due(tt.q, tt.from, tt.idle, now)
			if got != tt.want || !due.Equal(tt.due) {
				t.Errorf("Due is %t, due %v, want %t, %v", got, due, tt.want, tt.due)
			}
		})
	}
}

// A share of a batch goes by what the log still has of a partition, and not by what happens to be queued; what one cannot
// fill the others get.
func TestSharesGoByLag(t *testing.T) {
	for name, tt := range map[string]struct {
		queues []Queue
		want   []int
	}{
		"by lag":                {[]Queue{{Records: 100, Lag: 1000}, {Records: 100, Lag: 100}, {Records: 10, Lag: 10}}, []int{45, 4, 1}},
		"few are queued":        {[]Queue{{Records: 5, Lag: 1000}, {Records: 100, Lag: 100}}, []int{5, 45}},
		"none is queued":        {[]Queue{{Records: 0, Lag: 1000}, {Records: 100, Lag: 100}}, []int{0, 50}},
		"a lag that is too old": {[]Queue{{Records: 100, Lag: 0}, {Records: 100, Lag: 100}}, []int{25, 25}},
	} {
		if got := Shares(tt.queues, 50, 0, nil); !slices.Equal(got, tt.want) {
			t.Errorf("%s: 50 records are shared as %v, want %v", name, got, tt.want)
		}
	}
}
