package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A report comes back as it was written, whatever is in its texts; a long reason is cut.
func TestReportsReadBack(t *testing.T) {
	s := memory.Open()
	rapid.Check(t, func(r *rapid.T) {
		want := ledger.Report{TopicPartition: fencepost.TopicPartition{Topic: rapid.String().Draw(r, "topic"), Partition: rapid.Int32Min(0).Draw(r, "partition")},
			Halt: ledger.HaltParked, Code: rapid.String().Draw(r, "code"), Reason: rapid.StringN(0, -1, 1500).Draw(r, "reason"),
			Record: rapid.Bool().Draw(r, "record"), Offset: fencepost.Offset(rapid.Int64().Draw(r, "offset")), Since: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(r, "since")).UTC(),
			Who:      rapid.String().Draw(r, "who"),
			Position: ledger.Position{Offset: fencepost.Offset(rapid.Int64Min(0).Draw(r, "until")), Fence: ledger.NewFence(rapid.Uint64().Draw(r, "fence"))}}
		if err := ledger.WriteReports(context.Background(), s, "g", []ledger.Report{want}); err != nil {
			r.Fatal(err)
		}
		got, err := ledger.ReadReports(context.Background(), s, "g")
		if diff := cmp.Diff(want, got.Reports[want.TopicPartition]); err != nil || diff != "" {
			r.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
	long := ledger.Report{TopicPartition: tpOf(7), Halt: ledger.HaltWaiting, Reason: strings.Repeat("ö", 5000), Since: time.Now()}
	if err := ledger.WriteReports(t.Context(), s, "h", []ledger.Report{long}); err != nil {
		t.Fatal(err)
	}
	got, err := ledger.ReadReports(t.Context(), s, "h")
	if n := len(got.Reports[tpOf(7)].Reason); err != nil || n < 1900 || n > 2100 {
		t.Errorf("a long reason has %d bytes (%v), want about 2,000", n, err)
	}
}

// What a newer program adds is passed over, and what no program wrote is an error, not a partition without a report.
func TestReportsOfOthers(t *testing.T) {
	s := memory.Open()
	put := func(text string) (map[fencepost.TopicPartition]ledger.Report, error) {
		if err := s.PutReports(t.Context(), "g", map[string]string{"t:7": text, "of later": "x"}); err != nil {
			t.Fatal(err)
		}
		known, err := ledger.ReadReports(t.Context(), s, "g")
		return known.Reports, err
	}
	const known = `state="of later" code="c" reason="r" offset="1" since="2026-11-21T03:12:45Z" who="w" until="2" fence="000000000000000a"`
	if got, err := put(known + ` more="x"`); err != nil || got[tpOf(7)].Halt != "of later" || got[tpOf(7)].Position.Fence != 10 {
		t.Errorf("a newer report: %+v, %v", got, err)
	}
	for _, bad := range []string{"x", `state="parked"`, known[1:] + `"`, known + " more"} {
		if _, err := put(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	s.KeepNoReports()
	if _, err := ledger.ReadReports(t.Context(), s, "g"); !errors.Is(err, ledger.ErrNoReports) {
		t.Errorf("a ledger without a place for reports: %v", err)
	}
}

func tpOf(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "t", Partition: p}
}
