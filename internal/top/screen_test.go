package top

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
	"github.com/fencepost/fencepost/ledger"
)

var update = flag.Bool("update", false, "write the golden files anew")

func letterAt(p int32, at fencepost.Offset, value string) ledger.Letter {
	l := ledger.Letter{At: time.Now().Add(-time.Hour), Who: "w1@node3"}
	l.TopicPartition, l.Offset, l.TopicID = tp(p), at, topicID
	l.Timestamp, l.Key, l.Value = time.Now().Add(-2*time.Hour).UnixMilli(), []byte("r-7"), []byte(value)
	l.Code, l.Reason = "record-undecodable", `value is not JSON at byte 3: x`
	return l
}

// TestScreens: every page at three sizes is the file of that size in testdata.
func TestScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 50}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := trips(t)
				w.letters = []ledger.Letter{letterAt(3, 204_000_001, `{"x`), letterAt(5, 204_000_777, `{"y`)}
				d := drive(t, Config{AllowChanges: true}, w, newWorld(t, "clicks", 3))
				d.size(size[0], size[1])
				var got strings.Builder
				see := func(name string, keys ...string) {
					d.keys(keys...)
					fmt.Fprintf(&got, "## %s: %s\n%s", name, strings.Join(keys, " "), d.text())
				}
				see("pipelines")
				see("partitions", "enter")
				see("wide", "w")
				see("sorted by lag, linear", "w", "L", "ctrl+w")
				see("filter", "L", "L", "ctrl+w", "/", "text:!to read")
				see("a parked partition", "enter", "esc", "enter")
				see("choices", "c")
				see("a plan that moves nothing", "enter")
				see("a plan", "esc", "j", "enter", "y", "text:INC-4412", "enter")
				see("confirm", "e", "tab")
				see("another key", "j")
				see("a blocked partition", "esc", "esc", "esc", "j", "enter")
				see("moves", "esc", "l")
				see("dead letters", "esc", "t")
				see("a dead letter", "enter")
				see("discard", "esc", "space", "space", "d")
				see("a record", "esc", "esc", "g", "x")
				see("help", "?")
				see("command", "esc", ":", "text:p")
				see("diff", "backspace", "text:diff clicks", "enter")
				file := filepath.Join("testdata", name+".txt")
				if *update {
					if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); d != "" {
					t.Errorf("-want +got:\n%s\n-update writes the file anew", d)
				}
			})
		})
	}
}

// TestTheGuidesScreen: the screen in the guide is one that is drawn, but for its time.
func TestTheGuidesScreen(t *testing.T) {
	guide, err := os.ReadFile("../../docs/top.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadFile("testdata/80x24.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(guide), "```text\n")
	block, _, ends := strings.Cut(block, "```")
	_, block, _ = strings.Cut(block, "\n")
	if !found || !ends || len(block) < 1000 || !strings.Contains(string(drawn), block) {
		t.Errorf("docs/top.md shows a screen that is not in testdata/80x24.txt:\n%s", block)
	}
}

// nasty are texts that a terminal would obey, of one byte a character and of more.
var nasty = []string{"\x1b[2J\x1b]0;owned\x07\r\n\tx", "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egpj.exe\u200b\r\n\tx\x7f"}

// harmless fails where a screen has anything but text and line ends, or leaves its size.
func harmless(t testing.TB, d *driver, where string) {
	t.Helper()
	lines := d.screen()
	if len(lines) > d.height {
		t.Errorf("%s: %d lines, the terminal has %d", where, len(lines), d.height)
	}
	for i, one := range lines {
		if n := ansi.StringWidth(one); n > d.width {
			t.Errorf("%s: line %d is %d wide, the terminal %d: %q", where, i, n, d.width, one)
		}
		if bad := strings.IndexFunc(one, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }); bad >= 0 || !utf8.ValidString(one) {
			t.Errorf("%s: line %d reaches the terminal with a control character: %q", where, i, one)
		}
	}
}

