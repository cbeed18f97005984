package engine

import (
	"cmp"
	"slices"
	"time"
)

// queued is what waits for a batch, over a lane's partitions.
type queued struct {
	records int
	bytes   int64
	oldest  time.Time
}

// ripe decides whether a batch is cut now. When not, it says when to look again; the zero time: when more records
// come, or the lane falls idle.
//
// The batch clocks itself: while one is committed the next one gathers, so batches are small when it is quiet and
// large under load. The design that lost is a timer: it delays every record when it is quiet, and cuts batches that
// are too small under load.
func (b BatchBounds) ripe(q queued, idle bool, now time.Time) (bool, time.Time) {
	switch {
	case q.records == 0:
		return false, time.Time{}
	case q.records >= b.Records || q.bytes >= b.Bytes:
		return true, time.Time{}
	case !idle:
		return false, time.Time{}
	}
	wait := b.Wait
	if q.records < b.MinRows {
		wait = max(wait, b.MaxWait)
	}
	if due := q.oldest.Add(wait); now.Before(due) {
		return false, due
	}
	return true, time.Time{}
}

// waiting is one partition's claim to a share of the next batch.
type claim struct {
	records int   // queued
	lag     int64 // what the log still has for it, at least records
}

// shares divides the next batch's records over partitions in proportion to their lag, at least one for each that has
// any, so that the smallest is never starved. Where there are more partitions than records, those from turn on go
// first. The sum is min(limit, all queued), and no share is above what its partition has queued.
//
//	limit 10 over lags 101, 11, 1:  8 + 1 + 1, then 9 + 1
func shares(claims []claim, limit, turn int, dst []int) []int {
	dst = append(dst[:0], make([]int, len(claims))...)
	total, lags := 0, int64(0)
	for _, c := range claims {
		total += c.records
		if c.records > 0 {
			lags += max(c.lag, int64(c.records))
		}
	}
	if total <= limit {
		for i, c := range claims {
			dst[i] = c.records
		}
		return dst
	}
	left := limit
	for k := range claims {
		i := (turn + k) % len(claims)
		if claims[i].records > 0 && left > 0 {
			dst[i] = 1
			left--
		}
	}
	if left == 0 {
		return dst
	}
	spare := float64(limit)
	for i, c := range claims {
		if c.records == 0 {
			continue
		}
		want := int(spare * float64(max(c.lag, int64(c.records))) / float64(lags))
		more := max(0, min(want, c.records)-dst[i])
		more = min(more, left)
		dst[i] += more
		left -= more
	}
	fillLargest(claims, dst, left)
	return dst
}

// fillLargest gives what is left to the partitions with the most records not yet taken, the largest first, and of equal
// ones the one in front. What is left may be as many records as there are partitions, for every share is rounded down:
// to look for the largest each time would be quadratic.
func fillLargest(claims []claim, dst []int, left int) {
	if left == 0 {
		return
	}
	order := make([]int, 0, len(claims))
	rest := func(i int) int { return claims[i].records - dst[i] }
	for i := range claims {
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
