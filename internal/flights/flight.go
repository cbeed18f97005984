package flights

import (
	"strconv"
	"time"
)

// Flight is one row: a departure and how late it was.
type Flight struct {
	Date        time.Time // scheduled departure, local at the origin; whole minutes, held in UTC
	Delay       int64     // minutes; negative when early
	Distance    int64     // miles between the two airports
	Origin      string    // IATA code of the airport, three capital letters: "ATL"
	Destination string    // IATA code of the airport
}

// AppendJSON appends the flight as one JSON object without a newline and returns the longer slice:
//
//	{"date":"2001-01-01T00:01:00","delay":33,"distance":2176,"origin":"LAS","destination":"PHL"}
//
// The date has no zone, for the source knows none.
//
// REQUIRES: a year from 0 to 9999, and codes that need no escape in JSON; every flight of a Table is such a one.
func (f Flight) AppendJSON(b []byte) []byte {
	b = append(b, `{"date":"`...)
	b = appendDate(b, f.Date)
	b = append(b, `","delay":`...)
	b = strconv.AppendInt(b, f.Delay, 10)
	b = append(b, `,"distance":`...)
	b = strconv.AppendInt(b, f.Distance, 10)
	b = append(b, `,"origin":"`...)
	b = append(b, f.Origin...)
	b = append(b, `","destination":"`...)
	b = append(b, f.Destination...)
	return append(b, `"}`...)
}

// appendDate is t.AppendFormat(b, "2006-01-02T15:04:05") without parsing the layout for each row.
func appendDate(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = appendTwo(b, year/100)
	b = appendTwo(b, year%100)
	b = append(b, '-')
	b = appendTwo(b, int(month))
	b = append(b, '-')
	b = appendTwo(b, day)
	b = append(b, 'T')
	b = appendTwo(b, hour)
	b = append(b, ':')
	b = appendTwo(b, minute)
	b = append(b, ':')
	return appendTwo(b, second)
}

func appendTwo(b []byte, n int) []byte {
	return append(b, byte('0'+n/10), byte('0'+n%10))
}
