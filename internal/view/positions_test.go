package view

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
)

// What is odd comes first, the rest is folded into one line, and the counts say how many there are of each.
func TestPositions(t *testing.T) {
	v := admin.View{Group: "g"}
	for p, state := range []admin.State{admin.Idle, admin.Parked, admin.StateUnknown, admin.Waiting, admin.Blocked} {
		s := admin.Standing{TopicPartition: fencepost.TopicPartition{Topic: "trips", Partition: int32(p)}, State: state,
			Position: ledger.Position{Offset: 10, Fence: 1}, Bounds: fencepost.LogOffsets{LastStableOffset: 20, HighWatermark: 20}, Lag: 10,
			Decision: ledger.Decision{Verdict: ledger.OK, Action: ledger.Resume}}
		if state == admin.Waiting {
			s.Decision, s.Lag, s.Reason = ledger.Decision{Verdict: ledger.Unknown, Action: ledger.Wait}, admin.Unknown, "no answer"
		}
		v.Standings = append(v.Standings, s)
	}
	p := NewPositions(v, "sqlite:x.db", "")
	ordered, odd := p.Ordered()
	var names []string
	for _, s := range ordered {
		names = append(names, s.Name())
	}
	if want := []string{"trips:1", "trips:3", "trips:4", "trips:0", "trips:2"}; odd != 3 || !slices.Equal(names, want) {
		t.Errorf("got %d odd and the order %v, want 3 and %v", odd, names, want)
	}
	if got, want := p.States()+" / "+p.Verdicts(), "1 parked, 1 waiting, 1 blocked / 4 ok, 1 unknown"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p.Exit() != 3 || p.Totals.Lag != 40 || p.Totals.LagUnknown != 1 {
		t.Errorf("got exit %d, lag %d and %d unknown; want 3 for what is parked, 40 and 1", p.Exit(), p.Totals.Lag, p.Totals.LagUnknown)
	}
	if rows := p.Table(Folded).Rows; len(rows) != 4 || !strings.HasPrefix(rows[3].Cells[0], "2 more, all ok") {
		t.Errorf("got %d lines, the last %q; want 3 and one for the 2 others", len(rows), rows[len(rows)-1].Cells[0])
	}
	if rows := p.Table(All).Rows; len(rows) != 6 || rows[5].Cells[0] != "total" {
		t.Errorf("got %d lines, the last %q; want 5 and their total", len(rows), rows[len(rows)-1].Cells[0])
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"format":1,"command":"offsets show","time":null,"group":"g","ledger":{"url":"sqlite:x.db","id":null,"cluster_id":null},"layout":null,"roster":[],`,
		`"partition":3,"stored":null,"position":{"offset":10,"leader_epoch":0,"fence":"0000000000000001","topic_id":null},`,
		`"claim":null,"lag":null,"lag_seconds":0,"verdict":"unknown","state":"waiting","at_most":null,"reason":"no answer","last_move":null`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("got %s\nwant in it %s", text, want)
		}
	}
}
