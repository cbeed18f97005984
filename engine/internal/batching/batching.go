package batching

import (
	"cmp"
	"slices"
	"time"
)

// Limits are the bounds of one batch. Records, Bytes and MinRows are at least 1.
type Limits struct {
	Records int   // most records
	Bytes   int64 // most bytes, decompressed
	Wait    time.Duration
	MinRows int // fewer records wait up to MaxWait
	MaxWait time.Duration
}

// Queue is what waits for a batch: of one partition, or of all those of a lane.
type Queue struct {
	Records int
	Bytes   int64
	Lag     int64 // of a partition: what the log still has, at least Records. Only Shares looks at it
}

// Due decides whether a batch is formed now of a lane's queue, whose oldest record came at oldest. When not, it says when to look again; the zero time: when more records
// come, or the lane becomes idle.
//
// The batch clocks itself: while one is committed the next one gathers, so batches are small when it is quiet and
// large under load. The design that lost is a timer: it delays every record when it is quiet, and forms batches that
// are too small under load.
func (l Limits) Due(q Queue, oldest time.Time, idle bool, now time.Time) (bool, time.Time) {
	switch {
	case q.Records == 0:
		return false, time.Time{}
	case q.Records >= l.Records || q.Bytes >= l.Bytes:
		return true, time.Time{}
	case !idle:
		return false, time.Time{}
	}
	wait := l.Wait
	if q.Records < l.MinRows {
		wait = max(wait, l.MaxWait)
	}
	if due := oldest.Add(wait); now.Before(due) {
		return false, due
	}
	return true, time.Time{}
}

// Most is how many of the queued records fit into one batch, judged by their average size.
func (l Limits) Most(q Queue) int {
	most := min(l.Records, q.Records)
	if q.Bytes > l.Bytes {
		most = min(most, max(1, int(float64(q.Records)*float64(l.Bytes)/float64(q.Bytes))))
	}
	return most
}

// Lighten keeps the shares of a batch within its bytes: the share of a partition goes by its lag, and its records may be
// the large ones. One record of each partition stays. It returns how many records were left out.
func (l Limits) Lighten(queues []Queue, shares []int) (less int) {
	bytes := 0.0
	for i, q := range queues {
		if shares[i] > 0 {
			bytes += float64(shares[i]) * float64(q.Bytes) / float64(q.Records)
		}
	}
	if bytes <= float64(l.Bytes) {
		return 0
	}
	fit := float64(l.Bytes) / bytes
	for i, n := range shares {
		if n > 0 {
			shares[i] = max(1, int(float64(n)*fit))
			less += n - shares[i]
		}
	}
	return less
}

// Shares divides the next batch's records over partitions in proportion to their lag, at least one for each that has
// any, so that the smallest is never starved. Where there are more partitions than records, those from turn on go
// first. The sum is min(limit, all queued), and no share is above what its partition has queued. The shares replace
// dst's content.
//
//	limit 10 over lags 101, 11, 1:  8 + 1 + 1, then 9 + 1
func Shares(queues []Queue, limit, turn int, dst []int) []int {
	dst = append(dst[:0], make([]int, len(queues))...)
	total, lags := 0, int64(0)
	for _, q := range queues {
		total += q.Records
		if q.Records > 0 {
			lags += max(q.Lag, int64(q.Records))
		}
	}
	if total <= limit {
		for i, q := range queues {
			dst[i] = q.Records
		}
		return dst
	}
	left := limit
	for k := range queues {
		i := (turn + k) % len(queues)
		if queues[i].Records > 0 && left > 0 {
			dst[i] = 1
			left--
		}
	}
	if left == 0 {
		return dst
	}
	spare := float64(limit)
	for i, q := range queues {
		if q.Records == 0 {
			continue
		}
		want := int(spare * float64(max(q.Lag, int64(q.Records))) / float64(lags))
		more := max(0, min(want, q.Records)-dst[i])
		more = min(more, left)
		dst[i] += more
		left -= more
	}
	fillLargest(queues, dst, left)
	return dst
}

// fillLargest gives what is left to the partitions with the most records not yet taken, the largest first, and of equal
// ones the one in front. What is left may be as many records as there are partitions, for every share is rounded down:
// to look for the largest each time would be quadratic.
func fillLargest(queues []Queue, dst []int, left int) {
	if left == 0 {
		return
	}
	order := make([]int, 0, len(queues))
	rest := func(i int) int { return queues[i].Records - dst[i] }
	for i := range queues {
		if rest(i) > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(rest(b), rest(a)), cmp.Compare(a, b)) })
	for _, i := range order {
		more := min(left, rest(i))
		dst[i] += more
		left -= more
	}
}
