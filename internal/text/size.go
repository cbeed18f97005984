package text

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Size writes bytes for people: 142 MiB.
func Size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// sizeUnits are powers of two only: MB is written by people who mean either, so it is refused.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}, {"", 1}}

// MaxSize is the largest size that is read, in bytes.
const MaxSize = 1 << 40

// ParseSize reads bytes from 1 to MaxSize, alone or in B, KiB, MiB, GiB.
func ParseSize(s string) (int64, bool) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, ok := ParseCount(strings.TrimSpace(number))
		if !ok || n < 1 || n > MaxSize/u.bytes {
			return 0, false
		}
		return n * u.bytes, true
	}
	return 0, false
}

// Rate writes how many a second, with three figures that mean something above 10,000: 31,204/s, 1,262,000/s.
func Rate(n int64, d time.Duration) string {
	if d <= 0 {
		return "0/s"
	}
	r := float64(n) / d.Seconds()
	if r >= 100_000 {
		unit := math.Pow(10, math.Floor(math.Log10(r))-3)
		r = math.Round(r/unit) * unit
	}
	return Count(int64(math.Round(r))) + "/s"
}
