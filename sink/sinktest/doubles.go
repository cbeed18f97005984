package sinktest

import (
	"errors"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// appliedTwice: a range that is rewound and committed again has its rows twice. The table keeps both, or no other demand
// would see a double.
func appliedTwice(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	first := Span{TopicPartition: tp, Held: w.start(k, 0, tp)[tp], Until: 3}
	w.commit(k, first)
	back := rewind(tp, first.Next(), 0)
	w.move(k, back)
	again := Span{TopicPartition: tp, Held: back.Next, Until: 3}
	w.commit(k, again)
	w.wantRows(first, again)
}

// oddText: text that is not UTF-8 arrives as it is, or its row is refused. No store puts another text in its place.
func oddText(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	held := w.start(k, 0, tp)
	span := Span{TopicPartition: tp, Held: held[tp], Until: 1}
	c := Commit(span)
	const odd = "a\xffb\xc3"
	c.Columns[0] = fencepost.Column{Name: c.Columns[0].Name, Type: fencepost.Text}
	c.Columns[0].AppendText(odd)
	err := k.lane.Commit(w.Context(), k.as, c)
	if rejected, ok := errors.AsType[*sink.Rejected](err); ok {
		if rejected.Reason == "" {
			w.Error("text that is not UTF-8 is rejected without a reason")
		}
		w.wantRows()
		w.wantPositions(k, held)
		return
	}
	if err != nil {
		w.Fatalf("commit of text that is not UTF-8: got %v, want none or *sink.Rejected", err)
	}
	row := span.row(0)
	row.Value = odd
	if got := w.store.Rows(w.T); !slices.Equal(got, []Row{row}) {
		w.Errorf("text that is not UTF-8 was accepted, and the rows are %v, want %v", got, row)
	}
}

// looking: a ledger that can be looked for is not there before its first start, is after it, and a newer one is named.
// To look makes nothing.
func looking(w *world) {
	opened, err := w.store.Open(w.Context(), ledger.KeepAll)
	if err != nil {
		w.Fatal(err)
	}
	defer opened.Close()
	finder, ok := ledger.As[ledger.Finder](opened.Ledger())
	if !ok {
		w.Logf("%T is no Finder: it is made by the first look", opened.Ledger())
		return
	}
	for range 2 {
		if there, err := finder.Exists(w.Context(), w.group); there || err != nil {
			w.Errorf("a ledger that nothing was written into: got %t, %v, want false", there, err)
		}
	}
	k := w.worker(ledger.KeepAll)
	w.start(k, 0, partition(0))
	if there, err := finder.Exists(w.Context(), k.as.Group); !there || err != nil {
		w.Errorf("a ledger with a start: got %t, %v, want true", there, err)
	}
	w.store.MakeNewer(w.T)
	if _, err := finder.Exists(w.Context(), k.as.Group); !errors.Is(err, ledger.ErrNewer) {
		w.Errorf("a ledger of a newer version: got %v, want ErrNewer", err)
	}
}

// groupsListed: a ledger that lists its groups lists all of them and no other, makes nothing by that, and a newer one is named.
func groupsListed(w *world) {
	opened, err := w.store.Open(w.Context(), ledger.KeepAll)
	if err != nil {
		w.Fatal(err)
	}
	defer opened.Close()
	lister, ok := ledger.As[ledger.Groups](opened.Ledger())
	if !ok {
		w.Logf("%T does not list its groups", opened.Ledger())
		return
	}
	if got, err := lister.Groups(w.Context()); len(got) > 0 || err != nil {
		w.Errorf("a ledger that nothing was written into: got %q, %v, want none", got, err)
	}
	if finder, ok := ledger.As[ledger.Finder](opened.Ledger()); ok {
		if there, err := finder.Exists(w.Context(), w.group); there || err != nil {
			w.Errorf("after the groups were listed: got %t, %v, want no ledger", there, err)
		}
	}
	var want []fencepost.Group
	for _, g := range []fencepost.Group{"Flights", "a b/c%{d}*", "flight-delays", "flights", "groß:1"} {
		w.group = g
		w.start(w.worker(ledger.KeepAll), 0, partition(0))
		want = append(want, g)
	}
	if got, err := lister.Groups(w.Context()); !slices.Equal(got, want) || err != nil {
		w.Errorf("groups: got %q, %v, want %q", got, err, want)
	}
	w.store.MakeNewer(w.T)
	if _, err := lister.Groups(w.Context()); !errors.Is(err, ledger.ErrNewer) {
		w.Errorf("a ledger of a newer version: got %v, want ErrNewer", err)
	}
}

// topicsByCase: topics whose names differ in case only have a state each.
func topicsByCase(w *world) {
	k := w.worker(ledger.KeepAll)
	lower, upper := fencepost.TopicPartition{Topic: "flights"}, fencepost.TopicPartition{Topic: "Flights", Partition: 4}
	w.move(k, starts(0, firstTopic, lower)...)
	var all []fencepost.TopicPartition
	for p := range upper.Partition + 1 {
		all = append(all, fencepost.TopicPartition{Topic: upper.Topic, Partition: p})
	}
	w.move(k, starts(0, secondTopic, all...)...)
	want := map[string]ledger.TopicState{lower.Topic: {TopicID: firstTopic, Partitions: 1}, upper.Topic: {TopicID: secondTopic, Partitions: 5}}
	got := w.read(k).Topics
	for topic, state := range want {
		if got[topic] != state {
			w.Errorf("topic %s: got %+v, want %+v", topic, got[topic], state)
		}
	}
}