// tour presses a key for every page, and calls see on each.
func tour(d *driver, typed string, see func(string)) {
	for _, step := range [][]string{{"g"}, {"enter"}, {"w"}, {"enter"}, {"c"}, {"enter"}, {"e"}, {"esc"}, {"esc"}, {"esc"}, {"x"}, {"n"}, {"p"}, {"esc"}, {"esc"}, {"esc"}, {"l"}, {"c"}, {"enter"},
		{"esc"}, {"esc"}, {"t"}, {"enter"}, {"esc"}, {"d"}, {"esc"}, {"r"}, {"esc"}, {"esc"}, {":"}, {"text:diff "}, {"enter"}, {"esc"}, {"?"}, {"esc"}, {"/"}, {"text:" + typed}, {"enter"}, {"esc"}, {"m"}, {"text:-1"}, {"enter"}} {
		d.keys(step...)
		see(strings.Join(step, " ") + " on " + d.here().crumb())
	}
}

// TestNothingRaw: no text of a stranger reaches the terminal as it is, on no page.
func TestNothingRaw(t *testing.T) {
	for _, nasty := range nasty {
		t.Run(fmt.Sprintf("%q", nasty), func(t *testing.T) { nothingRaw(t, nasty) })
	}
}

func nothingRaw(t *testing.T, nasty string) {
	w := newWorld(t, fencepost.Group("tri"+nasty), 3)
	w.log(0, 0, 2000, 2000)
	w.brokers.value = func(_ fencepost.TopicPartition, o fencepost.Offset) string { return nasty + "NaN" }
	w.to(1, 500, ledger.CauseRewind, 0, "who"+nasty, "why"+nasty)
	l := letterAt(2, 7, nasty)
	l.Reason, l.Key, l.Who = nasty, []byte("\x1b\xff"), nasty
	w.letters = []ledger.Letter{l}
	d := drive(t, Config{}, w, newWorld(t, "clicks", 1))
	d.sources[0].Promise.Words, d.sources[0].File = nasty, nasty
	d.sources[0].Resources.Who = nasty
	seen := 0
	tour(d, nasty, func(where string) {
		harmless(t, d, where)
		if strings.Contains(d.text(), "owned") {
			seen++
		}
	})
	if seen < 10 {
		t.Errorf("the text was on %d screens: the tour does not go where it is", seen)
	}
	w.down = func() bool { return true }
	d.look()
	harmless(t, d, "a silent ledger")
}

// TestSizes: no page is larger than its terminal, whatever the size and whatever was pressed.
func TestSizes(t *testing.T) {
	w := trips(t)
	w.letters = []ledger.Letter{letterAt(3, 1, "x")}
	d := drive(t, Config{AllowChanges: true}, w, newWorld(t, "clicks", 60))
	all := []string{"j", "k", "g", "G", "enter", "esc", "w", "N", "L", "T", "S", "ctrl+f", "ctrl+b", "l", "t", "x", "c", "o", "?", ":", "tab", "/", "1", "p", "m", "s", "r", "y", "space", "ctrl+w", "backspace", "ctrl+r", "n", "ctrl+u"}
	r := rand.New(rand.NewPCG(4, 9))
	for range 500 {
		if r.IntN(5) == 0 {
			d.size(leastWidth-2+r.IntN(150), leastHeight-1+r.IntN(40))
		}
		key := all[r.IntN(len(all))]
		d.keys(key)
		harmless(t, d, key+" on "+d.here().crumb())
		if t.Failed() {
			return
		}
	}
}

// TestTooSmall: below the least size there is one line and nothing else, and no key does anything that is not seen.
func TestTooSmall(t *testing.T) {
	d := drive(t, Config{}, trips(t))
	d.size(72, 20)
	if got, want := d.text(), "80x24 is the least; this is 72x20\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	d.keys("enter")
	if d.size(80, 24); d.here().crumb() != "trips" {
		t.Errorf("a key that was pressed unseen led to %s", d.here().crumb())
	}
}

// TestColourRepeatsWords: what is painted says the same without paint.
func TestColourRepeatsWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := trips(t)
		bare, painted := drive(t, Config{}, w), drive(t, Config{Paint: screen.ANSI}, w)
		for _, key := range []string{"g", "enter", "esc", "l"} {
			bare.keys(key)
			painted.keys(key)
			if got := ansi.Strip(painted.text()); got != bare.text() {
				t.Errorf("%s: with colours stripped\n%s\nwithout\n%s", key, got, bare.text())
			}
		}
		if painted.text() == bare.text() {
			t.Error("nothing is painted")
		}
	})
}

