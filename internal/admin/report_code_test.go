package admin_test

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/ledger"
)

// Whatever the code of a park is, a record parks the partition where the worker says so, and nowhere else: the record is what a
// repair passes.
func TestARecordParksByWhatIsReportedOfIt(t *testing.T) {
	w := newWorld(t, 1)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1010, 1010 })
	for _, code := range codes.Names() {
		for _, record := range []bool{true, false} {
			rep := ledger.Report{TopicPartition: tp(0), Halt: ledger.HaltParked, Code: code, Reason: "a reason", Record: record, Offset: 1002,
				Since: producer, Who: "w1@node3", Position: w.positions()[tp(0)]}
			if err := ledger.WriteReports(t.Context(), w.store, group, []ledger.Report{rep}); err != nil {
				t.Fatal(err)
			}
			s := w.standing(0)
			want := map[bool]fencepost.Offset{true: 1002, false: admin.Unknown}[record]
			if got := s.BadAt(); got != want {
				t.Errorf("%s, record %t: the record that parks is at %d, want %d", code, record, got, want)
			}
			if record && (s.Code() != code || !strings.Contains(s.Told(), "record at 1,002 is refused")) {
				t.Errorf("%s: a look says %q: %s", code, s.Code(), s.Told())
			}
		}
	}
}

// A record that a look itself cannot decode has the decoder's code, whichever it is.
func TestALookHasTheDecodersCode(t *testing.T) {
	w := newWorld(t, 1)
	w.bounds(0, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark = 1001, 1001 })
	for _, code := range append(codes.Names(), "") {
		w.resources.Try = func(*fencepost.Record) error { return &fencepost.BadRecord{Code: code, Reason: "a reason"} }
		want := code
		if code == "" {
			want = "record-undecodable"
		}
		if s := w.standing(0); s.Code() != want || s.BadAt() != 1000 {
			t.Errorf("%q: got %s of the record at %d, want %s at 1000", code, s.Code(), s.BadAt(), want)
		}
	}
}
