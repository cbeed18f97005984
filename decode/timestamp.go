package decode

import "math"

// Unit is what an integer counts that means a time.
type Unit uint8

// The units. The zero Unit takes no integers.
const (
	NoUnit  Unit = iota
	Seconds      // since 1970 UTC, as the others
	Millis
	Micros
)

var units = [...]string{"", "s", "ms", "us"}

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

// micros is n of the unit in microseconds; ok is false if that overflows, and without a unit.
func (u Unit) micros(n int64) (int64, bool) {
	factor := int64(1)
	switch u {
	case Seconds:
		factor = 1_000_000
	case Millis:
		factor = 1_000
	case Micros:
	default:
		return 0, false
	}
	if n > math.MaxInt64/factor || n < math.MinInt64/factor {
		return 0, false
	}
	return n * factor, true
}

const dateTime = len("2001-01-01T00:01:00")

// parseTimestamp reads RFC 3339, with or without its zone, as Unix microseconds. zone says whether there was one.
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
	if century|year|month|day|hour|minute|second < 0 || hour > 23 || minute > 59 || second > 59 {
		return 0, false, false
	}
	year += century * 100
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false, false
	}
	us = int64(days(year, month, day))*86_400 + int64(hour*3_600+minute*60+second)
	us *= 1_000_000
	rest := b[dateTime:]
	if len(rest) > 0 && rest[0] == '.' {
		n, digits := fractionMicros(rest[1:])
		if digits == 0 {
			return 0, false, false
		}
		us += n
		rest = rest[1+digits:]
	}
	if len(rest) == 0 {
		return us, false, true
	}
	offset, ok := parseZone(rest)
	return us - offset, true, ok
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

// parseZone reads Z, or an offset from UTC such as +05:30, in microseconds.
func parseZone(b []byte) (int64, bool) {
	if len(b) == 1 {
		return 0, b[0]|0x20 == 'z'
	}
	if len(b) != len("+05:30") || b[3] != ':' || (b[0] != '+' && b[0] != '-') {
		return 0, false
	}
	hour, minute := two(b, 1), two(b, 4)
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
