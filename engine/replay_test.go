package engine

import (
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// A replay applies what can be applied now and takes its letter out; what is as bad as before keeps its letter with the new
// reason, and what another replay took is gone. A lost answer is no second row. Positions stay.
func TestReplay(t *testing.T) {
	s := memory.Open()
	at := ledger.Position{LeaderEpoch: fencepost.NoEpoch, Fence: 7}
	writer := ledger.Actor{Group: "g", Who: "op@test"}
	if err := s.Move(t.Context(), writer, []ledger.Move{{TopicPartition: tp(0), Next: at, Cause: ledger.CauseStart}}); err != nil {
		t.Fatal(err)
	}
	var dead []ledger.DeadLetter
	for i, v := range []string{"10", "x", "-3", "40"} {
		dead = append(dead, ledger.DeadLetter{LetterID: ledger.LetterID{TopicPartition: tp(0), Offset: fencepost.Offset(i)}, Value: []byte(v), Code: "record-undecodable", Reason: "then"})
	}
	lane, _ := s.Lane(t.Context(), 0)
	passes := sink.Commit{Batch: &fencepost.Batch{Segments: []fencepost.Segment{{TopicPartition: tp(0), Range: fencepost.OffsetRange{Until: 4}}}},
		Moves: []ledger.Move{{TopicPartition: tp(0), Held: at, Next: at.Advance(4, fencepost.NoEpoch), Cause: ledger.CauseCommit}}, Dead: dead}
	if err := lane.Commit(t.Context(), writer, passes); err != nil {
		t.Fatal(err)
	}
	s.SetReject(refuseNegative)
	letters := lettersOf(t, s)
	if err := s.Discard(t.Context(), writer, []ledger.LetterID{letters[3].LetterID}, "meanwhile"); err != nil {
		t.Fatal(err)
	}
	s.Inject(memory.LostAfter, memory.NoFault, memory.LostBefore)
	var got []string
	r := Replay{Sink: s, Decoder: func() fencepost.Decoder { return graded{} }, Writer: writer}
	if err := r.Run(t.Context(), letters, func(_ ledger.Letter, out Replayed, why error) {
		word := out.String()
		if why != nil {
			word += ": " + why.Error()
		}
		got = append(got, word)
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"applied", "bad: no number: x", "bad: n is negative (23514)", "gone"}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("letter %d: got %q, want %q", i, got, want[i])
		}
	}
	wantRows(t, s, tp(0), []fencepost.Offset{0})
	wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): {1, 2, 3}})
	if again := lettersOf(t, s)[1]; again.Code != "record-refused" || again.Reason != "n is negative (23514)" {
		t.Errorf("the letter that is bad again says %s: %s", again.Code, again.Reason)
	}
	if p := position(t, s, tp(0)); p.Offset != 4 {
		t.Errorf("the position is %d, want 4 as before", p.Offset)
	}
}
