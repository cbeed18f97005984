//go:build realservers

package postgres

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

// E10: rows are counted by the record that they name: in order, those without a name first. A collation of the column's
// own and numbers with a fraction part change nothing.
func TestE10RowsTellTheirRecords(t *testing.T) {
	s := newStore(t)
	for _, columns := range []string{
		"_topic text, _partition int, _offset bigint",
		`_topic varchar(249) collate "en_US", _partition bigint, _offset numeric(20, 2)`,
		"_topic text, _partition numeric(9, 1), _offset double precision",
	} {
		t.Run(columns, func(t *testing.T) {
			if strings.Contains(columns, "en_US") && one[int](t, s, "select count(*) from pg_collation where collname = 'en_US'") == 0 {
				columns = strings.Replace(columns, "en_US", "und-x-icu", 1)
			}
			s.exec(t, "drop table if exists named; create table named ("+columns+", n int)")
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
	s.exec(t, "create table partly (_topic text, n bigint)")
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
