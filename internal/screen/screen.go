package screen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Style is what a piece of text is for; each has one colour.
type Style uint8

// The styles.
const (
	Red    Style = iota // parked, an error
	Yellow              // waiting
	Green               // ok
	Dim                 // help, line numbers
	Bold                // PROVEN
)

// Paint gives text its colour.
type Paint func(Style, string) string

// Plain gives none.
func Plain(_ Style, s string) string { return s }

// ANSI paints with the eight colours that every terminal has.
func ANSI(style Style, s string) string {
	if s == "" {
		return s
	}
	return [...]string{"\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[1m"}[style] + s + "\x1b[0m"
}

// Printable puts a dot in place of each character that would move a terminal's cursor or change its colours. Tabs and
// line ends stay.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && r != '\n' && unicode.IsControl(r) {
			return '·'
		}
		return r
	}, s)
}

// Count writes a number for people: 3,000,000.
func Count[T ~int | ~int32 | ~int64 | ~uint64](n T) string {
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

// Plural is "1 finding" or "4 findings".
func Plural[T ~int | ~int32 | ~int64](n T, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + one + "s"
}

// Wrap breaks prose between words so that each line, behind its indent, fits in width; width 0 breaks nothing. The
// first line has no indent: the caller wrote what stands before it, indent characters long.
func Wrap(text string, indent, width int) string {
	if width <= 0 {
		return text
	}
	var b strings.Builder
	at := indent
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width && at > indent:
			if n == 0 { // the second of two spaces: nothing stands there yet
				continue
			}
			trimmed := strings.TrimRight(b.String(), " ")
			b.Reset()
			b.WriteString(trimmed + "\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
