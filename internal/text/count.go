package text

import (
	"strconv"
	"strings"
)

// Count writes a number for people: 3,000,000.
func Count[T ~int | ~int32 | ~int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// ParseCount reads what Count writes, and the same without separators or with those of programs: 3,000,000, 3000000 and
// 3_000_000. Each separator is before three digits, and none is mixed with the other. A plus is no part of a count.
func ParseCount(s string) (int64, bool) {
	sign, digits := "", s
	if rest, negative := strings.CutPrefix(s, "-"); negative {
		sign, digits = "-", rest
	}
	if digits == "" || digits[0] < '0' || digits[0] > '9' {
		return 0, false // a second sign, or a separator in front
	}
	n, err := strconv.ParseInt(sign+ungroup(digits), 10, 64)
	return n, err == nil
}

// ungroup takes the separators out of digits, if each is before three of them. Any other text keeps its separators,
// so that it is no number.
func ungroup(digits string) string {
	for _, sep := range []string{",", "_"} {
		groups := strings.Split(digits, sep)
		grouped := len(groups) > 1 && len(groups[0]) <= 3 && groups[0][0] != '0'
		for _, g := range groups[1:] {
			grouped = grouped && len(g) == 3
		}
		if grouped {
			return strings.Join(groups, "")
		}
	}
	return digits
}

// Plural is "1 finding" or "4 findings".
func Plural[T ~int | ~int32 | ~int64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + one + "s"
}

// ParseSpan reads one number, 7, or the first and the last of several, 2-4, as partitions are written. Neither has a
// sign or a separator.
func ParseSpan(s string) (first, last int32, ok bool) {
	from, to, several := strings.Cut(s, "-")
	if !several {
		to = from
	}
	lo, err1 := strconv.ParseUint(from, 10, 31)
	hi, err2 := strconv.ParseUint(to, 10, 31)
	return int32(lo), int32(hi), err1 == nil && err2 == nil && lo <= hi
}

// Spans joins neighbours: of n partitions in order, each at(i) a topic and a number, the runs trips:0-11, trips:14, weather:0.
// The numbers of a run are as ParseSpan reads them.
func Spans(n int, at func(i int) (topic string, partition int32)) (spans []string) {
	for i := 0; i < n; {
		topic, first := at(i)
		last := first
		for i++; i < n; i++ {
			if t, p := at(i); t != topic || p != last+1 {
				break
			}
			last++
		}
		span := topic + ":" + strconv.Itoa(int(first))
		if last > first {
			span += "-" + strconv.Itoa(int(last))
		}
		spans = append(spans, span)
	}
	return spans
}
