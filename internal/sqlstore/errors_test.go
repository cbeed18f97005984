package sqlstore

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// A refusal is recognised by the secret, in either database's form, and by nothing else.
func TestReadRefusal(t *testing.T) {
	for message, want := range map[string]struct {
		o      Outcome
		detail string
	}{
		`invalid input syntax for type integer: "newer:s3cret:2"`:     {Newer, "2"},
		`invalid input syntax for type integer: "cluster:s3cret:a:b"`: {OtherCluster, "a:b"},
		`invalid input syntax for type integer: "fenced:s3cret:0"`:    {Fenced, "0"},
		`roster:s3cret:1`:                                         {Roster, "1"},
		`XPATH syntax error: '~cluster:s3cret'`:                   {OtherCluster, ""},
		`XPATH syntax error: '~fenced:s3cret'`:                    {Fenced, ""},
		`invalid input syntax for type integer: "fenced:other:0"`: {Failed, ""},
		`fenced: s3cret`:                                          {Failed, ""},
	} {
		if o, detail := ReadRefusal(message, "s3cret"); o != want.o || detail != want.detail {
			t.Errorf("%s: got %d, %q, want %d, %q", message, o, detail, want.o, want.detail)
		}
	}
}

// Each outcome of a flush is the contract's error, whether the refusal contains what the server found or the ledger is asked.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		says string
		at   string // what the ledger holds
		want error  // nil: says
		text string
		asks []string
	}{
		{"fenced:s3cret:0", "6", &ledger.Refused{}, "", []string{"held"}},
		{"fenced:s3cret:0", "5", nil, "a moment later agreed", []string{"held"}},
		{"newer:s3cret:2", "5", ledger.ErrNewer, "it is version 2", nil},
		{"newer:s3cret", "5", ledger.ErrNewer, "it is version 2", []string{"select version from g where group_name = '' and topic = ''"}},
		{"newer:s3cret:0", "5", nil, "no identity row", nil},
		{"cluster:s3cret:x", "5", ledger.ErrOtherCluster, "another cluster: x", nil},
		{"cluster:s3cret", "5", ledger.ErrOtherCluster, "another cluster: other", []string{"select cluster_id from g where topic = '' and group_name = 'group'"}},
		{"roster:s3cret:1", "5", nil, "must cover every partition of the Roster", nil},
		{"out of memory", "5", nil, "out of memory", nil},
	} {
		f := &fake{answer: standing(c.at)}
		err := fakeDialect().Refusal(t.Context(), f, Tables{Groups: "g"}, "group", []ledger.Move{oneCommit()}, errors.New(c.says))
		refused := new(ledger.Refused)
		switch {
		case errors.As(c.want, &refused) && !errors.As(err, &refused),
			!errors.As(c.want, &refused) && c.want != nil && !errors.Is(err, c.want),
			!strings.Contains(err.Error(), c.text):
			t.Errorf("%s: got %v, want %v with %q", c.says, err, c.want, c.text)
		}
		if !slices.Equal(f.asked, c.asks) || f.drops != 0 {
			t.Errorf("%s: asked %q and dropped %d connections, want %q and none", c.says, f.asked, f.drops, c.asks)
		}
	}
}

// A lost answer is unknown, and its connection is not used again.
func TestLostAnswer(t *testing.T) {
	d, f := fakeDialect(), &fake{}
	d.Errors.Outcome = func(*fake, error) (Outcome, string) { return Lost, "" }
	err := d.Refusal(t.Context(), f, Tables{}, "group", nil, errFake)
	if !errors.Is(err, ledger.ErrUnknown) || !errors.Is(err, errFake) || f.drops != 1 {
		t.Errorf("got %v and dropped %d connections, want ErrUnknown and 1", err, f.drops)
	}
}

// What passes is marked as passing, and keeps the error of the driver.
func TestSystemFault(t *testing.T) {
	y := System{Name: "fake", NoTable: "make it"}
	for c, want := range map[Class]struct {
		code    string // empty: no error
		passing bool
	}{Race: {"", false}, ReadOnly: {"database-read-only", true}, Crowded: {"too-many-connections", true}, Terminated: {"connection-terminated", true}, Starting: {"database-starting", true},
		NoTable: {"table-not-found", false}, NoColumn: {"column-missing", false}, NoRight: {"database-denied", false}, NoLogin: {"database-denied", false},
		NoDatabase: {"database-not-found", false}, DiskFull: {"disk-full", true}, NotServing: {"database-silent", true}, BadSQL: {"sql-refused", false}} {
		err := y.Fault(c, "h:1", Reasoned{"it said so", errFake})
		var f *fencepost.UserError
		switch {
		case !errors.Is(err, errFake), !strings.Contains(err.Error(), "it said so"):
			t.Errorf("class %d: %v does not say what the server said", c, err)
		case errors.As(err, &f) != (want.code != ""):
			t.Errorf("class %d: %T, want a fault: %t", c, err, want.code != "")
		case f != nil && (f.Code != want.code || f.Passing != want.passing):
			t.Errorf("class %d: %s, passing %t, want %s, %t", c, f.Code, f.Passing, want.code, want.passing)
		}
	}
}

// A flush that the session has to write anew is sent once more at once, whichever lane sends it, and as often as the session asks.
// Another error ends it.
func TestAgain(t *testing.T) {
	l, f := fakeLane(t, Job{SQL: "select 1"}, "5")
	own := &fake{answer: standing("5")}
	positions := NewLedger(fakeDialect(), own, ledger.KeepMerged)
	for name, c := range map[string]struct {
		commit func() error
		f      *fake
	}{
		"lane":   {func() error { return l.Commit(t.Context(), someone, batchOf(0)) }, f},
		"ledger": {func() error { return positions.Move(t.Context(), someone, []ledger.Move{oneCommit()}) }, own},
	} {
		for _, last := range []error{nil, errFake} {
			c.f.flushes, c.f.asked = []error{errForgot, errForgot, last}, nil
			err := c.commit()
			flushes := slices.DeleteFunc(c.f.asked, func(asked string) bool { return !strings.HasSuffix(asked, "commit") })
			if !errors.Is(err, last) || len(flushes) != 3 {
				t.Errorf("%s, which at last is answered %v: got %v and the flushes %q, want that answer and three", name, last, err, flushes)
			}
		}
	}
}
