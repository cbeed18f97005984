package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
)

// coded refuses the record at 13 with a code of its own.
type coded struct{ numbers }

func (d *coded) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	if r.Offset == 13 {
		return &fencepost.BadRecord{Code: "schema-unknown", Reason: "the test says so"}
	}
	return d.numbers.Decode(r, cols)
}

// A bad record parks its partition as one, whatever the decoder's code is: it is told once, and others read which record it is.
func TestABadRecordHasAnyCode(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 20)
		dec := &coded{}
		dec.bad.Store(-1)
		wk := w.run(s, func(c *Config) { c.Decoder = func() fencepost.Decoder { return dec } })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(23 * time.Second)
		if n := len(seen[Parked](wk)); n != 1 {
			t.Errorf("parked was told %d times, want once", n)
		}
		if r := reported(t, s, tp(0)); r.Code != "schema-unknown" || r.Offset != 13 || !r.Record {
			t.Errorf("reported: %+v, want schema-unknown, of the record at 13", r)
		}
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
	})
}
