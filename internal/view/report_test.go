package view

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/source"
)

// brokers are such that everything is read, as far as they say.
type brokers struct{}

func (brokers) Describe(context.Context) (source.Description, error) {
	return source.Description{ClusterID: "c", Topics: map[string]fencepost.Topic{"t": {ID: fencepost.TopicID{1}, Partitions: 1}}}, nil
}
func (brokers) LogOffsets(_ context.Context, asks []fencepost.OffsetQuery) map[fencepost.TopicPartition]fencepost.LogOffsets {
	return map[fencepost.TopicPartition]fencepost.LogOffsets{asks[0].TopicPartition: {TopicID: fencepost.TopicID{1}, LastStableOffset: 5, HighWatermark: 5, EpochEnd: -1}}
}
func (brokers) CommittedOffsets(context.Context, fencepost.Group) (map[fencepost.TopicPartition]fencepost.CommittedOffset, error) {
	return nil, nil
}
func (brokers) Mirror(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.CommittedOffset) error {
	return nil
}

// O1: whatever a worker says of how a partition stands still, offsets show says it with code, since and worker, and ends
// with 3; a word that a newer program wrote too. What is not about the position that is held is passed over.
func TestO1ShowSaysWhatWorkersReport(t *testing.T) {
	for halt, state := range map[ledger.Halt]string{ledger.HaltParked: "parked", ledger.HaltWaiting: "waiting", ledger.HaltBlocked: "blocked",
		ledger.HaltRetrying: "retrying", ledger.HaltCutOff: "cut-off", "of later": "waiting"} {
		s, tp := memory.Open(), fencepost.TopicPartition{Topic: "t"}
		at := ledger.Position{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: 7, TopicID: fencepost.TopicID{1}}
		if err := s.Move(t.Context(), ledger.Actor{Group: "g", ClusterID: "c"}, []ledger.Move{{TopicPartition: tp, Next: at, Cause: ledger.CauseStart, Partitions: 1}}); err != nil {
			t.Fatal(err)
		}
		show := func() Positions {
			v, err := admin.Look(t.Context(), admin.Resources{Group: "g", Ledger: s, Cluster: brokers{}})
			if err != nil {
				t.Fatal(err)
			}
			return NewPositions(v, "memory", "")
		}
		r := ledger.Report{TopicPartition: tp, Halt: halt, Code: "a-code", Reason: "a reason", Offset: 5, Who: "w1@node3", Position: at,
			Since: time.Date(2026, 11, 21, 3, 12, 45, 0, time.Local)}
		if err := ledger.WriteReports(t.Context(), s, "g", []ledger.Report{r}); err != nil {
			t.Fatal(err)
		}
		p := show()
		text := ""
		for _, e := range p.Explained() {
			text += e.Name + " " + e.Text
		}
		if p.Exit() != 3 || string(p.Positions[0].State) != state || text != "t:0 a reason; a-code since "+r.Since.Format("2006-01-02 15:04:05 -07:00")+", says w1@node3" ||
			!strings.HasPrefix(p.States(), "1 ") {
			t.Errorf("%s: exit %d, state %s, %q, %q", halt, p.Exit(), p.Positions[0].State, text, p.States())
		}
		if err := s.Move(t.Context(), ledger.Actor{Group: "g"}, []ledger.Move{{TopicPartition: tp, Held: at, Next: at.Advance(5, 0), Cause: ledger.CauseCommit}}); err != nil {
			t.Fatal(err)
		}
		r.Position.Offset = 4
		if err := ledger.WriteReports(t.Context(), s, "g", []ledger.Report{r}); err != nil {
			t.Fatal(err)
		}
		if p := show(); p.Exit() != 0 || len(p.Explained()) != 0 {
			t.Errorf("%s of another position: exit %d, %v", halt, p.Exit(), p.Explained())
		}
		s.KeepNoReports()
		if p := show(); p.Exit() != 0 || len(p.Explained()) != 1 || *p.Reported || !strings.Contains(p.Explained()[0].Text, "fencepost ddl FILE") {
			t.Errorf("of a ledger without reports: exit %d, %v", p.Exit(), p.Explained())
		}
	}
}

// frozen is a ledger whose server takes no writes.
type frozen struct{ *memory.Store }

func (frozen) RefusesWrites(context.Context) (why, err error) {
	return &fencepost.UserError{Code: "database-read-only", Err: errors.New("db1:5432: it is read-only"), Passing: true}, nil
}

// O1: where the ledger's server takes no writes, a worker can neither commit nor report. offsets show says that by itself, and ends with 3.
func TestO1ShowSaysThatNothingCanBeCommitted(t *testing.T) {
	show := func(l ledger.Ledger) Positions {
		v, err := admin.Look(t.Context(), admin.Resources{Group: "g", Ledger: l, Cluster: brokers{}})
		if err != nil {
			t.Fatal(err)
		}
		return NewPositions(v, "memory", "")
	}
	s := memory.Open()
	if p := show(s); p.Exit() != 0 || p.Refused != nil {
		t.Fatalf("of a ledger that takes writes: exit %d, %+v", p.Exit(), p.Refused)
	}
	p := show(frozen{s})
	want := Explained{"ledger", "no worker can commit, nor report why: database-read-only: db1:5432: it is read-only"}
	if p.Exit() != 3 || !slices.Contains(p.Explained(), want) || *p.Refused != (Refusal{"database-read-only", "db1:5432: it is read-only"}) {
		t.Errorf("exit %d, %v, %+v; want 3 and %v", p.Exit(), p.Explained(), p.Refused, want)
	}
}
