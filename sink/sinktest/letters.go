package sinktest

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

// letterer is a worker whose store keeps letters, with a started partition.
type letterer struct {
	*world
	*worker
	kept ledger.Letters
	tp   fencepost.TopicPartition
	held ledger.Position
}

// letterer opens one. A store that keeps no letters, or whose effects are elsewhere, passes.
func (w *world) letterer() *letterer {
	k := w.worker(ledger.KeepMerged)
	kept, able := ledger.As[ledger.Letters](k.ledger)
	if !able || k.sink.Capabilities().Apart {
		w.Skip("this store keeps no dead letters")
	}
	tp := partition(0)
	held := w.start(k, 0, tp)[tp]
	if got := w.lettersOf(kept, w.group); len(got) > 0 {
		w.Errorf("letters of a group that wrote none: %v", got)
	}
	for range 2 {
		if err := kept.PrepareLetters(w.Context(), w.group); err != nil {
			w.Fatalf("prepare letters: %v", err)
		}
	}
	return &letterer{w, k, kept, tp, held}
}

// dead is a letter of the partition, with everything that a record may have.
func (l *letterer) dead(at fencepost.Offset) ledger.DeadLetter {
	return ledger.DeadLetter{LetterID: ledger.LetterID{TopicPartition: l.tp, TopicID: firstTopic, Offset: at}, Timestamp: -1,
		Key: []byte{}, Value: []byte("\x00\xff' \\ größe \n"), Code: "record-undecodable", Reason: `value is not JSON at byte 17: "o'brien" größe 100 %`,
		Headers: []fencepost.Header{{Key: "trace", Value: []byte{1, 0xff}}, {Key: "trace"}, {Key: "o'b\xff", Value: []byte{}}}}
}

// span is a commit of [held, until) in which some offsets have a letter instead of a row.
func (l *letterer) span(until fencepost.Offset, dead ...ledger.DeadLetter) (Span, sink.Commit) {
	s := Span{TopicPartition: l.tp, Held: l.held, Until: until, Rows: []fencepost.Offset{}}
	for o := l.held.Offset; o < until; o++ {
		if !slices.ContainsFunc(dead, func(d ledger.DeadLetter) bool { return d.Offset == o }) {
			s.Rows = append(s.Rows, o)
		}
	}
	c := Commit(s)
	c.Dead = dead
	return s, c
}

// pass makes such a commit, which must be accepted.
func (l *letterer) pass(until fencepost.Offset, dead ...ledger.DeadLetter) Span {
	l.Helper()
	s, c := l.span(until, dead...)
	if err := l.lane.Commit(l.Context(), l.as, c); err != nil {
		l.Fatalf("commit with %d letters: %v", len(dead), err)
	}
	l.held = s.Next()
	return s
}

// replay is the commit that applies a letter's record after all.
func (l *letterer) replay(d ledger.DeadLetter) (Span, sink.Commit) {
	s := Span{TopicPartition: d.TopicPartition, Held: ledger.Position{Offset: d.Offset}, Until: d.Offset + 1}
	c := Commit(s)
	c.Moves, c.Removed = nil, []ledger.LetterID{d.LetterID}
	return s, c
}

func (w *world) lettersOf(kept ledger.Letters, g fencepost.Group) (letters []ledger.Letter) {
	w.Helper()
	for l, err := range kept.Letters(w.Context(), g) {
		if err != nil {
			w.Fatalf("read letters: %v", err)
		}
		l.Key, l.Value = bytes.Clone(l.Key), bytes.Clone(l.Value)
		letters = append(letters, l)
	}
	return letters
}

// wantLetters fails unless the group has these letters, in this order, and no others.
func (l *letterer) wantLetters(want ...ledger.DeadLetter) []ledger.Letter {
	l.Helper()
	letters := l.lettersOf(l.kept, l.group)
	var got []ledger.DeadLetter
	waiting := map[fencepost.TopicPartition]int64{}
	for _, one := range letters {
		if len(one.Headers) == 0 {
			one.Headers = nil
		}
		got = append(got, one.DeadLetter)
		if one.Who != l.as.Who || one.At.IsZero() {
			l.Errorf("letter %s@%d was written by %q at %s, want %q and a time", one.TopicPartition, one.Offset, one.Who, one.At, l.as.Who)
		}
		if one.Discarded == "" {
			waiting[one.TopicPartition]++
		}
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameBytes)); diff != "" {
		l.Errorf("letters differ (-want +got):\n%s", diff)
	}
	counts, err := l.kept.LetterCounts(l.Context(), l.group)
	if diff := cmp.Diff(waiting, counts); err != nil || diff != "" {
		l.Errorf("count letters: %v (-want +got):\n%s", err, diff)
	}
	return letters
}