// TestTheRowUnderTheHand: news never put another partition under the cursor.
func TestTheRowUnderTheHand(t *testing.T) {
	w := newWorld(t, "trips", 40)
	d := drive(t, Config{}, w)
	p := d.here().(*partitions)
	d.keys("j", "j", "j")
	if p.at != "trips:3" {
		t.Fatalf("the cursor is on %s", p.at)
	}
	w.log(30, 2000, 9000, 9000) // aged out: it comes first
	d.look()
	if r, _ := p.current(); r.id != "trips:3" || p.rows[0].id != "trips:30" || !strings.Contains(d.text(), "> trips:3 ") {
		t.Errorf("after news the cursor is on %s, the first row is %s:\n%s", r.id, p.rows[0].id, d.text())
	}
	d.keys("L", "G")
	if r, _ := p.current(); !strings.Contains(d.text(), ">"+" "+r.id) {
		t.Errorf("the row %s under the cursor is not seen", r.id)
	}
}

// TestTheFirstRowUntilBrokersAnswer: while a list is half known, the cursor is on what comes first, and stays there afterwards.
func TestTheFirstRowUntilBrokersAnswer(t *testing.T) {
	d := drive(t, Config{}, trips(t))
	p := d.here().(*partitions)
	whole := d.sources[0].moment
	p.refresh(d.Model)
	half := *whole
	half.Asking = true
	half.Positions.Positions = slices.Clone(whole.Positions.Positions)
	for i := range half.Positions.Positions {
		half.Positions.Positions[i].Odd, half.Positions.Positions[i].Transaction = false, nil
	}
	silent := half
	silent.Asking, silent.Brokers = false, &watch.Trouble{Fault: &fencepost.UserError{Code: "broker-silent", Err: errNaN}}
	p = newPartitions(d.sources[0])
	d.sources[0].moment = nil
	p.refresh(d.Model)
	for _, step := range []struct {
		moment *watch.Moment
		at     string
	}{{&half, "trips:0"}, {&silent, "trips:0"}, {whole, "trips:7"}, {&half, "trips:7"}, {&silent, "trips:7"}} {
		d.sources[0].moment = step.moment
		if p.refresh(d.Model); p.at != step.at {
			t.Errorf("the cursor is on %s, want %s", p.at, step.at)
		}
	}
	p = newPartitions(d.sources[0])
	d.sources[0].moment = &half
	p.refresh(d.Model)
	p.grid.press("j")
	d.sources[0].moment = whole
	if p.refresh(d.Model); p.at != "trips:1" {
		t.Errorf("the cursor was moved to trips:1, and is on %s", p.at)
	}
}

// TestRowsThatAreNotSeen: of 1,000 partitions those that are seen are drawn.
func TestRowsThatAreNotSeen(t *testing.T) {
	d := drive(t, Config{}, newWorld(t, "clicks", 1000))
	p := d.here().(*partitions)
	drawn := 0
	for i := range p.rows {
		draw := p.rows[i].draw
		p.rows[i].draw = func(width int) line { drawn++; return draw(width) }
	}
	d.keys("ctrl+f", "ctrl+f")
	text := d.text()
	if drawn == 0 || drawn > d.height {
		t.Errorf("%d rows were drawn on %d lines", drawn, d.height)
	}
	if !strings.Contains(text, "of 1000") {
		t.Errorf("it is not said which rows these are:\n%s", text)
	}
}

// TestNumbersAreThoseOfOffsetsShow: each row has the words of the answer of offsets show.
func TestNumbersAreThoseOfOffsetsShow(t *testing.T) {
	d := drive(t, Config{}, trips(t))
	d.size(200, 50)
	all := d.sources[0].moment.Positions
	for _, s := range all.Positions {
		i := slices.IndexFunc(strings.Split(d.text(), "\n"), func(one string) bool {
			return strings.HasPrefix(strings.TrimPrefix(one, ">"), " "+s.Name()+" ") || strings.HasPrefix(one, "  "+s.Name()+" ")
		})
		if i < 0 {
			t.Fatalf("%s has no row:\n%s", s.Name(), d.text())
		}
		cells := strings.Fields(strings.Split(d.text(), "\n")[i])
		for _, want := range []string{s.Position.String(), s.Lag.String(), view.Number(s.Bounds.End).String()} {
			if !slices.Contains(cells, want) {
				t.Errorf("%s: %q lacks %s", s.Name(), cells, want)
			}
		}
	}
	if !strings.Contains(d.text(), "lag "+all.Lag()) {
		t.Errorf("the sum %s is not there", all.Lag())
	}
}

