package decode

import (
	"bytes"
	"math"
)

// Unit is what a number counts that means a time.
type Unit uint8

// The units. The zero Unit takes no numbers.
const (
	NoUnit  Unit = iota
	Seconds      // since 1970 UTC, as the others
	Millis
	Micros
	Nanos
	Days // whole ones
)

var units = [...]string{"", "s", "ms", "us", "ns", "days"}

// Units lists the words of all units.
func Units() []string { return units[1:] }

// String is the unit's word in the pipeline file.
func (u Unit) String() string { return units[u] }

// ParseUnit reads the word of the pipeline file; ok is false for any other word.
func ParseUnit(s string) (u Unit, ok bool) {
	for i, w := range units {
		if w == s && w != "" {
			return Unit(i), true
		}
	}
	return NoUnit, false
}

const microsPerDay = 86_400_000_000

// micros is n of the unit in microseconds, cut off towards the past; ok is false if that overflows, and without a unit.
func (u Unit) micros(n int64) (int64, bool) {
	factor := int64(1)
	switch u {
	case Seconds:
		factor = 1_000_000
	case Millis:
		factor = 1_000
	case Micros:
	case Nanos:
		us := n / 1_000
		if n%1_000 < 0 {
			us--
		}
		return us, true
	case Days:
		factor = microsPerDay
	default:
		return 0, false
	}
	if n > math.MaxInt64/factor || n < math.MinInt64/factor {
		return 0, false
	}
	return n * factor, true
}

// places is how many digits lie between the unit and a microsecond.
func (u Unit) places() int {
	switch u {
	case Seconds:
		return 6
	case Millis:
		return 3
	case Nanos:
		return -3
	case Micros, Days, NoUnit:
	}
	return 0
}

// decimalMicros is micros for any number, written without an exponent. It works on the digits, since a float64 does not
// hold the microseconds of an epoch. ok is false for days that are not whole, too.
func (u Unit) decimalMicros(num []byte) (us int64, ok bool) {
	negative := num[0] == '-'
	if negative {
		num = num[1:]
	}
	whole, fraction, _ := bytes.Cut(num, []byte{'.'})
	keep := len(whole) + u.places() // digits up to the microsecond
	cut := false                    // something lies behind it
	digit := func(i int) int64 {
		switch {
		case i < len(whole):
			return int64(whole[i] - '0')
		case i < len(whole)+len(fraction):
			return int64(fraction[i-len(whole)] - '0')
		}
		return 0
	}
	for i := range max(keep, len(whole)+len(fraction)) {
		d := digit(i)
		if i >= keep {
			cut = cut || d != 0
			continue
		}
		if us < (math.MinInt64+d)/10 { // negative, for the range below zero is the larger one
			return 0, false
		}
		us = us*10 - d
	}
	switch {
	case u == NoUnit || u == Days && cut:
		return 0, false
	case negative && cut:
		if us == math.MinInt64 {
			return 0, false
		}
		us--
	case !negative:
		if us == math.MinInt64 {
			return 0, false
		}
		us = -us
	}
	if u == Days {
		return u.micros(us)
	}
	return us, true
}

const dateTime = len("2001-01-01T00:01:00")

// parseTimestamp reads RFC 3339, with or without its zone, as Unix microseconds, and what ISO 8601 has besides: 24:00:00
// for the end of a day, offsets such as +0530 and +05. zone says whether there was one.
//
// A leap second is the second behind it, as POSIX counts (IEEE Std 1003.1, 4.19). It is the last of a UTC day.
func parseTimestamp(b []byte) (us int64, zone, ok bool) {
	if len(b) < dateTime || b[4] != '-' || b[7] != '-' || b[13] != ':' || b[16] != ':' {
		return 0, false, false
	}
	if b[10] != 'T' && b[10] != ' ' && b[10] != 't' {
		return 0, false, false
	}
	century, year := two(b, 0), two(b, 2)
	month, day := two(b, 5), two(b, 8)
	hour, minute, second := two(b, 11), two(b, 14), two(b, 17)
	if century|year|month|day|hour|minute|second < 0 || hour > 24 || minute > 59 || second > 60 {
		return 0, false, false
	}
	year += century * 100
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false, false
	}
	us = int64(days(year, month, day))*86_400 + int64(hour*3_600+minute*60+second)
	us *= 1_000_000
	last, leap := hour == 24, second == 60
	whole := us
	rest := b[dateTime:]
	if len(rest) > 0 && rest[0] == '.' {
		n, digits := fractionMicros(rest[1:])
		if digits == 0 {
			return 0, false, false
		}
		us += n
		rest = rest[1+digits:]
	}
	offset := int64(0)
	if zone = len(rest) > 0; zone {
		if offset, ok = parseZone(rest); !ok {
			return 0, false, false
		}
	}
	if last && (us > whole || minute|second > 0) || leap && (whole-offset)%microsPerDay != 0 {
		return 0, false, false
	}
	return us - offset, zone, true
}

// two is the number that the two digits at i make, negative if they are none.
func two(b []byte, i int) int {
	tens, ones := b[i]-'0', b[i+1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(tens)*10 + int(ones)
}

// fractionMicros reads the digits behind the point: their microseconds, and how many digits there are.
func fractionMicros(b []byte) (us int64, digits int) {
	unit := int64(100_000)
	for digits < len(b) && b[digits]-'0' <= 9 {
		us += int64(b[digits]-'0') * unit
		unit /= 10
		digits++
	}
	return us, digits
}

// parseZone reads Z, or an offset from UTC such as +05:30, +0530 or +05, in microseconds.
func parseZone(b []byte) (int64, bool) {
	if len(b) == 1 {
		return 0, b[0]|0x20 == 'z'
	}
	if b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	minute := 0
	switch {
	case len(b) == len("+05"):
	case len(b) == len("+0530"):
		minute = two(b, 3)
	case len(b) == len("+05:30") && b[3] == ':':
		minute = two(b, 4)
	default:
		return 0, false
	}
	hour := two(b, 1)
	if hour|minute < 0 || hour > 23 || minute > 59 {
		return 0, false
	}
	us := int64(hour*60+minute) * 60_000_000
	if b[0] == '-' {
		us = -us
	}
	return us, true
}

// daysIn is how many days the month has.
func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// days counts the days from 1970-01-01. Years begin in March here, so that the leap day is a year's last; 719,468
// days lie between 1 March 0000 and 1970. REQUIRES: year >= 0.
func days(year, month, day int) int {
	if month < 3 {
		year--
		month += 12
	}
	era := year
	if year < 0 { // January and February of year 0
		era -= 399
	}
	era /= 400
	of := year - era*400
	return era*146_097 + of*365 + of/4 - of/100 + (153*(month-3)+2)/5 + day - 1 - 719_468
}
