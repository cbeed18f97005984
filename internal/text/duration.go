package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration writes a duration as it is typed, in two units at most: 4ms, 0.3s, 12m40s, 6h40m, 6d4h.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d == 0:
		return "0s"
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%dms", max(1, d.Round(time.Millisecond).Milliseconds()))
	case d < time.Minute:
		s := strconv.FormatFloat(d.Seconds(), 'f', 1, 64)
		return strings.TrimSuffix(s, ".0") + "s"
	case d < time.Hour:
		return two(d, time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return two(d, time.Hour, "h", time.Minute, "m")
	}
	return two(d, 24*time.Hour, "d", time.Hour, "h")
}

func two(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	b, s := d/big, (d%big)/small
	if s == 0 {
		return fmt.Sprintf("%d%s", b, bigName)
	}
	if small == time.Second || small == time.Hour {
		return fmt.Sprintf("%d%s%d%s", b, bigName, s, smallName)
	}
	return fmt.Sprintf("%d%s%02d%s", b, bigName, s, smallName)
}

// mostDays bounds the durations that are read, so that no sum of them overflows.
const mostDays = 10_000

// ParseDuration reads what time.ParseDuration reads, and days: 6d4h. A bare number other than 0 is refused, since
// its unit is not known.
func ParseDuration(s string) (time.Duration, bool) {
	days := time.Duration(0)
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(before)
		if err != nil || n < 0 || n > mostDays {
			return 0, false
		}
		days = time.Duration(n) * 24 * time.Hour
		if after == "" {
			return days, true
		}
		s = after
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > mostDays*24*time.Hour {
		return 0, false
	}
	return days + d, true
}

// Exact writes a duration without rounding it, as a pipeline file does: 30m, and not 30m0s.
func Exact(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "m0s") + map[bool]string{true: "m"}[strings.HasSuffix(s, "m0s")]
	return strings.TrimSuffix(s, "h0m") + map[bool]string{true: "h"}[strings.HasSuffix(s, "h0m")]
}
