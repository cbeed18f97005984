package codes

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// A remedy follows from code and facts: the first that fits is taken, and what an error brings along comes before it.
func TestRemedy(t *testing.T) {
	for _, c := range []struct {
		fault fencepost.UserError
		want  string
	}{
		{fencepost.UserError{Code: "ledger-newer"}, "run the newer program; there is no way back"},
		{fencepost.UserError{Code: "ledger-newer", Help: "its own"}, "its own"},
		{fencepost.UserError{Code: "ledger-empty", Facts: map[string]string{"resume": "true"}},
			"restore the ledger's tables; or run without --resume to start at source.start"},
		{fencepost.UserError{Code: "ledger-empty", Facts: map[string]string{"group": "g"}},
			"restore the ledger; or give this pipeline a new group; or take the group's offsets over: fencepost offsets copy 'kafka://HOST:9092?group=g' FILE --meaning next"},
		{fencepost.UserError{Code: "ledger-empty"}, ""},
		{fencepost.UserError{Code: "unexpected"}, ""},
	} {
		if got := Remedy(&c.fault); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.fault, got, c.want)
		}
	}
	tp := fencepost.TopicPartition{Topic: "trips", Partition: 7}
	for _, c := range []struct {
		code  string
		facts map[string]string
		want  string
	}{
		{"truncated", nil, "fencepost offsets repair FILE --topic trips:7"},
		{"recreated", nil, "fencepost offsets repair FILE --topic trips"},
		{"22P02", map[string]string{"record": "5", "watch": "1s"},
			"mend the cause: it is tried again every 1s; or fencepost offsets repair FILE --topic trips:7 --record skip"},
		{"ledger-went-back", map[string]string{"applied": "40", "held": "20"},
			"fencepost offsets set FILE --topic trips:7 --to 40 --execute, to pass what stands; --to 20, to repeat it"},
	} {
		if got := ParkedRemedy(c.code, tp, c.facts); got != c.want {
			t.Errorf("%s %v: got %q, want %q", c.code, c.facts, got, c.want)
		}
	}
}

// Each remedy is of a code that there is, and can be reached: no row before it takes all that it would.
func TestRemediesTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range remedies {
		if _, ok := Find(r.code); !ok && r.code != "" {
			t.Errorf("%q: %s is no code", r.text, r.code)
		}
		if seen[r.code] || seen[r.code+" "+r.when] {
			t.Errorf("%q: a row of %s before it takes all that it would", r.text, r.code)
		}
		name, _, _ := strings.Cut(r.when, "=")
		seen[strings.TrimRight(r.code+" "+r.when, " ")] = true
		if valued := name != r.when; !valued && r.when != "" {
			continue
		}
		for _, m := range regexp.MustCompile(`\{([a-z]+)\}`).FindAllStringSubmatch(r.text, -1) {
			if r.when == "" {
				t.Errorf("%q names the fact %s, and asks for none", r.text, m[1])
			}
		}
	}
}

// What ledger, source and sink say by sentinels has a code; all else is unexpected.
func TestNamed(t *testing.T) {
	for want, err := range map[string]error{
		"topic-not-found": fmt.Errorf("x: %w", fencepost.ErrNoTopic),
		"broker-silent":   fencepost.ErrNoAnswer,
		"ledger-newer":    ledger.ErrNewer,
		"other-cluster":   ledger.ErrOtherCluster,
		"record-refused":  &sink.Rejected{Reason: "no"},
		"group-live":      fmt.Errorf("x: %w", &fencepost.UserError{Code: "group-live", Err: errors.New("y")}),
		"unexpected":      errors.New("z"),
	} {
		if got := Named(err).Code; got != want {
			t.Errorf("%v: got %s, want %s", err, got, want)
		}
	}
}