// sameBytes distinguishes what is null from what is empty.
func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// lettersCommit: a letter is in the commit that passes its record, whole and once: with rows and without, not where the commit
// is refused or rejected, replaced where the record is passed again, apart from that of another incarnation of the topic.
func lettersCommit(w *world) {
	l := w.letterer()
	second, plain := l.dead(1), l.dead(2)
	plain.Key, plain.Value, plain.Headers, plain.Reason = nil, nil, nil, ""
	first := l.pass(3, second, plain)
	l.wantLetters(second, plain)
	big := l.dead(3)
	big.Value, big.Reason = bytes.Repeat([]byte{0, 0xff, '\''}, 100_000), strings.Repeat("größe ", 1000)
	only := l.pass(4, big)
	l.wantLetters(second, plain, big.Bounded())
	w.wantRows(first, only)

	_, c := l.span(6, l.dead(5))
	c.Moves[0].Held.Offset--
	c.Segments[0].Range.From--
	w.wantRefused("a late commit with a letter", l.lane.Commit(w.Context(), l.as, c), map[fencepost.TopicPartition]ledger.Position{l.tp: l.held})
	_, c = l.span(6, l.dead(5))
	c.Columns[1].Truncate(0)
	c.Columns[1].AppendInt(-1)
	err := l.lane.Commit(w.Context(), l.as, c)
	if _, ok := errors.AsType[*sink.Rejected](err); !ok {
		w.Errorf("a commit with a letter and a row that is refused: got %v, want *sink.Rejected", err)
	}
	l.wantLetters(second, plain, big.Bounded())

	back := rewind(l.tp, l.held, 1)
	w.move(l.worker, back)
	l.held = back.Next
	second.Code, second.Reason, second.Value = "record-refused", "again", nil
	again := l.pass(2, second)
	l.wantLetters(second, plain, big.Bounded())
	recreated := l.held
	recreated.Fence, recreated.TopicID, recreated.Offset = fence(), secondTopic, 2
	w.move(l.worker, ledger.Move{TopicPartition: l.tp, Held: l.held, Next: recreated, Cause: ledger.CauseStart, AtMost: ledger.UnknownLoss, Partitions: 1})
	l.held = recreated
	other := l.dead(2)
	other.TopicID = secondTopic
	after := l.pass(3, other)
	l.wantLetters(second, plain, other, big.Bounded())
	w.wantRows(first, only, again, after)
}

// lettersLost: a letter whose commit lost its answer is there once, as its rows are.
func lettersLost(w *world) {
	l := w.letterer()
	loser, able := w.store.(AnswerLoser)
	var spans []Span
	var dead []ledger.DeadLetter
	lose := func(lose func(sink.Commit) error) {
		d := l.dead(l.held.Offset + 1)
		s, c := l.span(l.held.Offset+3, d)
		if lost := lose(c); lost != nil {
			if err := w.insist(l.worker, c, lost); err != nil {
				w.Fatal(err)
			}
		}
		l.held, spans, dead = s.Next(), append(spans, s), append(dead, d)
	}
	for n := 1; n <= 30; n++ {
		lose(func(c sink.Commit) error { return l.lane.Commit(light(w.Context(), n), l.as, c) })
	}
	for i := 0; able && i < 4; i++ {
		lose(func(c sink.Commit) error {
			loser.LoseAnswer(w.T, i%2 == 0)
			return l.lane.Commit(w.Context(), l.as, c)
		})
	}
	l.wantLetters(dead...)
	w.wantRows(spans...)
}

