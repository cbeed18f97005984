package sqlstore

import (
	"testing"

	"github.com/fencepost/fencepost/ledger"
)

// What fails in one part of a check may drop the session. The parts behind it are checked all the same.
func TestCheckGoesOnBehindAFailure(t *testing.T) {
	d, look := fakeDialect(), &fake{answer: standing("5")}
	d.Syntax = Syntax{Skip: func(_ string, at int) int { return at }, Comment: func(string) bool { return false }, Ends: func(string, string) string { return "" }}
	s := NewSink(d, Job{SQL: "select 1"}, NewLedger(d, &fake{}, ledger.KeepMerged), look)
	answers := look.answer
	look.answer = func(statements string) ([]Rows, error) {
		if statements == "select version, ledger_id from g where group_name = '' and topic = ''" {
			return []Rows{{{[]byte("2"), []byte("00")}}}, nil // a newer program's
		}
		return answers(statements)
	}
	list := s.Check(t.Context(), nil)
	if len(list) != 3 || !list[0].OK || list[1].Code != "ledger-newer" || !list[2].OK {
		t.Errorf("got %+v, want database and trial ok, and ledger-newer", list)
	}
}
