package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
)

// barred is a Reader of a user who may not read.
type barred struct{}

func (barred) Scan(context.Context, map[fencepost.TopicPartition]fencepost.OffsetRange, func(*fencepost.Record) bool) error {
	return &fencepost.UserError{Code: "kafka-denied", Err: errors.New("user pl may not READ topic trips")}
}

// A lag in time that is not known for want of READ says so.
func TestO4LagTimeSaysWhatIsMissing(t *testing.T) {
	w := newWorld(t, 1)
	r := w.other(foreign.MeaningNext, map[int32]fencepost.OffsetRange{0: {From: 0, Until: 10}})
	r.Reader = barred{}
	v, err := admin.Look(t.Context(), r)
	if err != nil || len(v.Notes) != 1 || v.Notes[0] != "LAG-TIME is not known of all partitions: user pl may not READ topic trips" {
		t.Errorf("notes %q, %v", v.Notes, err)
	}
}

// A mistyped group is answered with the one that is there.
func TestO10GroupsOfALedger(t *testing.T) {
	w := newWorld(t, 2)
	groups, err := admin.Groups(t.Context(), w.resources)
	if want := (admin.Group{Name: w.resources.Group, Kind: "ledger", Members: -1, Topics: 1, Partitions: 2}); err != nil || len(groups) != 1 || groups[0] != want {
		t.Errorf("groups: got %+v, %v, want %+v", groups, err, want)
	}
	r := w.resources
	r.Group = r.Group[:len(r.Group)-1] + "x"
	_, err = admin.Moves(t.Context(), r, admin.Filter{})
	if f := codes.Named(err); f.Code != "ledger-missing" || !strings.Contains(codes.Remedy(f), string(w.resources.Group)+" is there: mend the name; all of them: fencepost offsets groups FILE") {
		t.Errorf("got %v, help %s", err, codes.Remedy(f))
	}
}

// commits is a Kafka group's commits.
type commits struct {
	hash
	readers foreign.Readers
	mirror  fencepost.LedgerID
	late    func() // runs before a Put
}

func (c *commits) Foreign(ctx context.Context) (foreign.Offsets, error) {
	f, err := c.hash.Foreign(ctx)
	f.Mirror = c.mirror
	return f, err
}

func (c *commits) Readers(context.Context) (foreign.Readers, error) { return c.readers, nil }

func (c *commits) Put(_ context.Context, ranges map[fencepost.TopicPartition]fencepost.OffsetRange) error {
	for tp, r := range ranges {
		c.ranges[tp.Partition] = r
	}
	if c.late != nil {
		c.late()
	}
	return nil
}

// A Kafka group is moved as a ledger is: planned, carried out, read back; and refused where that would not be what was planned.
func TestO23SetAnIdleKafkaGroup(t *testing.T) {
	w := newWorld(t, 2)
	group := &commits{hash: hash{ranges: map[int32]fencepost.OffsetRange{0: {From: 10, Until: 10}}}}
	r := w.other(foreign.MeaningNext, nil)
	r.Layout, r.Group = group, "old"
	plan := func(text string) (*admin.Plan, error) {
		v, err := admin.Look(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		to, _ := admin.ParseDestination(text, v.At)
		return admin.PlanSet(t.Context(), r, v, admin.Selection{}, to, false)
	}
	p, err := plan("7")
	if err != nil || !p.Committed || len(p.Lines) != 2 || p.Lines[0].Repeats != 3 || p.Lines[1].AtMost != 7 {
		t.Fatalf("plan %+v, %v", p, err)
	}
	done, err := p.Execute(t.Context(), r, "")
	if err != nil || len(done.Moves) != 2 || group.ranges[0].Until != 7 || group.ranges[1].Until != 7 {
		t.Errorf("done %+v, %v, committed %v", done, err, group.ranges)
	}
	for what, c := range map[string]struct {
		change func()
		code   string
	}{
		"committed since":        {func() { group.ranges[0] = fencepost.OffsetRange{From: 9, Until: 9} }, "plan-stale"},
		"committed right after":  {func() { group.late = func() { group.ranges[0] = fencepost.OffsetRange{From: 8, Until: 8} } }, "not-verified"},
		"a mirror of our ledger": {func() { group.mirror = fencepost.LedgerID{1} }, "set-refused"},
		"a share group":          {func() { group.readers.Kind = "share" }, "set-refused"},
	} {
		*group = commits{hash: hash{ranges: map[int32]fencepost.OffsetRange{0: {From: 10, Until: 10}}}}
		p, err := plan("7")
		if err != nil {
			t.Fatal(err)
		}
		c.change()
		_, err = p.Execute(t.Context(), r, "")
		if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != c.code {
			t.Errorf("%s: got %v, want %s", what, err, c.code)
		}
	}
	group.mirror = fencepost.LedgerID{1}
	if _, err := plan("7"); err == nil || codes.Exit(codes.Named(err)) != 4 {
		t.Errorf("a plan for a mirror: got %v, want set-refused", err)
	}
}