// lettersReplayed: a replay makes the row and removes the letter in one commit, once however many try, and moves nothing. One
// that is refused leaves both as they were; one whose record is as bad as before replaces the letter.
func lettersReplayed(w *world) {
	l := w.letterer()
	bad := l.dead(2)
	spans := []Span{l.pass(4, l.dead(0), l.dead(1), bad)}
	before, moved := w.read(l.worker), w.moves(l.worker)

	s, c := l.replay(l.dead(0))
	won := 0
	for range 2 {
		others := []*worker{l.worker, w.worker(ledger.KeepMerged)}
		errs := make([]error, len(others))
		race := func(i int) func() error {
			return func() error { errs[i] = others[i].lane.Commit(w.Context(), l.as, c); return nil }
		}
		_ = together(race(0), race(1))
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, ledger.ErrLetterGone) {
				w.Errorf("a replay of a letter that is gone, or beside another one: got %v, want ErrLetterGone", err)
			}
		}
	}
	if won != 1 {
		w.Errorf("of four replays of one letter, two at once, %d succeeded, want 1", won)
	}
	spans = append(spans, s)
	w.wantRows(spans...)
	l.wantLetters(l.dead(1), bad)

	_, c = l.replay(bad)
	c.Columns[1].Truncate(0)
	c.Columns[1].AppendInt(-1)
	if _, ok := errors.AsType[*sink.Rejected](l.lane.Commit(w.Context(), l.as, c)); !ok {
		w.Error("a replay of a row that the store refuses is not *sink.Rejected")
	}
	bad.Reason = "still bad"
	none := c
	none.Batch = &fencepost.Batch{Segments: []fencepost.Segment{{TopicPartition: bad.TopicPartition,
		Range: fencepost.OffsetRange{From: bad.Offset, Until: bad.Offset + 1}}}, Columns: Commit().Columns}
	none.Dead = []ledger.DeadLetter{bad}
	if err := l.lane.Commit(w.Context(), l.as, none); err != nil {
		w.Errorf("a replay that replaces its letter: %v", err)
	}
	l.wantLetters(l.dead(1), bad)
	w.wantRows(spans...)
	w.wantSnapshot(l.worker, before)
	w.wantMoves(l.worker, moved)
}

// lettersRemoved: a commit that passes a record again takes its letter out, and does not mind one that is not there.
func lettersRemoved(w *world) {
	l := w.letterer()
	spans := []Span{l.pass(3, l.dead(0), l.dead(1))}
	back := rewind(l.tp, l.held, 0)
	w.move(l.worker, back)
	l.held = back.Next
	from := func(at fencepost.Offset) map[fencepost.TopicPartition]fencepost.Offset {
		return map[fencepost.TopicPartition]fencepost.Offset{l.tp: at, partition(9): 0}
	}
	for at, want := range [][]ledger.LetterID{{l.dead(0).LetterID, l.dead(1).LetterID}, {l.dead(1).LetterID}, nil} {
		got, err := l.kept.LettersFrom(w.Context(), w.group, from(fencepost.Offset(at)))
		slices.SortFunc(got, func(a, b ledger.LetterID) int { return int(a.Offset - b.Offset) })
		if err != nil || !slices.Equal(got, want) {
			w.Errorf("letters at or past %d: got %v, %v, want %v", at, got, err, want)
		}
	}
	if got, err := l.kept.LettersFrom(w.Context(), w.group, map[fencepost.TopicPartition]fencepost.Offset{partition(9): 0}); err != nil || len(got) > 0 {
		w.Errorf("letters of another partition: got %v, %v, want none", got, err)
	}
	s, c := l.span(2, l.dead(1))
	c.Removed = []ledger.LetterID{l.dead(0).LetterID, l.dead(1).LetterID, l.dead(7).LetterID}
	if err := l.lane.Commit(w.Context(), l.as, c); err != nil {
		w.Fatalf("a commit that passes letters again: %v", err)
	}
	l.wantLetters(l.dead(1))
	w.wantRows(append(spans, s)...)
}

