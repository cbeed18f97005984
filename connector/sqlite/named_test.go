package sqlite

import (
	"errors"
	"testing"

	"github.com/fencepost/fencepost/sink"
)

// SQL that is refused names the row that it had read last; SQL that writes into the batch, or ends its transaction, names none. What was
// looked for leaves nothing behind: the next batch goes in.
func TestSQLNamesTheRowItReadLast(t *testing.T) {
	for query, want := range map[string]int{
		"INSERT INTO things SELECT v, n FROM batch":                                                              3,
		"INSERT INTO things SELECT b.v, b.n FROM batch AS b ORDER BY b.n":                                        4, // all of it, before it writes
		"INSERT INTO things SELECT v, 7 FROM batch; INSERT INTO things SELECT json(v), n FROM temp.batch":        3,
		"UPDATE things SET n = b.n FROM batch AS b WHERE things.v = b.v; INSERT INTO things SELECT * FROM batch": 3,
		"UPDATE batch SET v = upper(v); INSERT INTO things SELECT v, n FROM batch":                               0,
		"DELETE FROM batch WHERE n = 2; INSERT INTO things SELECT v, n FROM batch":                               0,
		"INSERT OR ROLLBACK INTO things SELECT v, n FROM batch":                                                  0,
	} {
		s, l := fresh(t, Config{SQL: query}, "CREATE TABLE things (v TEXT, n INTEGER CHECK (n > 0))")
		held := begin(t, s, topic(1)...)
		for range 2 {
			err := l.Commit(t.Context(), writer, one(held, "1", 1, "2", 2, "{", -3, "4", 4))
			if r, ok := errors.AsType[*sink.Rejected](err); want > 0 && (!ok || r.Row != want) || ok && want == 0 && r.Row != 0 {
				t.Errorf("%s: got %#v (%v), want a refusal that names row %d", query, r, err, want)
			}
		}
		if err := l.Commit(t.Context(), writer, one(held, "5", 5)); err != nil {
			t.Errorf("%s: a batch of good rows behind it: %v", query, err)
		}
		if got := answer(t, s.cfg.Path, "SELECT count(*) FROM things WHERE n > 0 AND upper(v) = '5' AND v NOT IN (1, 2, 4)"); got == "0" {
			t.Errorf("%s: the good row is not there", query)
		}
	}
}
