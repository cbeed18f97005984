//go:build realservers

package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// Three topics of 10 records, the third of which starts 2 later: 28 are applied, and the 2 are no gap, since the group
// never had them.
func TestR3ThreeTopicsOneStartsLater(t *testing.T) {
	s := onPostgres(t)
	topics := []string{s.topic(1), s.topic(1), s.topic(1)}
	for _, name := range topics {
		s.fill(at(name, 0), 10)
	}
	s.deleteBefore(at(topics[2], 0), 2)
	s.toEnd(topics, nil)
	s.wantRows(at(topics[0], 0), span(0, 10)...)
	s.wantRows(at(topics[1], 0), span(0, 10)...)
	s.wantRows(at(topics[2], 0), span(2, 10)...)
	for _, m := range s.moves() {
		if m.Cause == ledger.CauseGap {
			t.Errorf("a gap was recorded: %+v", m)
		}
	}
}

// `start: latest`: what was there is unseen, what comes is seen.
func TestR4StartLatest(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	s.fill(at(name, 0), 5)
	wk := s.run([]string{name}, func(set *setup) { set.engine.Policy.Start.Kind = ledger.StartLatest })
	wk.settled(at(name, 0), ledger.New)
	s.fill(at(name, 0), 3)
	s.fill(at(name, 1), 2)
	s.eventuallyRows(at(name, 0), 5, 6, 7)
	s.eventuallyRows(at(name, 1), 0, 1)
	wk.end()
	s.wantMoves("start 0 absent>5 0", "start 1 absent>0 0")
}

// `start: {"topic:0": 3}`: there, and the partition that is not named at its earliest record.
func TestR4StartAtOffsetsPerPartition(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(2)
	s.fill(at(name, 0), 5)
	s.fill(at(name, 1), 5)
	s.deleteBefore(at(name, 1), 1)
	s.toEnd([]string{name}, func(set *setup) {
		set.engine.Policy.Start = ledger.StartAt{Kind: ledger.StartOffsets, Offsets: map[fencepost.TopicPartition]fencepost.Offset{at(name, 0): 3}}
	})
	s.wantRows(at(name, 0), 3, 4)
	s.wantRows(at(name, 1), 1, 2, 3, 4)
}

// `start: TIME`: the first record of that time or later, in each partition by itself. Where every record is older the
// partition begins at its end, never at its start.
func TestR4StartAtTime(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(3)
	noon := time.Now().Add(-time.Hour).Truncate(time.Second)
	for p, minutes := range [][]int{{-2, -1, 0, 1}, {-3, 5}, {-9, -8}} {
		for _, m := range minutes {
			s.write(s.cl, &kgo.Record{Topic: name, Partition: int32(p), Timestamp: noon.Add(time.Duration(m) * time.Minute)})
		}
	}
	s.toEnd([]string{name}, func(set *setup) {
		set.engine.Policy.Start = ledger.StartAt{Kind: ledger.StartTime, Time: noon}
	})
	s.wantRows(at(name, 0), 2, 3)
	s.wantRows(at(name, 1), 1)
	s.wantRows(at(name, 2))
	if p := s.position(at(name, 2)); p.Offset != 2 {
		t.Errorf("the partition whose records are all older stands at %d, want its end, 2", p.Offset)
	}
}

// Null and empty are two things: keys, values and headers arrive as they were sent.
func TestR5NullKeysValuesAndHeaders(t *testing.T) {
	t.Parallel()
	store := newPostgresStore(t, "create table raw (_offset bigint, _key bytea, value bytea, _headers jsonb)")
	s := newScene(t, servers.Kafka(t), store)
	name := s.topic(1)
	s.write(s.cl,
		&kgo.Record{Topic: name, Value: []byte("v")},
		&kgo.Record{Topic: name, Key: []byte("k")},
		&kgo.Record{Topic: name},
		&kgo.Record{Topic: name, Key: []byte{}, Value: []byte{}},
		&kgo.Record{Topic: name, Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("x")}, {Key: "b"}, {Key: "", Value: []byte{}}}},
	)
	bytes, err := decode.Raw(decode.RawColumn())
	if err != nil {
		t.Fatal(err)
	}
	s.toEnd([]string{name}, func(set *setup) {
		set.engine.Decoder = bytes
		set.engine.Sink = store.sink(t, "raw", "")
	})
	rows, err := store.conn.Query(t.Context(), "select _offset, coalesce(_key::text, 'null'), coalesce(value::text, 'null'), _headers::text from raw order by _offset")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rows.Next() {
		var offset int64
		var key, value, headers string
		if err := rows.Scan(&offset, &key, &value, &headers); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(offset, " ", key, " ", value, " ", headers))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`0 null \x76 []`,
		`1 \x6b null []`,
		`2 null null []`,
		`3 \x \x []`,
		`4 null null [["a", "eA=="], ["b", null], ["", ""]]`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// What a worker fetched while a transaction was open does not leak into what it applies after its end: batch 1 after
// the second transaction is exactly the records 4 to 7.
func TestR6PrefetchedBeforeATransactionEnds(t *testing.T) {
	s := onPostgres(t)
	name := s.topic(1)
	tp := at(name, 0)
	var seen batches
	s.committed(tp, 3) // 0-2, 3*
	wk := s.run([]string{name}, func(set *setup) {
		set.engine.Batch = engine.BatchBounds{MinRows: 4, MaxWait: patience}
		set.engine.Sink = hooked{s.store.sink(t, "seen", ""), seen.commit}
	})
	s.reached(tp, 4)
	s.begin(tp, 4) // 4-7
	await(wk, "the open transaction is told", func(b engine.Blocked) bool { return b.TopicPartition == tp && b.Offset == 4 })
	s.wantRows(tp, 0, 1, 2)
	s.end(kgo.TryCommit) // 8*
	s.reached(tp, 9)
	wk.end()
	if got, want := seen.String(), "[0 1 2] [4 5 6 7]"; got != want {
		t.Errorf("batches are %s, want %s", got, want)
	}
}
