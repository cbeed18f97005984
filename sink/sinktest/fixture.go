package sinktest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Fixture makes stores for the suite.
type Fixture struct {
	// New makes a store that holds nothing: no table of the ledger, and the append table empty. It is called once a
	// subtest, and whatever it took goes with t.Cleanup. Stores live side by side.
	New func(t *testing.T) Store
	// RowsAreNoted says that the rows are not the store's own but the suite's note of them, as for a ledger alone: the
	// demands on rows alone are left out.
	RowsAreNoted bool
}

// Store is one store, as the suite reaches it.
type Store interface {
	// Open is what one more worker process does: a sink of its own on this same store, whose ledger keeps commits as
	// its argument says. The ledger is a ledger.History. It is called by several goroutines at once; the suite closes the sink.
	Open(ctx context.Context, keep ledger.KeepCommits) (sink.Sink, error)
	// Rows reads the rows of the append table, in any order, around the sink.
	Rows(t *testing.T) []Row
	// DeleteRow deletes a partition's row from the ledger, as a careless operator would.
	DeleteRow(t *testing.T, group fencepost.Group, tp fencepost.TopicPartition)
	// ForeignWrite replaces a partition's row in the ledger by one with this offset and nothing else: no fence, no
	// epoch, no topic ID. Another program wrote it.
	ForeignWrite(t *testing.T, group fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset)
	// MakeNewer makes the ledger one that a newer version of the program wrote.
	MakeNewer(t *testing.T)
}

// Row is a row of the append table.
type Row struct {
	fencepost.TopicPartition
	Offset fencepost.Offset
	Value  string
	N      int64
}

// String is the row with its place.
func (r Row) String() string {
	return fmt.Sprintf("%s@%d value %q, n %d", r.TopicPartition, r.Offset, r.Value, r.N)
}

// Typed is a Store that can show columns of every type.
type Typed interface {
	// OpenTyped is Open with an append table of these columns, in place of value and n.
	OpenTyped(ctx context.Context, columns []fencepost.ColumnSpec) (sink.Sink, error)
	// TypedRows reads that table in offset order: nil for null, int64 for Int, microseconds as int64 for Timestamp,
	// float64, bool, []byte for Bytes, string for the rest.
	TypedRows(t *testing.T, columns []fencepost.ColumnSpec) [][]any
}

// AnswerLoser is a Store that can lose an answer.
type AnswerLoser interface {
	// LoseAnswer loses the answer of the next Commit or Move of any sink of this store: after the store applied it, or before
	// it did.
	LoseAnswer(t *testing.T, applied bool)
}

// Columns are the columns of the suite's batches.
func Columns() []fencepost.ColumnSpec {
	return []fencepost.ColumnSpec{{Name: "value", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
}

// Run runs the suite, one subtest a demand.
func Run(t *testing.T, f Fixture) {
	for _, c := range demands {
		if f.RowsAreNoted && slices.Contains(ofRows, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.run(&world{T: t, store: f.New(t), fresh: f.New, group: "flight-delays"}) })
	}
}

// ofRows are the demands that say nothing about moves.
var ofRows = []string{"rejected-rows-leave-nothing", "every-type", "text-that-is-not-utf-8", "deletes-by-key", "deletes-after-an-unknown-outcome", "deletes-like-a-map",
	"deletes-in-opposite-orders", "the-refused-row-is-named", "the-row-of-a-null-is-named", "what-is-tried-leaves-nothing", "letters-are-in-the-commit", "letters-of-a-lost-answer-are-one", "letters-are-replayed-once", "letters-of-records-passed-again-go",
	"letters-are-discarded"}

// demands are the subtests, in the order in which a new connector best learns to pass them.
var demands = []struct {
	name string
	run  func(*world)
}{
	{"chain", chain},
	{"epoch-and-topic-id-are-kept", factsAreKept},
	{"an-empty-range-advances-nothing-else", emptyRange},
	{"all-or-nothing-commit", allOrNothingCommit},
	{"all-or-nothing-move", allOrNothingMove},
	{"refused-says-how-it-stands", standings},
	{"a-start-needs-no-row", startNeedsNoRow},
	{"two-workers-start-at-once", startAtOnce},
	{"opposite-orders-do-not-deadlock", oppositeOrders},
	{"untouched-stays-untouched", untouched},
	{"nothing-to-move-writes-nothing", emptyWritesNothing},
	{"two-workers-race-for-one-partition", race},
	{"rejected-rows-leave-nothing", rejected},
	{"the-refused-row-is-named", refusedNamed},
	{"the-row-of-a-null-is-named", nullsNamed},
	{"rows-of-no-segment-stay-out", cutRows},
	{"invalid-moves-are-refused", invalidMoves},
	{"unknown-is-settled-by-the-next-try", unknown},
	{"a-lost-answer-is-one-effect", lostAnswer},
	{"newer", newer},
	{"other-cluster", otherCluster},
	{"identity", identity},
	{"eight-open-at-once", eightAtOnce},
	{"topics-counts", rosterCounts},
	{"topics-recreated", rosterRecreated},
	{"topics-without-a-topic-id", rosterUnknownID},
	{"topics-of-imports", rosterImports},
	{"topics-learns-a-topic-id", rosterLearnsID},
	{"history-keeping-all", history(ledger.KeepAll)},
	{"history-keeping-merged", history(ledger.KeepMerged)},
	{"history-keeping-none", history(ledger.KeepNone)},
	{"history-of-backfills", backfills},
	{"last-moves-keeping-all", lastMoves(ledger.KeepAll)},
	{"last-moves-keeping-merged", lastMoves(ledger.KeepMerged)},
	{"last-moves-keeping-none", lastMoves(ledger.KeepNone)},
	{"reports", reports},
	{"reports-of-partitions", reportsOfPartitions},
	{"signs-of-life-end", presence},
	{"signs-of-life-that-ended-before", presenceBefore},
	{"large-numbers", largeNumbers},
	{"group-names", groupNames},
	{"topic-names", topicNames},
	{"ten-thousand-partitions", tenThousand},
	{"every-type", everyType},
	{"a-range-applied-twice-has-its-rows-twice", appliedTwice},
	{"text-that-is-not-utf-8", oddText},
	{"deletes-by-key", deletesByKey},
	{"deletes-after-an-unknown-outcome", deletesAfterUnknown},
	{"deletes-like-a-map", deletesLikeAMap},
	{"deletes-in-opposite-orders", deletesInOppositeOrders},
	{"partial-by-key", partialByKey},
	{"partial-like-a-map", partialLikeAMap},
	{"looking-makes-nothing", looking},
	{"groups-are-listed", groupsListed},
	{"topics-that-differ-in-case", topicsByCase},
	{"letters-are-in-the-commit", lettersCommit},
	{"letters-of-a-lost-answer-are-one", lettersLost},
	{"letters-are-replayed-once", lettersReplayed},
	{"letters-of-records-passed-again-go", lettersRemoved},
	{"letters-are-discarded", lettersDiscarded},
	{"what-is-tried-leaves-nothing", tried},
	{"commits-that-say-why-are-kept", reasonsKept},
}
