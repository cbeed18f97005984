package decode

import (
	"sync"
	"sync/atomic"

	"github.com/fencepost/fencepost"
)

// Fill looks at the first records of all decoders of a Factory, and reports each column that none of them fills: whose field is in
// none, or null, whatever the column gets in its place.
type Fill struct {
	report func(column string, records int64)

	mu struct {
		sync.Mutex
		looks []*look
		done  bool
	}
}

// fillWindow is how many records one decoder looks at.
const fillWindow = 1000

// NewFill makes a Fill. report is called once for a column, with how many records were looked at; one call at a time.
func NewFill(report func(column string, records int64)) *Fill { return &Fill{report: report} }

// Close reports what few records showed. A Fill that has reported reports nothing more.
func (f *Fill) Close() { f.judge() }

// look is what one decoder saw. The decoder writes it, and anybody may read it.
type look struct {
	columns []fencepost.ColumnSpec
	records atomic.Int64
	filled  []atomic.Bool
}

// begin is the look of one more decoder; nil if nothing is to be looked at.
func (f *Fill) begin(columns []fencepost.ColumnSpec) *look {
	if f == nil {
		return nil
	}
	l := &look{columns: columns, filled: make([]atomic.Bool, len(columns))}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.looks = append(f.mu.looks, l)
	return l
}

// judge reports the columns that no decoder saw filled.
func (f *Fill) judge() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.done {
		return
	}
	records := int64(0)
	for _, l := range f.mu.looks {
		records += l.records.Load()
	}
	if f.mu.done = records > 0; !f.mu.done {
		return
	}
	for k, c := range f.mu.looks[0].columns {
		filled := false
		for _, l := range f.mu.looks {
			filled = filled || l.filled[k].Load()
		}
		if !filled {
			f.report(c.Name, records)
		}
	}
}
