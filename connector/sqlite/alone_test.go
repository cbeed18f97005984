package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// A ledger without a sink is the same ledger, and to open it creates nothing.
func TestOpenLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alone.db")
	l, err := OpenLedger(path, ledger.KeepMerged)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenLedger made the file: %v", err)
	}
	execute(t, path, "CREATE TABLE other (x)")
	move := ledger.Move{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: 0}, Cause: ledger.CauseImport,
		Next: ledger.Position{Offset: 5, LeaderEpoch: fencepost.NoEpoch, Fence: 7}}
	if err := l.Move(t.Context(), ledger.Actor{Group: "g", ClusterID: "c", Who: "w"}, []ledger.Move{move}); err != nil {
		t.Fatal(err)
	}
	sink, err := Open(t.Context(), Config{Path: path, Table: "other"})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	for name, read := range map[string]ledger.Ledger{"alone": l, "a sink's": sink.Ledger()} {
		s, err := read.Read(t.Context(), "g")
		if diff := cmp.Diff(map[fencepost.TopicPartition]ledger.Position{move.TopicPartition: move.Next}, s.Positions); err != nil || diff != "" {
			t.Errorf("ledger %s: %v\n%s", name, err, diff)
		}
	}
	for r, err := range l.Moves(t.Context(), "g") {
		if err != nil || r.Cause != ledger.CauseImport || r.Next.Offset != 5 {
			t.Errorf("moves: %+v, %v", r, err)
		}
	}
	if _, err := OpenLedger(":memory:", 0); err == nil {
		t.Error("a ledger in memory was opened")
	}
}