// TestWhoDoesNotAnswer: brokers and ledgers that are silent are said, with what is old and what is not known.
func TestWhoDoesNotAnswer(t *testing.T) {
	w := trips(t)
	d := drive(t, Config{}, w)
	w.brokers.silent = true
	d.look()
	for _, want := range []string{"broker-silent", "broker b1:9092 does not answer", "Positions are the ledger's", "204,503,650", "unknown"} {
		if !strings.Contains(strings.Join(strings.Fields(d.text()), " "), want) {
			t.Errorf("silent brokers: %q is not there:\n%s", want, d.text())
		}
	}
	w.brokers.silent = false
	d.look()
	if strings.Contains(d.text(), "broker-silent") {
		t.Errorf("brokers that answer again are called silent:\n%s", d.text())
	}
	w.down = func() bool { return true }
	d.look()
	for _, want := range []string{"stale, of ", "database-silent", "the database does not answer", "may be wrong by now", "204,503,650"} {
		if !strings.Contains(strings.Join(strings.Fields(d.text()), " "), want) {
			t.Errorf("a silent ledger: %q is not there:\n%s", want, d.text())
		}
	}
	first := newWorld(t, "trips", 2)
	first.down = func() bool { return true }
	if got := drive(t, Config{}, first).text(); !strings.Contains(got, "unknown") || !strings.Contains(got, "asking") || !strings.Contains(got, "database-silent") {
		t.Errorf("nothing was ever known:\n%s", got)
	}
}

// TestFilters: a filter takes, leaves out, and is fuzzy; esc takes it back.
func TestFilters(t *testing.T) {
	for _, c := range []struct {
		filter, words string
		want          bool
	}{{"park", "trips:7 parked", true}, {"PARK", "trips:7 parked", true}, {"!park", "trips:7 parked", false}, {"!park", "trips:8", true}, {"-f tpk", "trips:7 parked", true}, {"-f tkp", "trips:7 parked", false},
		{"", "x", true}, {"!", "x", true}, {"-f ", "x", true}} {
		if got := takes(c.filter, c.words); got != c.want {
			t.Errorf("filter %q of %q: %t", c.filter, c.words, got)
		}
	}
	d := drive(t, Config{}, trips(t))
	d.keys("/", "text:parked", "enter")
	if p := d.here().(*partitions); len(p.rows) != 1 || !strings.Contains(d.text(), "1 of 12 rows") {
		t.Errorf("%d rows:\n%s", len(p.rows), d.text())
	}
	if d.keys("esc"); len(d.here().(*partitions).rows) != 12 {
		t.Error("esc leaves the filter")
	}
}

// TestCommands: a colon leads to each page, completes by tab, and says what there is.
func TestCommands(t *testing.T) {
	d := drive(t, Config{}, trips(t), newWorld(t, "clicks", 2))
	for _, c := range []struct{ typed, crumb string }{{"pipelines", ""}, {"partitions clicks", "clicks"}, {"moves", "moves"}, {"letters trips", "dead letters"}, {"peek trips:1:150000000", "trips:1 at 150,000,000"},
		{"diff clicks", "diff trips clicks"}, {"mov", "moves"}, {"help", "help"}} {
		d.keys(":", "text:"+c.typed, "enter")
		if got := d.here().crumb(); got != c.crumb {
			t.Errorf(":%s leads to %q, want %q; %v", c.typed, got, c.crumb, d.says)
		}
	}
	for _, c := range []struct{ typed, says string }{{"movse", "perhaps :moves"}, {"partitions nobody", "trips and clicks"}, {"peek 7", "is not TOPIC:PARTITION:OFFSET"}, {"xyzzy", ":help lists"}} {
		d.keys(":", "text:"+c.typed, "enter")
		if got := d.text(); !strings.Contains(got, c.says) {
			t.Errorf(":%s does not say %q:\n%s", c.typed, c.says, got)
		}
	}
	d.keys(":", "text:par", "tab", "text:cl", "tab", "enter")
	if got := d.here().crumb(); got != "clicks" {
		t.Errorf("completed to %s", got)
	}
}

