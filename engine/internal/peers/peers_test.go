package peers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost/ledger"
)

// worker makes an entry of a text: slot, sign, member, how it is over, and its instance.
func worker(text string) (w ledger.Worker) {
	f := append(strings.Fields(text), "", "", "", "")
	_, _ = fmt.Sscan(f[0], &w.Slot)
	w.Sign, w.Member, w.Over, w.Instance = f[1], strings.Trim(f[2], "-"), strings.Trim(f[3], "-"), f[4]
	return w
}

func workers(texts ...string) (all []ledger.Worker) {
	for _, t := range texts {
		all = append(all, worker(t))
	}
	return all
}

func TestEnter(t *testing.T) {
	for _, test := range []struct {
		name    string
		all     []ledger.Worker
		self    string
		entered bool
		want    Entry
	}{
		{"the first", nil, "-1 a A", false, Entry{Self: worker("0 a A"), Write: true}},
		{"the next free slot", workers("0 b B", "1 c C left", "2 d D"), "-1 a A", false, Entry{Self: worker("1 a A"), Write: true, Others: workers("0 b B", "2 d D")}},
		{"as it stands", workers("0 b B", "1 a A"), "1 a A", true, Entry{Self: worker("1 a A"), Others: workers("0 b B")}},
		{"joined since", workers("1 a -"), "1 a A", true, Entry{Self: worker("1 a A"), Write: true}},
		{"taken for dead", workers("1 a A evicted"), "1 a A", true, Entry{Self: worker("1 a A"), Write: true}},
		{"under a new sign, in its own slot", workers("1 old A"), "1 a A", false, Entry{Self: worker("1 a A"), Write: true}},
		{"another took the slot", workers("0 b B", "1 c C"), "1 a A", true, Entry{Self: worker("2 a A"), Write: true, Others: workers("0 b B", "1 c C")}},
		{"a static member that has left keeps its slot", workers("0 b B left one", "1 c C evicted two"), "-1 a A", false, Entry{Self: worker("1 a A"), Write: true}},
		{"a static member is back", workers("0 b B left two", "1 c C left one"), "-1 a A - one", false, Entry{Self: worker("1 a A - one"), Write: true}},
		{"a static member is back that was evicted", workers("1 c C evicted one"), "-1 a A - one", false, Entry{Self: worker("1 a A - one"), Write: true}},
		{"its own entry is gone", nil, "1 a A", true, Entry{Self: worker("1 a A"), Write: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, Enter(test.all, worker(test.self), test.entered)); d != "" {
				t.Errorf("want - got +:\n%s", d)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	all := workers("0 a A", "1 b B", "2 c C left", "3 d D evicted", "4 e E", "5 f F left one", "6 g G evicted two")
	for _, test := range []struct {
		name           string
		ended          string
		shaken, second bool
		want           Verdict
	}{
		{"nobody that is entered", "x", false, false, Verdict{}},
		{"nobody, in doubt", "x", true, false, Verdict{}},
		{"one", "a", false, false, Verdict{Evict: workers("0 a A"), Rejoin: true}},
		{"one, in doubt", "a", true, false, Verdict{Again: true}},
		{"one, in doubt, again", "a", true, true, Verdict{Evict: workers("0 a A"), Rejoin: true}},
		{"several", "a b", false, false, Verdict{Again: true}},
		{"several, again", "a b", false, true, Verdict{Evict: workers("0 a A", "1 b B"), Rejoin: true}},
		{"one that left", "c", false, false, Verdict{Rejoin: true}},
		{"one that left, in doubt", "c", true, false, Verdict{Rejoin: true}},
		{"two that left", "c d", false, false, Verdict{Rejoin: true}},
		{"a static member that left", "f", false, false, Verdict{}},
		{"a static member that left, in doubt", "f", true, false, Verdict{}},
		{"a static member that was evicted", "g", false, false, Verdict{Rejoin: true}},
		{"a static member that left and one that did not leave", "a f", false, false, Verdict{Evict: workers("0 a A"), Rejoin: true}},
		{"one that left and one that did not", "a c", false, false, Verdict{Evict: workers("0 a A"), Rejoin: true}},
		{"one that left and several that did not", "a b c", false, false, Verdict{Rejoin: true, Again: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := Among(all, strings.Fields(test.ended))
			l.Shaken, l.Second = test.shaken, test.second
			if d := cmp.Diff(test.want, Decide(l)); d != "" {
				t.Errorf("want - got +:\n%s", d)
			}
		})
	}
}

func TestWithout(t *testing.T) {
	all := workers("0 a A", "1 b B", "2 c C left", "3 d D")
	got := Without(Silent(all, "d"), []string{"b"})
	if d := cmp.Diff(workers("0 a A"), got); d != "" {
		t.Errorf("want - got +:\n%s", d)
	}
	if d := cmp.Diff(workers("0 a A", "1 b B", "2 c C left", "3 d D"), all); d != "" {
		t.Errorf("the entries were changed:\n%s", d)
	}
}

func TestOver(t *testing.T) {
	all := workers("0 a A", "1 b B left", "2 c C evicted", "3 d D left")
	if d := cmp.Diff(workers("1 b B left", "2 c C evicted"), Over(all, workers("0 a A", "1 b B", "2 c C", "4 e E"))); d != "" {
		t.Errorf("want - got +:\n%s", d)
	}
}

func TestSuspects(t *testing.T) {
	now, s := time.Unix(0, 0), Suspects{}
	sees := func(after time.Duration, members, want string) {
		t.Helper()
		now = now.Add(after)
		var seen []ledger.Stranger
		for _, m := range strings.Fields(members) {
			seen = append(seen, ledger.Stranger{Member: m})
		}
		var got []string
		for _, c := range s.See(now, seen, 10*time.Second) {
			got = append(got, c.Member)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("after %s: certain of %v, want %q", now.Sub(time.Unix(0, 0)), got, want)
		}
	}
	sees(0, "a", "")
	sees(4*time.Second, "a", "")
	sees(5*time.Second, "a b", "")
	sees(time.Second, "a b", "a")
	sees(time.Second, "a b", "") // it is said once
	sees(5*time.Second, "b", "")
	sees(3*time.Second, "b", "b")
	sees(time.Second, "", "")
	sees(time.Second, "a", "") // from the beginning
	sees(7*time.Second, "a", "")
	sees(3*time.Second, "a", "a")
	sees(0, "", "")
	sees(0, "a", "")
	sees(time.Minute, "a", "") // this worker was stopped meanwhile: from the beginning
	sees(7*time.Second, "a", "")
	sees(3*time.Second, "a", "a")
	sees(time.Minute, "a", "") // and it was said
}
