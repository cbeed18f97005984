package flights

import "iter"

// Truth is what a pipeline must find in its sink when each flight was counted exactly once.
type Truth struct {
	Total
	Origins map[string]Total // :: airport code -> what departed there
}

// Total sums some flights up.
type Total struct {
	Rows     int64
	Delay    int64 // minutes
	Distance int64 // miles
}

// Add returns the total with one more flight.
func (t Total) Add(f Flight) Total {
	return Total{Rows: t.Rows + 1, Delay: t.Delay + f.Delay, Distance: t.Distance + f.Distance}
}

// TruthOf sums up any flights.
func TruthOf(all iter.Seq[Flight]) Truth {
	truth := Truth{Origins: make(map[string]Total)}
	for f := range all {
		truth.Total = truth.Total.Add(f)
		truth.Origins[f.Origin] = truth.Origins[f.Origin].Add(f)
	}
	return truth
}
