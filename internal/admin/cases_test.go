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
