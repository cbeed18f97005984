package flights

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"iter"
	"sync"
	"time"
)

// epoch is the date that the first row's minutes count from.
var epoch = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

//go:embed flights-200k.fpz
var embedded []byte

// Table is a number of flights held in memory, under five bytes each.
//
// Guarantees, checked by Decode:
//  1. dates and delays hold exactly rows varints each, without a byte left over
//  2. each row's route is one of routes, whose codes are capital letters
//  3. dates stay below the year 2200, delays fit 32 bits
//
// A Table does not change: any number of goroutines may walk it.
type Table struct {
	rows    int
	routes  []route
	dates   []byte // :: row -> minutes since the row before, uvarint
	delays  []byte // :: row -> minutes, zigzag varint
	routeLo []byte // :: row -> bits 0..7 of the index into routes
	routeHi []byte // :: row -> bits 8..15
}

type route struct {
	origin, destination string
	distance            uint16 // miles
}

var first200k = sync.OnceValues(func() (*Table, error) { return Decode(embedded) })

// First200k is the first 200,000 flights, from the binary itself.
func First200k() *Table {
	t, err := first200k()
	if err != nil {
		panic(fmt.Sprintf("law broken: the flights inside the binary are whole: %v", err))
	}
	return t
}

// All walks the flights in the order of the file, ascending by date. It allocates nothing per row.
func (t *Table) All() iter.Seq[Flight] {
	return func(yield func(Flight) bool) {
		dates, delays := t.dates, t.delays
		date := epoch
		for row := range t.rows {
			since, n := binary.Uvarint(dates)
			dates = dates[n:]
			delay, n := binary.Varint(delays)
			delays = delays[n:]
			if since > 0 {
				date = date.Add(time.Duration(since) * time.Minute)
			}
			r := &t.routes[t.route(row)]
			f := Flight{Date: date, Delay: delay, Distance: int64(r.distance), Origin: r.origin, Destination: r.destination}
			if !yield(f) {
				return
			}
		}
	}
}

func (t *Table) route(row int) int { return int(t.routeLo[row]) | int(t.routeHi[row])<<8 }
