package ledger_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// roster is the topics of a group that has one.
type roster = map[string]ledger.TopicState

// enrolling is a start of a partition of topic t under an ID.
func enrolling(partition, partitions int32, id byte) ledger.Move {
	return ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: partition}, Partitions: partitions,
		Next: ledger.Position{Fence: 1, TopicID: fencepost.TopicID{id}}, Cause: ledger.CauseStart}
}

func TestEnroll(t *testing.T) {
	at := func(id byte, n int32) roster { return roster{"t": {TopicID: fencepost.TopicID{id}, Partitions: n}} }
	imported := enrolling(4, 0, 1)
	imported.Cause = ledger.CauseImport
	rewound := enrolling(9, 0, 2)
	rewound.Cause = ledger.CauseRewind
	other := enrolling(0, 0, 7)
	other.Topic = "u"
	for _, c := range []struct {
		what  string
		was   roster
		moves []ledger.Move
		want  roster
		err   string // part of the error; empty: none
	}{
		{"nothing", at(1, 3), nil, roster{}, ""},
		{"a first start", nil, []ledger.Move{enrolling(2, 0, 1)}, at(1, 3), ""},
		{"a start that says how many there are", nil, []ledger.Move{enrolling(2, 12, 1)}, at(1, 12), ""},
		{"an import", at(1, 3), []ledger.Move{imported}, at(1, 5), ""},
		{"another cause", at(1, 3), []ledger.Move{rewound}, roster{}, ""},
		{"a start of what is counted", at(1, 3), []ledger.Move{enrolling(1, 2, 1)}, roster{}, ""},
		{"an unknown ID is filled in", at(0, 3), []ledger.Move{enrolling(1, 0, 1)}, at(1, 3), ""},
		{"an unknown ID replaces none", at(1, 3), []ledger.Move{enrolling(3, 0, 0)}, at(1, 4), ""},
		{"all of a recreated topic", at(1, 2), []ledger.Move{enrolling(0, 0, 2), enrolling(1, 0, 2)}, at(2, 2), ""},
		{"all of it, one without an ID", at(1, 2), []ledger.Move{enrolling(0, 0, 2), enrolling(1, 0, 0)}, at(2, 2), ""},
		{"all of it and more", at(1, 2), []ledger.Move{enrolling(2, 0, 2), enrolling(0, 0, 2), enrolling(1, 0, 2)}, at(2, 3), ""},
		{"half of it", at(1, 2), []ledger.Move{enrolling(0, 0, 2)}, nil, "only 1 of its 2 partitions"},
		{"an added one only", at(1, 2), []ledger.Move{enrolling(2, 0, 2)}, nil, "only 0 of its 2 partitions"},
		{"old and new", at(1, 2), []ledger.Move{enrolling(0, 0, 2), enrolling(1, 0, 1)}, nil, "two topic IDs"},
		{"all of it, and an added one by the old ID", at(1, 2), []ledger.Move{enrolling(2, 0, 1), enrolling(0, 0, 2), enrolling(1, 0, 2)}, nil, "two topic IDs"},
		{"two IDs for an unknown one", at(0, 2), []ledger.Move{enrolling(0, 0, 1), enrolling(1, 0, 2)}, nil, "two topic IDs"},
		{"another topic beside", at(1, 3), []ledger.Move{other}, roster{"u": {TopicID: fencepost.TopicID{7}, Partitions: 1}}, ""},
	} {
		before := maps.Clone(c.was)
		got, err := ledger.Enroll(c.was, c.moves)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got error %v, want %q", c.what, err, c.err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: what changes differs (-want +got):\n%s", c.what, diff)
		}
		if !maps.Equal(before, c.was) {
			t.Errorf("%s: the roster itself was changed", c.what)
		}
	}
}

// slowEnroll is Enroll once more: one topic after the other, over lists of partitions and IDs, in words of the rule.
func slowEnroll(was roster, moves []ledger.Move) (after roster, ok bool) {
	after = roster{}
	maps.Copy(after, was)
	for _, topic := range []string{"t", "u"} {
		var started []int32
		var ids []fencepost.TopicID
		e := was[topic]
		for _, m := range moves {
			if m.Topic != topic || m.Cause != ledger.CauseStart && m.Cause != ledger.CauseImport {
				continue
			}
			started = append(started, m.Partition)
			if m.Next.TopicID != (fencepost.TopicID{}) {
				ids = append(ids, m.Next.TopicID)
			}
			for e.Partitions < m.Partition+1 || e.Partitions < m.Partitions {
				e.Partitions++
			}
		}
		if len(started) == 0 {
			continue
		}
		if len(slices.Compact(slices.SortedFunc(slices.Values(ids), compareIDs))) > 1 {
			return nil, false
		}
		if len(ids) > 0 {
			if e.TopicID != (fencepost.TopicID{}) && e.TopicID != ids[0] {
				for p := range was[topic].Partitions {
					if !slices.Contains(started, p) {
						return nil, false
					}
				}
			}
			e.TopicID = ids[0]
		}
		after[topic] = e
	}
	return after, true
}

func compareIDs(a, b fencepost.TopicID) int { return strings.Compare(a.String(), b.String()) }

// Enroll says what its slow twin says, in whatever order the moves come; and the same moves once more change nothing.
func TestEnrollProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Map(rapid.IntRange(0, 2), func(n int) fencepost.TopicID { return fencepost.TopicID{byte(n)} })
		was := roster{}
		for _, topic := range []string{"t", "u"} {
			if rapid.Bool().Draw(t, "known "+topic) {
				was[topic] = ledger.TopicState{TopicID: id.Draw(t, "id"), Partitions: rapid.Int32Range(1, 4).Draw(t, "count")}
			}
		}
		partition := rapid.Custom(func(t *rapid.T) ledger.Move {
			m := enrolling(rapid.Int32Range(0, 5).Draw(t, "partition"), rapid.SampledFrom([]int32{0, 0, 0, 3, 6}).Draw(t, "partitions"), 0)
			m.Topic = rapid.SampledFrom([]string{"t", "t", "u"}).Draw(t, "topic")
			m.Next.TopicID = id.Draw(t, "id")
			m.Cause = rapid.SampledFrom([]ledger.Cause{ledger.CauseStart, ledger.CauseStart, ledger.CauseImport, ledger.CauseRewind}).Draw(t, "cause")
			return m
		})
		moves := rapid.SliceOfNDistinct(partition, 0, 8, func(m ledger.Move) fencepost.TopicPartition { return m.TopicPartition }).Draw(t, "moves")
		if rapid.Bool().Draw(t, "one ID") {
			one := id.Draw(t, "of all")
			for i := range moves {
				moves[i].Next.TopicID = one
			}
		}
		want, ok := slowEnroll(was, moves)
		changed, err := ledger.Enroll(was, moves)
		if (err == nil) != ok {
			t.Fatalf("roster %v, moves %v: got error %v, want one: %t", was, moves, err, !ok)
		}
		if !ok {
			return
		}
		for topic, e := range changed {
			if e == was[topic] {
				t.Fatalf("entry %s is among the changed ones and is the same", topic)
			}
		}
		got := maps.Clone(was)
		maps.Copy(got, changed)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("roster %v, moves %v: the roster after them differs (-want +got):\n%s", was, moves, diff)
		}
		if again, err := ledger.Enroll(got, moves); err != nil || len(again) > 0 {
			t.Fatalf("the same moves once more: got %v, %v, want nothing", fmt.Sprint(again), err)
		}
	})
}
