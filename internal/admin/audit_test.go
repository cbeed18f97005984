package admin_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// table is a sink's rows, as provenance returns them.
type table struct {
	rows []sink.Applied
	read func() // called once the rows were read
}

func (s *table) Applied(context.Context) iter.Seq2[sink.Applied, error] {
	return func(yield func(sink.Applied, error) bool) {
		for _, r := range s.rows {
			if !yield(r, nil) {
				return
			}
		}
		if s.read != nil {
			s.read()
		}
	}
}

func (s *table) fill(p int32, from, until fencepost.Offset) {
	for o := from; o < until; o++ {
		s.rows = append(s.rows, sink.Applied{TopicPartition: tp(p), Offset: o, Rows: 1})
	}
}

// at is the row of one record.
func (s *table) at(p int32, o fencepost.Offset) *sink.Applied {
	for i := range s.rows {
		if s.rows[i].TopicPartition == tp(p) && s.rows[i].Offset == o {
			return &s.rows[i]
		}
	}
	panic("no such row")
}

func (s *table) remove(p int32, o fencepost.Offset) {
	for i := range s.rows {
		if s.rows[i].TopicPartition == tp(p) && s.rows[i].Offset == o {
			s.rows = append(s.rows[:i], s.rows[i+1:]...)
			return
		}
	}
}

// audited is a world of two partitions whose 2,000 records are in a table.
func audited(t *testing.T) (*world, *table) {
	w := newWorld(t, 2)
	s := &table{}
	s.fill(0, 0, 1000)
	s.fill(1, 0, 1000)
	w.resources.Provenance = s
	return w, s
}

// audit is the faults of an audit, as `subject kind partition text`.
func (w *world) audit(o admin.AuditOptions) (*admin.Audit, string) {
	w.t.Helper()
	a, err := admin.Prove(w.t.Context(), w.resources, o)
	if err != nil {
		w.t.Fatal(err)
	}
	var faults []string
	for _, f := range a.Findings {
		if !f.OK && !f.Unchecked {
			faults = append(faults, fmt.Sprintf("%s %s %d %s", f.Subject, f.Kind, f.Partition, f.Text))
		}
	}
	return a, strings.Join(faults, "\n")
}

var keeps = admin.AuditOptions{KeepsCommits: true}

// history is what a test made of the recorded moves.
type history []ledger.Recorded

