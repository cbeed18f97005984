package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// An event that is printed says all that a person wants of it, and not its partition alone.
func TestEventsPrintTheirContent(t *testing.T) {
	held := ledger.Position{Offset: 7, Fence: 1}
	move := ledger.Move{TopicPartition: tp(1), Held: held, Next: ledger.Position{Offset: 9, Fence: 2}, Cause: ledger.CauseSkip, Why: "bad record"}
	for want, ev := range map[string]any{
		"t:0 parked at 5: value is no JSON (record-undecodable)": Parked{TopicPartition: tp(0), Offset: 5, Code: "record-undecodable", Reason: "value is no JSON"},
		"t:0 waits: no leader":                                                          Waiting{tp(0), "no leader"},
		"t:0 refused at 5: the ledger holds 7 (ahead)":                                  Refused{TopicPartition: tp(0), Offset: 5, Held: held, Relation: ledger.RelationAhead},
		"t:0: the ledger went back from 9 to 7":                                         SinkWentBack{tp(0), 9, 7, 0},
		"t:0: the ledger went back from 9 to 7, with 2 other members live":              SinkWentBack{tp(0), 9, 7, 2},
		"t:0 blocked at 5 by producer 3's transaction since 1970-01-01T00:00:01Z":       Blocked{tp(0), 5, time.Unix(1, 0), source.Transaction{ProducerID: 3}},
		"{Partitions:[t:0 at 5: ok t:1 at 0: aged out, the log begins at 9 (stopped)]}": Reconciled{[]Reconciliation{{tp(0), ledger.OK, 5, true, ""}, {tp(1), ledger.AgedOut, 0, false, "the log begins at 9"}}},
		"{Moves:[t:1 skip from 7 to 9: bad record t:2 start from nothing to 0]}":        Moved{[]ledger.Move{move, {TopicPartition: tp(2), Cause: ledger.CauseStart, Next: ledger.Position{Fence: 3}}}},
		"[t:0[5 .. 8) rows 0 to 3]":                                                     []fencepost.Segment{{TopicPartition: tp(0), Range: fencepost.OffsetRange{From: 5, Until: 8}, Hi: 3}},
	} {
		if got := fmt.Sprintf("%+v", ev); got != want {
			t.Errorf("printed as\n%s\nwant\n%s", got, want)
		}
	}
}