// TestLeaving: q, :q and ctrl-c leave, and the last screen is empty: nothing stands behind the shell's prompt.
func TestLeaving(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {":", "text:q", "enter"}} {
		d := drive(t, Config{}, trips(t))
		d.keys(keys...)
		if !d.quitting || len(d.screen()) != 0 {
			t.Errorf("%q: quitting %t, %d lines", keys, d.quitting, len(d.screen()))
		}
	}
	d := drive(t, Config{}, trips(t))
	d.keys("/", "q")
	if d.quitting {
		t.Error("a letter that was typed left")
	}
}

// TestAQuestionThatFails stands on the page that asked it.
func TestAQuestionThatFails(t *testing.T) {
	w := trips(t)
	d := drive(t, Config{}, w)
	d.sources[0].Resources.History = nil
	d.keys("l")
	if !strings.Contains(d.text(), "no-history") {
		t.Errorf("moves without a history:\n%s", d.text())
	}
	w.down = func() bool { return true }
	d.keys("esc", "m", "text:-5", "enter")
	if !strings.Contains(d.text(), "database-silent") {
		t.Errorf("a plan without a ledger:\n%s", d.text())
	}
}

// FuzzLine: whatever a text is, what is rendered fits, and has no control character.
func FuzzLine(f *testing.F) {
	for _, one := range nasty {
		f.Add(one, 20)
	}
	f.Add("日本語のテキスト", 5)
	f.Add("e\u0301\u0301\u0301", 1)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = max(1, width%200)
		lines := append(prose("name", indent, text, width, 0, false), plain(text))
		lines = append(lines, command(text, width+20)...)
		for _, l := range lines {
			got := l.render(width, screen.Plain)
			if ansi.StringWidth(got) > width {
				t.Errorf("%q is %d wide, want %d", got, ansi.StringWidth(got), width)
			}
			if strings.ContainsFunc(got, unicode.IsControl) || !utf8.ValidString(got) {
				t.Errorf("%q has a control character", got)
			}
		}
	})
}

// TestProseLosesNothing: whatever the width, the words that went in come out, in their order.
func TestProseLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var words []string
		for range 1 + r.IntN(10) {
			words = append(words, strings.Repeat(string(rune('a'+r.IntN(26))), 1+r.IntN(150)))
		}
		name, width := strings.Repeat("n", r.IntN(40)), leastWidth+r.IntN(100)
		var got strings.Builder
		for _, l := range prose(name, r.IntN(20), strings.Join(words, " "), width, 0, false) {
			got.WriteString(l.render(width, screen.Plain))
		}
		bare := strings.NewReplacer(" ", "", "\n", "")
		if got, want := bare.Replace(got.String()), name+strings.Join(words, ""); got != want {
			t.Fatalf("at %d columns:\n%s\nwant\n%s", width, got, want)
		}
	}
}

// TestCommandsCanBeTyped: a command that takes several lines is one for a shell, whatever is quoted in it.
func TestCommandsCanBeTyped(t *testing.T) {
	for _, why := range []string{"INC-4412", "a  reason of two  spaces", "it's 'quoted' and \\ more", strings.Repeat("x", 70)} {
		text := "printf %s" + quoted("--why", why) + strings.Repeat(" --execute", 12)
		var typed strings.Builder
		for _, l := range command(text, 80) {
			typed.WriteString(l.render(80, screen.Plain) + "\n")
		}
		got, err := exec.Command("sh", "-c", typed.String()).CombinedOutput()
		want, err2 := exec.Command("sh", "-c", text).CombinedOutput()
		if err != nil || err2 != nil || string(got) != string(want) {
			t.Errorf("%s\nprints %q, %v; want %q", typed.String(), got, err, want)
		}
	}
}

// BenchmarkScreen draws a page of 1,000 partitions, and takes news of it in.
func BenchmarkScreen(b *testing.B) {
	d := drive(b, Config{}, newWorld(b, "clicks", 1000))
	d.size(200, 50)
	b.Run("draw", func(b *testing.B) {
		for b.Loop() {
			d.screen()
		}
	})
	b.Run("news", func(b *testing.B) {
		for b.Loop() {
			d.refresh()
		}
	})
}