func (h history) Moves(context.Context, fencepost.Group) iter.Seq2[ledger.Recorded, error] {
	return func(yield func(ledger.Recorded, error) bool) {
		for _, m := range h {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (w *world) history() (h history) {
	for m, err := range w.store.Moves(w.t.Context(), group) {
		if err != nil {
			w.t.Fatal(err)
		}
		h = append(h, m)
	}
	return h
}

// Each planted fault is found, named, and nothing else.
func TestAuditFindsPlantedFaults(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*world, *table)
		want  string
	}{
		"none":        {func(*world, *table) {}, ""},
		"row deleted": {func(_ *world, s *table) { s.remove(1, 40) }, "rows missing 1 1 record of offset 40, still on the broker, has no row"},
		"last rows deleted": {func(_ *world, s *table) { s.rows = s.rows[:1998] },
			"rows missing 1 2 records of [998 .. 1,000), still on the broker, have no row"},
		"all rows deleted": {func(_ *world, s *table) { s.rows = s.rows[:1000] },
			"rows missing 1 1,000 records of [0 .. 1,000), still on the broker, have no row"},
		"row doubled": {func(_ *world, s *table) { s.at(0, 7).Rows = 2 }, "rows doubled 0 offset 7: 2 rows, of commits that cover it once"},
		"row of no partition": {func(_ *world, s *table) {
			s.rows = append(s.rows, sink.Applied{TopicPartition: tp(9), Offset: 7, Rows: 1})
		},
			"rows foreign 9 1 row (offset 7); the roster knows 2 partitions"},
		"row beyond the position": {func(_ *world, s *table) { s.fill(1, 1000, 1003) }, "rows foreign 1 3 rows ([1,000 .. 1,003)); no commit covers it"},
		"row of no record": {func(_ *world, s *table) { s.rows = append([]sink.Applied{{Rows: 4}}, s.rows...) },
			"rows foreign 0 4 rows without topic, partition or offset"},
		"entry edited": {func(w *world, _ *table) { w.store.ForeignWrite(group, tp(1), 900) },
			"ledger changed 1 holds 900, its moves lead to 1,000: changed by something else"},
		"entry deleted":  {func(w *world, _ *table) { w.store.DeleteRow(group, tp(1)) }, "ledger changed 1 has no row, its moves lead to 1,000: it was deleted"},
		"commit removed": {func(w *world, _ *table) { h := w.history(); w.resources.History = append(h[:2:2], h[3:]...) }, "ledger changed 0 holds 1,000, its moves lead to 0: changed by something else"},
		"start removed":  {func(w *world, _ *table) { w.resources.History = w.history()[1:] }, "chain hole 0 the history begins with a commit at 0; the start is missing"},
		"hole": {func(w *world, _ *table) {
			w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 1010, 1010, 1010 })
			w.commit(tp(1), 1005)
			w.commit(tp(1), 1010)
			h := w.history()
			w.resources.History, w.resources.Provenance = append(h[:4:4], h[5:]...), nil
		}, "chain hole 1 a move ends at 1,000, the next begins at 1,005"},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := audited(t)
			c.plant(w, s)
			_, got := w.audit(keeps)
			lines := strings.Split(got, "\n")
			if lines[0] != c.want || name != "entry edited" && name != "entry deleted" && name != "commit removed" && len(lines) != 1 {
				t.Errorf("found\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Offsets without a record (markers, aborted and compacted entries) are not missing rows.
func TestAuditAsksTheLogAboutHoles(t *testing.T) {
	w, s := audited(t)
	w.cluster.gone[tp(1)] = map[fencepost.Offset]bool{}
	for _, o := range []fencepost.Offset{0, 500, 501, 999} {
		w.cluster.gone[tp(1)][o] = true
		s.remove(1, o)
	}
	a, got := w.audit(keeps)
	if got != "" || a.Rows.Found != 1996 || a.Rows.Expected != 1996 {
		t.Errorf("found %q, %+v; want nothing wrong with 1,996 rows", got, a.Rows)
	}
	s.remove(1, 502)
	if _, got := w.audit(keeps); got != "rows missing 1 1 record of offset 502, still on the broker, has no row" {
		t.Errorf("found %q", got)
	}
}

// Whether an offset that retention has deleted was a record is not known: that is reported, and is no finding.
func TestAuditDoesNotGuessAboutDeletedRecords(t *testing.T) {
	w, s := audited(t)
	w.bounds(1, func(b *fencepost.LogOffsets) { b.Earliest = 100 })
	s.remove(1, 50)
	a, got := w.audit(keeps)
	last := a.Findings[len(a.Findings)-1]
	if got != "" {
		t.Errorf("found %q, want no fault", got)
	}
	for _, f := range a.Findings {
		if f.Unchecked {
			last = f
		}
	}
	if !last.Unchecked || !strings.HasPrefix(last.Text, "1 offsets without a row are no longer on the broker") {
		t.Errorf("last finding is %+v, want that the offset can not be looked up", last)
	}
}

// A rewind makes second rows right, and deleting the first ones before it right too; a third is not.
func TestAuditCountsRewinds(t *testing.T) {
	w, s := audited(t)
	if _, err := w.planned("-10", "trips:1").Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	w.commit(tp(1), 1000)
	for o := fencepost.Offset(990); o < 995; o++ {
		s.at(1, o).Rows = 2
	}
	if a, got := w.audit(keeps); got != "" || !a.Repeated {
		t.Errorf("found %q", got)
	}
	s.at(1, 994).Rows = 3
	if _, got := w.audit(keeps); got != "rows doubled 1 offset 994: 3 rows, of commits that cover it 2 times" {
		t.Errorf("found %q", got)
	}
}

// Beside a running worker nothing is called wrong that it did meanwhile.
func TestAuditBesideARunningWorker(t *testing.T) {
	w, s := audited(t)
	w.bounds(1, func(b *fencepost.LogOffsets) { b.LastStableOffset, b.HighWatermark, b.EpochEnd = 1100, 1100, 1100 })
	s.fill(1, 1000, 1050) // committed after the ledger was read, before the rows were
	s.read = func() { w.commit(tp(1), 1050) }
	if a, got := w.audit(keeps); got != "" || a.Rows.Found != 2000 {
		t.Errorf("found %q in %d rows; want nothing, in 2,000", got, a.Rows.Found)
	}
	s.read = func() {
		held := w.positions()[tp(1)]
		next := held
		next.Offset, next.Fence = 0, 4711
		w.move(ledger.Move{TopicPartition: tp(1), Held: held, Next: next, Cause: ledger.CauseRewind})
	}
	if a, got := w.audit(keeps); got != "" || a.Rows.Checked {
		t.Errorf("rewound meanwhile: found %q, rows checked %t; want nothing said about rows", got, a.Rows.Checked)
	}
}

// Without kept commits the positions still say what rows are expected.
func TestAuditWithoutCommits(t *testing.T) {
	w, s := audited(t)
	var h history
	for _, m := range w.history() {
		if m.Cause != ledger.CauseCommit {
			h = append(h, m)
		}
	}
	w.resources.History = h
	none := admin.AuditOptions{}
	if a, got := w.audit(none); got != "" || a.Rows.Expected != 2000 {
		t.Errorf("found %q, %d expected", got, a.Rows.Expected)
	}
	s.remove(0, 3)
	if _, got := w.audit(none); got != "rows missing 0 1 record of offset 3, still on the broker, has no row" {
		t.Errorf("found %q", got)
	}
}

// No answer is no proof: an audit whose log cannot be read fails.
func TestAuditFailsWithoutTheLog(t *testing.T) {
	w, s := audited(t)
	s.remove(0, 3)
	w.resources.Reader = silent{}
	if _, err := admin.Prove(t.Context(), w.resources, keeps); !errors.Is(err, fencepost.ErrNoAnswer) {
		t.Errorf("error is %v, want that the brokers did not answer", err)
	}
}

type silent struct{}

func (silent) Scan(context.Context, map[fencepost.TopicPartition]fencepost.OffsetRange, func(*fencepost.Record) bool) error {
	return fencepost.ErrNoAnswer
}

// Of a topic's older incarnation nothing can be looked up: the log that is there has other records at its offsets.
func TestAuditOfARecreatedTopic(t *testing.T) {
	w, s := audited(t)
	w.cluster.topics["trips"] = fencepost.Topic{ID: otherID, Partitions: 2}
	for p := range int32(2) {
		w.bounds(p, func(b *fencepost.LogOffsets) { b.TopicID = otherID })
	}
	if _, err := w.repair("latest", 0).Plan.Execute(t.Context(), w.resources, ""); err != nil {
		t.Fatal(err)
	}
	s.remove(1, 40)
	if _, got := w.audit(keeps); got != "" {
		t.Errorf("found %q, want nothing said about a record of the old topic", got)
	}
}
