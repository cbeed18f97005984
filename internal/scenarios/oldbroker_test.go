//go:build realservers

package scenarios

import (
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// onOldBroker is a scene on Kafka 2.4.1, which knows no topic IDs, with SQLite.
func onOldBroker(t *testing.T) *scene {
	t.Helper()
	old := servers.OwnKafka24(t)
	return newScene(t, servers.Broker{Plaintext: old.Plaintext}, newSQLiteStore(t, seenDDL))
}

// A broker older than topic IDs: everything is applied once, over a restart, through markers, with positions that carry
// no topic ID; that the check is weaker is reported once a run, not at every watch; a rewind works.
//
// A topic that is deleted and made again is found as far as bounds and epochs show it: by an end below the position. One
// that has grown past the position looks valid. That is the weaker check.
func TestOldBroker(t *testing.T) {
	s := onOldBroker(t)
	name := s.topic(2)
	for p := range int32(2) {
		s.fill(at(name, p), 50)
	}
	s.committed(at(name, 0), 5) // 50-54, its marker at 55
	s.aborted(at(name, 0), 3)   // 56-58, its marker at 59
	s.toEnd([]string{name}, nil)
	wk := s.run([]string{name}, nil)
	s.fill(at(name, 0), 10)
	s.fill(at(name, 1), 10)
	s.reached(at(name, 0), 70)
	s.reached(at(name, 1), 60)
	want := append(append(span(0, 50), span(50, 55)...), span(60, 70)...)
	s.wantRows(at(name, 0), want...)
	s.wantRows(at(name, 1), span(0, 60)...)
	for tp, p := range s.snapshot().Positions {
		if p.TopicID != (fencepost.TopicID{}) {
			t.Errorf("%s has topic ID %s, which this broker can not have told", tp, p.TopicID)
		}
	}

	r := s.resources(name)
	v, err := admin.Look(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range v.Standings {
		if st.Decision.Verdict != ledger.WeakerCheck || st.Lag != 0 {
			t.Errorf("offsets show says of %s: %s, lag %d; want weaker check, 0", st.TopicPartition, st.Decision.Verdict, st.Lag)
		}
	}
	s.rewind(r, "-5")
	s.eventuallyRows(at(name, 1), append(span(0, 60), span(55, 60)...)...) // by the watch: it was idle
	settled := heard[engine.Reconciled](wk)
	if told := heard[engine.Weaker](wk); len(told) != 1 || fmt.Sprint(told[0].Topics) != "["+name+"]" || len(settled) < 2 {
		t.Errorf("the weaker check was told as %v over %d settlings, want once over several", told, len(settled))
	}
	wk.end()
	s.recreatedOnOldBroker(name)
}

// recreatedOnOldBroker makes the topic again with less than was applied, and then with more.
func (s *scene) recreatedOnOldBroker(name string) {
	s.t.Helper()
	s.recreate(name, 2)
	s.fill(at(name, 0), 3)
	s.fill(at(name, 1), 100)
	wk := s.run([]string{name}, nil)
	wk.parked(at(name, 0), "truncated") // at 70 of a log of 3
	wk.settled(at(name, 1), ledger.WeakerCheck)
	s.reached(at(name, 1), 100)
	wk.end()
	if p := s.position(at(name, 0)); p.Offset != 70 {
		s.t.Errorf("the parked partition stands at %d, want 70", p.Offset)
	}
}
