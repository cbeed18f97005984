package sinktest

import (
	"errors"
	"maps"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// reports: what one worker reports, another process reads, character by character; a subject that is not named stays, and
// an empty text takes one away. Positions, moves and other groups are not concerned. A ledger without the ability passes.
func reports(w *world) {
	k, other := w.worker(ledger.KeepMerged), w.worker(ledger.KeepMerged)
	l := k.sink.Ledger()
	kept, able := ledger.As[ledger.Reports](l)
	if !able {
		w.Skip("this ledger keeps no reports")
	}
	w.start(k, 100, partitions(2)...)
	before, moved := w.read(k), w.moves(k)
	if got, err := kept.Reports(w.Context(), w.group); len(got) > 0 || err != nil && !errors.Is(err, ledger.ErrNoReports) {
		w.Errorf("reports of a new group: %v, %v", got, err)
	}
	put := func(texts map[string]string) {
		w.Helper()
		if err := kept.PutReports(w.Context(), w.group, texts); err != nil {
			w.Fatalf("put %v: %v", texts, err)
		}
	}
	want := map[string]string{}
	check := func() {
		w.Helper()
		got, err := ledger.As[ledger.Reports](other.sink.Ledger())
		if !err {
			w.Fatal("another ledger of the store keeps no reports")
		}
		texts, failed := got.Reports(w.Context(), w.group)
		if diff := cmp.Diff(want, texts); failed != nil || diff != "" {
			w.Errorf("reports: %v (-want +got):\n%s", failed, diff)
		}
	}
	odd := map[string]string{"t:0": `{"reason":"o'brien \\ \"größe\" 100 % \u0000 |"}`, "t:1": "line\nline", "pipeline": "x"}
	put(odd)
	maps.Copy(want, odd)
	check()
	put(map[string]string{"t:0": "", "t:1": "again"})
	delete(want, "t:0")
	want["t:1"] = "again"
	check()
	put(map[string]string{"t:0": ""}) // it is gone already
	check()
	if got, err := kept.Reports(w.Context(), "another"); err != nil || len(got) > 0 {
		w.Errorf("reports of another group: %v, %v", got, err)
	}
	if diff := cmp.Diff(before, w.read(k)); diff != "" {
		w.Errorf("reports changed the ledger (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(moved, w.moves(k)); diff != "" {
		w.Errorf("reports changed the history (-before +after):\n%s", diff)
	}
}

// reportsOfPartitions: a report comes back as it was written, and is current as long as the ledger holds its position.
func reportsOfPartitions(w *world) {
	k := w.worker(ledger.KeepMerged)
	l := k.sink.Ledger()
	if _, able := ledger.As[ledger.Reports](l); !able {
		w.Skip("this ledger keeps no reports")
	}
	w.start(k, 100, partitions(2)...)
	var all []ledger.Report
	for _, tp := range partitions(2) {
		all = append(all, ledger.Report{TopicPartition: tp, Halt: ledger.HaltParked, Code: "record-refused", Reason: "größe \x00 'x'", Offset: 1<<53 + 1,
			Since: time.Date(2026, 11, 21, 3, 12, 45, 5000, time.UTC), Who: "w1@node3", Position: w.read(k).Positions[tp]})
	}
	if err := ledger.WriteReports(w.Context(), l, w.group, all); err != nil {
		w.Fatalf("write reports: %v", err)
	}
	w.move(k, rewind(all[0].TopicPartition, all[0].Position, 50))
	pipeline := ledger.Pipeline{Who: "w1@node3", Since: time.Date(2026, 11, 21, 3, 12, 45, 0, time.UTC),
		Parts: []ledger.Part{{Name: "table", Text: "größe", Place: true}, {Name: `column "x" = 'y'`, Text: "int"}}}
	if err := ledger.WritePipeline(w.Context(), l, w.group, pipeline); err != nil {
		w.Fatalf("write pipeline: %v", err)
	}
	known, err := ledger.ReadReports(w.Context(), w.worker(ledger.KeepMerged).sink.Ledger(), w.group)
	if err != nil {
		w.Fatalf("read reports: %v", err)
	}
	if diff := cmp.Diff(pipeline, known.Pipeline); diff != "" {
		w.Errorf("pipeline differs (-want +got):\n%s", diff)
	}
	got := known.Reports
	want := map[fencepost.TopicPartition]ledger.Report{}
	for _, r := range all {
		r.Position = ledger.Position{Offset: r.Position.Offset, Fence: r.Position.Fence}
		want[r.TopicPartition] = r
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("reports differ (-want +got):\n%s", diff)
	}
	held := w.read(k).Positions
	if got[all[0].TopicPartition].Current(held[all[0].TopicPartition]) {
		w.Error("a report is current, and the position was moved since")
	}
	if !got[all[1].TopicPartition].Current(held[all[1].TopicPartition]) {
		w.Error("a report is not current, and the position is where it was")
	}
}
