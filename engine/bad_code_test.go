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

// parking says of the record at 13 that its partition parks, inside another error.
type parking struct{ numbers }

func (d *parking) Decode(r *fencepost.Record, cols []fencepost.Column) error {
	if r.Offset == 13 {
		bad := &fencepost.BadRecord{Code: "loss-not-accepted", Parks: true}
		return bad.Because("the test says so")
	}
	return d.numbers.Decode(r, cols)
}

// What is not this record's alone parks where bad records are passed: they would all be.
func TestABadRecordThatParksIsNotPassed(t *testing.T) {
	for _, as := range []Treatment{Skip, DeadLetter} {
		inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
			w.produce(tp(0), 20)
			dec := &parking{}
			dec.bad.Store(-1)
			wk := w.run(s, passing(as, func(c *Config) { c.Decoder = func() fencepost.Decoder { return dec } }))
			synctest.Wait()
			wk.source.assign(tp(0))
			time.Sleep(time.Minute)
			if r := reported(t, s, tp(0)); r.Code != "loss-not-accepted" || r.Offset != 13 || position(t, s, tp(0)).Offset != 13 {
				t.Errorf("%s: reported %+v at %d, want loss-not-accepted at 13", as, r, position(t, s, tp(0)).Offset)
			}
			if err := wk.end(); err != nil {
				t.Fatalf("run: %v", err)
			}
		})
	}
}
