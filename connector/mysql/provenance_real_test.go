//go:build realservers

package mysql

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// appliedTo is what a sink of a table says of its rows.
func (s *store) appliedTo(ctx context.Context, c Config) (all []sink.Applied, err error) {
	sink, err := s.open(ctx, c)
	if err != nil {
		return nil, err
	}
	defer sink.Close()
	for a, err := range sink.Applied(ctx) {
		if err != nil {
			return all, err
		}
		all = append(all, a)
	}
	return all, nil
}

func appliedOf(topic string, p int32, o fencepost.Offset, rows int64) sink.Applied {
	return sink.Applied{TopicPartition: fencepost.TopicPartition{Topic: topic, Partition: p}, Offset: o, Rows: rows}
}

// E10: rows are counted by the record that they name: in order, those without a name first. A collation that takes two
// topics for one, a character set of the table's own and numbers with a fraction part change nothing.
func TestE10RowsTellTheirRecords(t *testing.T) {
	s := newStore(t)
	for _, columns := range []string{
		"_topic varchar(249), _partition int, _offset bigint",
		"_topic varchar(249) character set latin1 collate latin1_swedish_ci, _partition tinyint unsigned, _offset decimal(20, 2)",
		"_topic text character set utf16, _partition bigint unsigned, _offset double",
	} {
		t.Run(columns, func(t *testing.T) {
			s.exec(t, "drop table if exists named; create table named ("+columns+", n int) character set utf8mb4")
			s.exec(t, "insert into named values ('t', 10, 7, 1), ('t', 2, 1000000000000000, 1), ('T', 2, 5, 1), ('t', 2, 5, 1), ('t', 2, 5, 1), "+
				"(null, 2, 5, 1), ('t', null, 5, 1), ('t', 2, null, 1)")
			got, err := s.appliedTo(t.Context(), Config{Table: "named"})
			if err != nil {
				t.Fatal(err)
			}
			want := []sink.Applied{{Rows: 3}, appliedOf("T", 2, 5, 1), appliedOf("t", 2, 5, 2), appliedOf("t", 2, 1_000_000_000_000_000, 1), appliedOf("t", 10, 7, 1)}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("applied (-want +got):\n%s", d)
			}
		})
	}
}

// E10: a table whose rows name no record, and SQL of the pipeline's own, are reported as such. A table that is not there is no answer.
func TestE10RowsThatTellNothing(t *testing.T) {
	s := newStore(t)
	s.exec(t, "create table partly (_topic varchar(249), n bigint)")
	for name, c := range map[string]struct {
		config Config
		says   string
	}{
		"column missing": {Config{Table: "partly"}, "table partly has no _partition, _offset"},
		"own SQL":        {Config{SQL: "insert into flights (n) select n from batch"}, "SQL of the pipeline's own writes them, and audit names no table of theirs"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.appliedTo(t.Context(), c.config)
			if len(got) > 0 || !errors.Is(err, sink.ErrNoProvenance) || !strings.HasSuffix(err.Error(), c.says) {
				t.Errorf("got %v, %v; want ErrNoProvenance: %s", got, err, c.says)
			}
		})
	}
	if _, err := s.appliedTo(t.Context(), Config{Table: "none"}); err == nil || errors.Is(err, sink.ErrNoProvenance) {
		t.Errorf("a table that is not there: %v", err)
	}
}

// E10: rows are counted as of one moment, while others write: a row that came after the first was counted is in no
// number. A view that waits for a lock of the test's holds the reading where it has begun.
func TestE10RowsOfOneMoment(t *testing.T) {
	s := newStore(t)
	s.exec(t, "insert into flights (_topic, _partition, _offset) values ('t', 0, 0), (null, 0, 2)")
	s.exec(t, "create view watched as select * from flights where get_lock(concat('watched ', database()), 60) = 1")
	gate, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	held := one[string](t, s, "select concat('watched ', database())")
	if _, err := gate.ExecContext(t.Context(), "do get_lock("+quote(held)+", 60)"); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		all []sink.Applied
		err error
	}
	answers := make(chan answer)
	go func() {
		all, err := s.appliedTo(t.Context(), Config{Table: "watched"})
		answers <- answer{all, err}
	}()
	waiting := "select count(*) from information_schema.processlist where state = 'User lock' and db = database()"
	for one[int](t, s, waiting) == 0 {
	}
	s.exec(t, "insert into flights (_topic, _partition, _offset) values ('t', 0, 0), ('t', 0, 1), (null, 0, 2)")
	if _, err := gate.ExecContext(t.Context(), "do release_lock("+quote(held)+")"); err != nil {
		t.Fatal(err)
	}
	a := <-answers
	if d := cmp.Diff([]sink.Applied{{Rows: 1}, appliedOf("t", 0, 0, 1)}, a.all); d != "" || a.err != nil {
		t.Errorf("applied (-want +got), %v:\n%s", a.err, d)
	}
}
