package sqlite

import "time"

// microsPerDay is how many microseconds a day has.
const microsPerDay = 24 * 60 * 60 * 1_000_000

// stamper writes timestamps as text. It keeps the last date, since the rows of a batch lie close together and the
// calendar is what takes time.
type stamper struct {
	day   int64 // since 1970, valid if date is set
	date  string
	bytes [32]byte
}

// write returns the text of a timestamp, valid until the next call; ok is false outside the years 0000 to 9999, which
// SQLite's date functions do not read.
//
//	2001-01-01 00:01:00   2001-01-01 00:01:00.500   2001-01-01 00:01:00.500250
func (s *stamper) write(micros int64) (text []byte, ok bool) {
	day, rest := micros/microsPerDay, micros%microsPerDay
	if rest < 0 {
		day, rest = day-1, rest+microsPerDay
	}
	if s.date == "" || day != s.day {
		t := time.UnixMicro(day * microsPerDay).UTC()
		if t.Year() < 0 || t.Year() > 9999 {
			return nil, false
		}
		s.day, s.date = day, t.Format("2006-01-02 ")
	}
	b := append(s.bytes[:0], s.date...)
	seconds, fraction := rest/1_000_000, rest%1_000_000
	b = appendDigits(b, seconds/3600, 2)
	b = append(b, ':')
	b = appendDigits(b, seconds/60%60, 2)
	b = append(b, ':')
	b = appendDigits(b, seconds%60, 2)
	switch {
	case fraction == 0:
	case fraction%1000 == 0:
		b = appendDigits(append(b, '.'), fraction/1000, 3)
	default:
		b = appendDigits(append(b, '.'), fraction, 6)
	}
	return b, true
}

// appendDigits appends n with leading zeros to the width.
func appendDigits(b []byte, n int64, width int) []byte {
	at := len(b)
	for range width {
		b = append(b, '0')
	}
	for i := at + width - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}
