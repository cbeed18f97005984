package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// The table above Keeps, and what each refusal says.
func TestKeeps(t *testing.T) {
	ours, theirs := fencepost.LedgerID{1}, fencepost.LedgerID{2}
	tp := fencepost.TopicPartition{Topic: "trips"}
	holds := map[fencepost.TopicPartition]Position{tp: {Offset: 5, Fence: 7}}
	unmarked, own, other := fencepost.CommittedOffset{Offset: 5}, fencepost.CommittedOffset{Offset: 5, Ledger: ours}, fencepost.CommittedOffset{Offset: 5, Ledger: theirs}
	for _, c := range []struct {
		what   string
		ledger fencepost.LedgerID
		held   map[fencepost.TopicPartition]Position
		mirror []fencepost.CommittedOffset
		code   string
		says   string
	}{
		{"a new group", ours, nil, nil, "", ""},
		{"a new group in a store without a ledger", fencepost.LedgerID{}, nil, nil, "", ""},
		{"a group that has not committed", ours, holds, nil, "", ""},
		{"another program's offsets, and ours", ours, holds, []fencepost.CommittedOffset{unmarked}, "", ""},
		{"our own", ours, holds, []fencepost.CommittedOffset{own}, "", ""},
		{"another program's offsets", ours, nil, []fencepost.CommittedOffset{unmarked}, "ledger-empty", "the ledger is empty, but the group has run: Kafka holds 1 offset of trip-totals"},
		{"restored too far", ours, nil, []fencepost.CommittedOffset{own, own}, "ledger-empty", "the ledger is empty, but the group has run: Kafka holds 2 offsets of trip-totals"},
		{"staging", ours, holds, []fencepost.CommittedOffset{own, other}, "other-ledger", "group trip-totals is kept by ledger 02000000; this is 01000000"},
		{"empty staging", ours, nil, []fencepost.CommittedOffset{other}, "other-ledger", "group trip-totals is kept by ledger 02000000; this is 01000000, and it is empty"},
		{"staging without tables", fencepost.LedgerID{}, nil, []fencepost.CommittedOffset{other}, "other-ledger", "group trip-totals is kept by ledger 02000000; here is none yet"},
	} {
		mirrored := map[fencepost.TopicPartition]fencepost.CommittedOffset{}
		for i, m := range c.mirror {
			mirrored[fencepost.TopicPartition{Topic: "trips", Partition: int32(i)}] = m
		}
		err := Keeps("trip-totals", Snapshot{Ledger: c.ledger, Positions: c.held}, mirrored)
		fault, _ := errors.AsType[*fencepost.UserError](err)
		switch {
		case c.code == "" && err != nil:
			t.Errorf("%s: refused: %v", c.what, err)
		case c.code != "" && (fault == nil || fault.Code != c.code || fault.Error() != c.says):
			t.Errorf("%s: got %v, want %s: %s", c.what, err, c.code, c.says)
		case c.code == "ledger-empty" && fault.Facts["group"] != "trip-totals":
			t.Errorf("%s: got the facts %v, want the group", c.what, fault.Facts)
		}
	}
}

// The table above Strangers.
func TestStrangers(t *testing.T) {
	ours, theirs := fencepost.LedgerID{1}, fencepost.LedgerID{2}
	for _, c := range []struct {
		what     string
		mirrored map[string]fencepost.LedgerID // :: member that is named -> with which ledger
		live     string
		entered  string
		want     []Stranger
	}{
		{"nobody is live", map[string]fencepost.LedgerID{"a": ours}, "", "", nil},
		{"live, and not named", nil, "a", "", nil},
		{"named, and gone", map[string]fencepost.LedgerID{"a": ours}, "b", "", nil},
		{"named with another ledger", map[string]fencepost.LedgerID{"a": theirs}, "a", "", nil},
		{"of this ledger", map[string]fencepost.LedgerID{"a": ours}, "a b", "b a", nil},
		{"a stranger", map[string]fencepost.LedgerID{"a": ours}, "a", "", []Stranger{{"a", "a@host"}}},
		{"strangers beside one of this ledger, one of another program and one that is gone",
			map[string]fencepost.LedgerID{"a": ours, "b": ours, "c": ours, "gone": ours}, "c program b a", "b", []Stranger{{"c", "c@host"}, {"a", "a@host"}}},
	} {
		mirrored := map[fencepost.TopicPartition]fencepost.CommittedOffset{{Topic: "unsigned"}: {Offset: 1, Ledger: ours}}
		for member, id := range c.mirrored {
			mirrored[fencepost.TopicPartition{Topic: member}] = fencepost.CommittedOffset{Ledger: id, Member: member, Who: member + "@host"}
		}
		workers := []Worker{{Slot: 9, Sign: "s"}} // it has not joined yet
		for _, member := range strings.Fields(c.entered) {
			workers = append(workers, Worker{Member: member})
		}
		if got := Strangers(ours, mirrored, strings.Fields(c.live), workers); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.what, got, c.want)
		}
	}
}
