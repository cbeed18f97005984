package sinktest

import (
	"maps"
	"math"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// tenThousand: that many partitions start in one move and commit in one batch; one late one refuses them all.
func tenThousand(w *world) {
	k := w.worker(ledger.KeepMerged)
	held := w.start(k, 0, partitions(10_000)...)
	w.wantRoster(k, firstTopic, 10_000)
	var spans []Span
	after := map[fencepost.TopicPartition]ledger.Position{}
	for _, tp := range partitions(10_000) {
		s := Span{TopicPartition: tp, Held: held[tp], Until: 1}
		spans, after[tp] = append(spans, s), s.Next()
	}
	late := partition(7_777)
	wrong := held[late]
	wrong.Offset = 1
	refused := append([]Span(nil), spans...)
	refused[late.Partition] = Span{TopicPartition: late, Held: wrong, Until: 2}
	w.wantRefused("10,000 partitions with one late", k.lane.Commit(w.Context(), k.as, Commit(refused...)),
		map[fencepost.TopicPartition]ledger.Position{late: held[late]})
	w.wantRows()

	w.commit(k, spans...)
	w.wantRows(spans...)
	w.wantPositions(k, after)
	w.wantRefused("the same 10,000 again", k.lane.Commit(w.Context(), k.as, Commit(spans...)), after)
	w.wantRows(spans...)
}

// largeNumbers: offsets beyond what a float64 counts, and fences that differ in one bit, are told apart.
func largeNumbers(w *world) {
	k := w.worker(ledger.KeepAll)
	var all []Span
	after := map[fencepost.TopicPartition]ledger.Position{}
	for i, at := range []fencepost.Offset{1<<31 - 1, 1<<32 + 1, 1<<53 + 1, 1 << 62, math.MaxInt64 - 2} {
		tp := partition(int32(i))
		start := starts(at, firstTopic, tp)
		start[0].Next.Fence = math.MaxInt64 - 1
		w.move(k, start...)
		held := start[0].Next
		near := map[string]ledger.Position{"one offset less": held, "one offset more": held, "one fence more": held, "one fence less": held}
		for what, p := range near {
			switch what {
			case "one offset less":
				p.Offset--
			case "one offset more":
				p.Offset++
			case "one fence more":
				p.Fence++
			case "one fence less":
				p.Fence--
			}
			err := k.lane.Commit(w.Context(), k.as, Commit(Span{TopicPartition: tp, Held: p, Until: p.Offset + 1}))
			w.wantRefused(what+" than the held one", err, map[fencepost.TopicPartition]ledger.Position{tp: held})
		}
		s := Span{TopicPartition: tp, Held: held, Until: at + 2}
		w.commit(k, s)
		all, after[tp] = append(all, s), s.Next()
	}
	w.wantPositions(k, after)
	w.wantRows(all...)
	Chain(w.T, w.moves(k), w.read(k))
}

// groupNames: names that quoting, patterns, separators, collation or trimming might confuse are groups of their own.
func groupNames(w *world) {
	k := w.worker(ledger.KeepAll)
	names := []fencepost.Group{"o'brien", `"quoted"`, "a b", "a  b", "ab ", " ab", "ab", "AB", "größe", "GRÖSSE", "日本の便", "✈️", "a|b", "a|b|c",
		"100%", "100_", "%", `back\slash`, `\`, "'; drop table fencepost_ledger; --", "$1", "?", "{tag}", "a:b", "a/b", "../up",
		"\u00e9", "e\u0301", "tab\there", fencepost.Group(strings.Repeat("long", 60))}
	held := map[fencepost.Group]map[fencepost.TopicPartition]ledger.Position{}
	var all []Span
	for i, name := range names {
		k.as.Group = name
		held[name] = w.start(k, fencepost.Offset(i*10), partition(0))
	}
	for _, name := range names {
		k.as.Group = name
		s := Span{TopicPartition: partition(0), Held: held[name][partition(0)], Until: held[name][partition(0)].Offset + 1}
		w.commit(k, s)
		held[name][partition(0)], all = s.Next(), append(all, s)
	}
	for _, name := range names {
		k.as.Group = name
		w.wantPositions(k, held[name])
		if got := len(w.moves(k)); got != 2 {
			w.Errorf("history of group %q: %d moves, want its own 2", name, got)
		}
		Chain(w.T, w.moves(k), w.read(k))
	}
	w.wantRows(all...)
}

// topicNames: topics whose names differ in case, dots, dashes or underscores only are topics of their own, and the
// largest partition number is a number.
func topicNames(w *world) {
	k := w.worker(ledger.KeepAll)
	held := map[fencepost.TopicPartition]ledger.Position{}
	var spans []Span
	for i, topic := range []string{"a.b", "a_b", "a-b", "ab", "A.B", "a.b.", "_", "-", "...", "__consumer", "1", "t%", strings.Repeat("x", 249)} {
		for _, p := range []int32{0, 10, 2, math.MaxInt32 - 1} {
			tp := fencepost.TopicPartition{Topic: topic, Partition: p}
			maps.Copy(held, w.start(k, fencepost.Offset(i), tp))
			s := Span{TopicPartition: tp, Held: held[tp], Until: fencepost.Offset(i + 2)}
			spans, held[tp] = append(spans, s), s.Next()
		}
	}
	w.commit(k, spans...)
	w.wantPositions(k, held)
	w.wantRows(spans...)
	for topic, e := range w.read(k).Topics {
		if e.Partitions != math.MaxInt32 {
			w.Errorf("roster of topic %s: %d partitions, want %d", topic, e.Partitions, math.MaxInt32)
		}
	}
	Chain(w.T, w.moves(k), w.read(k))
}