// lettersDiscarded: a letter that is discarded keeps its place and its reason, and nothing of its record. It is replayed no
// more. All of a list or none.
func lettersDiscarded(w *world) {
	l := w.letterer()
	l.pass(3, l.dead(0), l.dead(1))
	discard := func(at ...fencepost.Offset) error {
		var ids []ledger.LetterID
		for _, o := range at {
			ids = append(ids, l.dead(o).LetterID)
		}
		return l.kept.Discard(w.Context(), l.as, ids, "o'brien: test data, größe")
	}
	if err := discard(0, 7); !errors.Is(err, ledger.ErrLetterGone) {
		w.Errorf("discard of a letter that is there and one that is not: got %v, want ErrLetterGone", err)
	}
	l.wantLetters(l.dead(0), l.dead(1))
	if err := discard(0); err != nil {
		w.Fatalf("discard: %v", err)
	}
	empty := l.dead(0)
	empty.Key, empty.Value, empty.Headers = nil, nil, nil
	if got := l.wantLetters(empty, l.dead(1)); got[0].Discarded != "o'brien: test data, größe" || got[1].Discarded != "" {
		w.Errorf("the letters say %q and %q of their discard", got[0].Discarded, got[1].Discarded)
	}
	if err := discard(0); !errors.Is(err, ledger.ErrLetterGone) {
		w.Errorf("discard of a discarded letter: got %v, want ErrLetterGone", err)
	}
	_, c := l.replay(l.dead(0))
	if err := l.lane.Commit(w.Context(), l.as, c); !errors.Is(err, ledger.ErrLetterGone) {
		w.Errorf("replay of a discarded letter: got %v, want ErrLetterGone", err)
	}
}

// tried: what a lane tries is refused as a commit of it would be, and leaves nothing: no row, no lock, no move.
func tried(w *world) {
	k := w.worker(ledger.KeepMerged)
	trier, able := sink.LaneAs[sink.Trier](k.lane)
	if !able {
		w.Skip("this lane tries nothing")
	}
	tp := partition(0)
	s := Span{TopicPartition: tp, Held: w.start(k, 0, tp)[tp], Until: 3}
	before := w.read(k)
	c := Commit(s)
	for range 2 {
		if err := trier.Try(w.Context(), c.Batch); err != nil {
			w.Errorf("try of rows that the store takes: %v", err)
		}
	}
	bad := Commit(s)
	bad.Columns[1].Truncate(2)
	bad.Columns[1].AppendInt(-1)
	if _, ok := errors.AsType[*sink.Rejected](trier.Try(w.Context(), bad.Batch)); !ok {
		w.Error("try of a row that the store refuses is not *sink.Rejected")
	}
	w.wantRows()
	w.wantSnapshot(k, before)
	w.commit(k, s)
	w.wantRows(s)
}

// reasonsKept: a commit that passes records, or says why, is kept by itself, whatever is kept of the others (law 4).
func reasonsKept(w *world) {
	for _, keep := range []ledger.KeepCommits{ledger.KeepAll, ledger.KeepMerged, ledger.KeepNone} {
		k := w.worker(keep)
		k.as.Group = fencepost.Group("keeps-" + keep.String())
		tp := partition(0)
		s := Span{TopicPartition: tp, Held: w.start(k, 0, tp)[tp], Until: 2}
		w.commit(k, s)
		s = Span{TopicPartition: tp, Held: s.Next(), Until: 5, Rows: []fencepost.Offset{2, 4}}
		other := Span{TopicPartition: partition(1), Held: w.start(k, 0, partition(1))[partition(1)], Until: 2}
		c := Commit(s, other)
		c.Moves[0].AtMost, c.Moves[0].Why = 1, `skipped 3: o'brien's value, größe \ | %`
		if err := k.lane.Commit(w.Context(), k.as, c); err != nil {
			w.Fatalf("a commit that says why, keeping %s: %v", keep, err)
		}
		w.commit(k, Span{TopicPartition: tp, Held: s.Next(), Until: 6}, Span{TopicPartition: partition(1), Held: other.Next(), Until: 3})
		found := 0
		for _, m := range w.moves(k) {
			if m.Why != c.Moves[0].Why {
				continue
			}
			found++
			if m.Cause != ledger.CauseCommit || m.AtMost != 1 || m.Held.Offset != 2 || m.Next.Offset != 5 || m.TopicPartition != tp || m.Commits != 1 {
				w.Errorf("the commit that says why, keeping %s: got %s, at most %d, %d commits; want 2 to 5 of %s, 1, 1", keep, m.Move, m.AtMost, m.Commits, tp)
			}
		}
		if found != 1 {
			w.Errorf("the commit that says why, keeping %s, is %d times in the history, want once", keep, found)
		}
		if keep != ledger.KeepNone {
			Chain(w.T, w.moves(k), w.read(k))
		}
	}
}
