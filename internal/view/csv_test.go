package view

import (
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
)

// The columns of csv are a contract: programs read them by name, and some by number.
func TestColumns(t *testing.T) {
	for _, c := range []struct {
		answer Answer
		want   string
	}{
		{Positions{Positions: []Standing{}}, "topic,partition,position_offset,position_leader_epoch,position_fence,position_topic_id," +
			"bounds_earliest,bounds_stable,bounds_end,bounds_topic_id,lag,lag_seconds,verdict,state,at_most,reason," +
			"last_move_cause,last_move_time,last_move_who,last_move_why,code,report_since,report_worker"},
		{Difference{}, "topic,partition,a_offset,a_stored,a_verdict,b_offset,b_stored,b_verdict,a_minus_b,earliest,end"},
		{Plan{}, "topic,partition,cause,held_offset,held_fence,next_offset,repeats,loses_at_most,why"},
		{Done{}, "topic,partition,cause,held_offset,held_fence,next_offset,repeats,loses_at_most,why"},
		{Repair{}, "topic,partition,verdict,choice,chosen,cause,held_offset,next_offset,repeats,loses_at_most,note"},
		{Copy{}, "topic,partition,cause,stored,held_offset,held_fence,next_offset,next_topic_id,earliest,end," +
			"unread,verdict,repeats,loses_at_most,record_at_next,why"},
		{Moves{}, "time,topic,partition,cause,commits,held_offset,held_leader_epoch,held_fence,held_topic_id," +
			"next_offset,next_leader_epoch,next_fence,next_topic_id,at_most,at_most_unknown,who,why"},
		{Audit{}, "subject,ok,checked,kind,topic,partition,text"},
		{Backfill{}, "topic,partition,from,until,offset,left,repeats"},
	} {
		var b strings.Builder
		if err := CSV(&b, c.answer.Rows()); err != nil {
			t.Fatalf("%T: %v", c.answer, err)
		}
		if got := b.String(); got != c.want+"\n" {
			t.Errorf("%T: got columns\n%swant\n%s", c.answer, got, c.want)
		}
	}
}

// What is not known is empty, a text is as it is, and a struct that is null has empty columns.
func TestCells(t *testing.T) {
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	position := ledger.Position{Offset: 1000, LeaderEpoch: fencepost.NoEpoch, Fence: 255}
	for want, row := range map[string]Standing{
		"trips,1,1000,,00000000000000ff,,,,,,,,,,,,,,,,,,": standing(admin.Standing{TopicPartition: fencepost.TopicPartition{Topic: "trips", Partition: 1},
			Position: position, Bounds: fencepost.LogOffsets{Err: fencepost.ErrNoAnswer}, Lag: admin.Unknown, LagTime: admin.Unknown}),
		`trips,2,,,,,5,7,7,,7,90.5,aged-out,parked,5,"a ""<b>"" & c",skip,2026-11-20T03:00:00.000Z,me,,,,`: standing(admin.Standing{
			TopicPartition: fencepost.TopicPartition{Topic: "trips", Partition: 2}, Bounds: fencepost.LogOffsets{Earliest: 5, LastStableOffset: 7, HighWatermark: 7}, Lag: 7,
			LagTime: 90*time.Second + 500*time.Millisecond, Decision: ledger.Decision{Verdict: ledger.AgedOut, Lost: 5}, State: admin.Parked, Reason: `a "<b>" & c`,
			Last: &ledger.Recorded{Move: ledger.Move{Cause: ledger.CauseSkip}, At: at, Who: "me"}}),
	} {
		var b strings.Builder
		if err := CSV(&b, []Standing{row}); err != nil {
			t.Fatal(err)
		}
		if _, got, _ := strings.Cut(b.String(), "\n"); got != want+"\n" {
			t.Errorf("got  %swant %s", got, want)
		}
	}
}
