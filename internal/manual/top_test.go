//go:build realservers

package manual

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/text"
)

// screens is a shell in a terminal that tmux keeps.
type screens struct {
	t       *testing.T
	socket  string
	program string // the folder of it
	dir     string // where the shell is
}

// newScreens opens a terminal of a size.
func newScreens(t *testing.T, program, dir string, width, height int) *screens {
	t.Helper()
	s := &screens{t: t, socket: filepath.Join(t.TempDir(), "tmux"), program: program, dir: dir}
	s.tmux("new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "-c", dir, "env", "-i", "PATH="+program+":"+os.Getenv("PATH"), "TERM=screen", "LANG=C.UTF-8", "TZ=UTC", "PS1=$ ",
		"FENCEPOST_WHO=oncall@bastion", "sh")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	s.shows("$")
	return s
}

func (s *screens) tmux(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", s.socket, "-f", "/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "TMUX=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// screen is what the terminal shows.
func (s *screens) screen() string { return s.tmux("capture-pane", "-p") }

// keys presses keys by tmux's names: Enter, Escape, Tab, C-z, j.
func (s *screens) keys(names ...string) {
	s.t.Helper()
	for _, name := range names {
		s.tmux("send-keys", name)
	}
}

// types types a text.
func (s *screens) types(text string) { s.tmux("send-keys", "-l", text) }

// shows waits until the terminal shows all of some texts.
func (s *screens) shows(want ...string) string {
	s.t.Helper()
	got := ""
	s.until(func() string {
		got = s.screen()
		for _, one := range want {
			if !strings.Contains(got, one) {
				return fmt.Sprintf("%q is not there:\n%s", one, got)
			}
		}
		return ""
	})
	return got
}

// until asks again until there is no complaint.
func (s *screens) until(complaint func() string) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		says := complaint()
		if says == "" {
			return
		}
		if time.Now().After(end) {
			s.t.Fatal(says)
		}
	}
}

// timeless is a screen without what time alone changes, and without the pid and host of a worker.
func timeless(screen string) string {
	for _, r := range []struct{ is, becomes string }{
		{`live, \d+\.\ds ago`, "live, 0.0s ago"}, {`\d\d:\d\d:\d\d(\.\d+)?`, "00:00:00"}, {`,\s+says \S+@\S+`, ", says 1@host"}, {`\n{3,}`, "\n\n"}, {`\d+ commits? folded`, "9 commits folded"}, {`\d{4}-\d\d-\d\d`, "2000-00-00"}, {`\d+@[\w.-]+`, "1@host"}, {`\b([a-z]+) (\d+[smh])+ ago`, "$1 1s ago"},
		{`fence [0-9a-f]{16}`, "fence 0000000000000000"}, {`(topic ID\s+)\S{22}`, "${1}AAAAAAAAAAAAAAAAAAAAAA"}, {`since 00:00:00 \((\d+[smh])+\)`, "since 00:00:00 (1s)"},
	} {
		screen = regexp.MustCompile(r.is).ReplaceAllString(screen, r.becomes)
	}
	return screen
}

// squeezed is a screen without its layout, which the length of a host's name changes.
func squeezed(screen string) string {
	return regexp.MustCompile(`[ \n]{2,}|(─)+|(█)+`).ReplaceAllString(screen, " $1$2")
}

// golden waits until the screen is the one of a file. Where UPDATE is set, the file is written as the screen is once it stays so.
func (s *screens) golden(name string, form func(string) string) {
	s.t.Helper()
	file := filepath.Join("testdata", "top", name+".txt")
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if strings.Contains(name, "partition") {
			time.Sleep(8 * time.Second) // rates are of some seconds
		}
		time.Sleep(2 * time.Second)
		if err := os.WriteFile(file, []byte(timeless(s.screen())), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	s.until(func() string {
		got := s.screen()
		if d := cmp.Diff(strings.Split(form(string(want)), "\n"), strings.Split(form(timeless(got)), "\n")); d != "" {
			return name + ": -want +got:\n" + d + "\nthe screen:\n" + got
		}
		return ""
	})
}

func asItIs(screen string) string { return screen }

// flightsTopic is a topic of three partitions at a broker of the test.
type flightsTopic struct {
	t  *testing.T
	cl *kgo.Client
}

func newFlightsTopic(t *testing.T) (*flightsTopic, string) {
	t.Helper()
	broker := servers.OwnKafka(t).Plaintext
	cl, err := kgo.NewClient(append(servers.Quick(), kgo.SeedBrokers(broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 3, 1, nil, "flights"); err != nil {
		t.Fatal(err)
	}
	return &flightsTopic{t, cl}, broker
}

// put writes n records into a partition. They were written two days and two hours ago, so that their age is the same for an hour.
func (f *flightsTopic) put(partition int32, n int, value string) {
	f.t.Helper()
	for range n {
		r := &kgo.Record{Topic: "flights", Partition: partition, Key: []byte("k"), Value: []byte(value), Timestamp: time.Now().Add(-50*time.Hour - time.Minute)}
		if err := f.cl.ProduceSync(f.t.Context(), r).FirstErr(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// standing is what offsets show says of a partition.
type standing struct {
	Topic     string
	Partition int32
	Position  struct{ Offset int64 }
	Bounds    struct{ Earliest, Stable, End int64 }
	Lag       int64
	State     string
}

// offsetsShow is what the command says.
func offsetsShow(t *testing.T, program, dir string) (answer struct {
	Totals    struct{ Lag int64 }
	Positions []standing
}) {
	t.Helper()
	cmd := exec.Command(filepath.Join(program, "fencepost"), "offsets", "show", "flights.yaml", "-o", "json")
	cmd.Dir = dir
	out, _ := cmd.Output() // its exit code says what it found
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("offsets show: %v\n%s", err, out)
	}
	return answer
}

// sameNumbers waits until the screen of partitions has what offsets show says at the same moment.
func (s *screens) sameNumbers() {
	s.t.Helper()
	s.until(func() string {
		before := offsetsShow(s.t, s.program, s.dir)
		screen := s.screen()
		if d := cmp.Diff(before, offsetsShow(s.t, s.program, s.dir)); d != "" {
			return "it moves meanwhile: " + d
		}
		for _, one := range before.Positions {
			name := fmt.Sprintf("%s:%d", one.Topic, one.Partition)
			i := slices.IndexFunc(strings.Split(screen, "\n"), func(line string) bool { return slices.Contains(strings.Fields(line), name) })
			if i < 0 {
				return name + " has no row:\n" + screen
			}
			cells := strings.Fields(strings.Split(screen, "\n")[i])
			for _, want := range []string{text.Count(one.Position.Offset), text.Count(one.Lag), one.State} {
				if !slices.Contains(cells, want) {
					return fmt.Sprintf("%s: offsets show says %s, the row %q", name, want, cells)
				}
			}
		}
		if want := "lag " + text.Count(before.Totals.Lag) + " "; !strings.Contains(screen, want) {
			return fmt.Sprintf("%q is not there:\n%s", want, screen)
		}
		return ""
	})
}

// worker runs the pipeline until the test ends.
func worker(t *testing.T, program, dir string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(program, "fencepost"), "run", "flights.yaml", "-q")
	var says bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &says, &says
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait() // it is parked, which its exit code says
		if t.Failed() {
			t.Logf("the worker:\n%s", says.String())
		}
	})
}

// whole fails where the terminal is not as it was: its settings, its cursor, its screen.
func (s *screens) whole(settings, where string) {
	s.t.Helper()
	s.until(func() string {
		got := s.tmux("display-message", "-p", "alternate #{alternate_on} cursor #{cursor_flag} keypad #{keypad_flag} mouse #{mouse_any_flag}")
		if want := "alternate 0 cursor 1 keypad 0 mouse 0\n"; got != want {
			return fmt.Sprintf("%s: %s, want %s", where, got, want)
		}
		return ""
	})
	if got := s.screen(); strings.Contains(got, "PARTITION") || !strings.Contains(got, "fencepost top") {
		s.t.Errorf("%s: the screen is not the one of before:\n%s", where, got)
	}
	if got := s.settings(); got != settings {
		s.t.Errorf("%s: the terminal's settings are\n%s\nwant\n%s", where, got, settings)
	}
}

// settings are those of the terminal, by its shell.
func (s *screens) settings() string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "stty")
	s.keys("C-u")
	s.types("clear; stty -a >" + file + ".new; mv " + file + ".new " + file)
	s.keys("Enter")
	var got []byte
	s.until(func() string {
		var err error
		if got, err = os.ReadFile(file); err != nil {
			return err.Error()
		}
		return ""
	})
	s.shows("$")
	return string(got)
}

// TestTopInATerminal: fencepost top beside a running worker, on a real broker and SQLite, in a terminal of two sizes: its screens, its numbers, its changes, and what it
// leaves behind.
func TestTopInATerminal(t *testing.T) {
	program := build(t)
	topic, broker := newFlightsTopic(t)
	dir := t.TempDir()
	file := fmt.Sprintf("group: flights\nsource: {brokers: [%q], topics: [flights]}\nschema: {origin: text, delay: int}\nsink: {sqlite: {path: flights.db, table: flights}}\n", broker)
	if err := os.WriteFile(filepath.Join(dir, "flights.yaml"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.OpenConn(filepath.Join(dir, "flights.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.ExecuteScript(db, "CREATE TABLE flights (origin TEXT, delay INTEGER)", nil), db.Close()); err != nil {
		t.Fatal(err)
	}
	for p := range int32(3) {
		topic.put(p, 40, `{"origin":"LIS","delay":3}`)
	}
	worker(t, program, dir)
	topic.put(1, 1, "{\"origin\":7,\"delay\":\"\x1b[31mred\"}")
	topic.put(1, 8, `{"origin":"OPO","delay":5}`)

	small := newScreens(t, program, dir, 80, 24)
	settings := small.settings()
	small.types("fencepost top flights.yaml")
	small.keys("Enter")
	small.shows("1 parked", "2 idle")
	small.keys("g") // it may have been looked at before it parked, and the cursor stays on its row
	small.sameNumbers()
	if got := small.tmux("display-message", "-p", "#{alternate_on}"); got != "1\n" {
		t.Errorf("the shell's screen is drawn over: alternate %s", got)
	}
	small.golden("80x24-partitions", asItIs)
	if got := small.tmux("capture-pane", "-p", "-e"); !strings.Contains(got, "\x1b[31m") {
		t.Errorf("a parked partition is not red:\n%q", got)
	}
	small.keys("Enter")
	small.golden("80x24-partition", asItIs)
	small.keys("x")
	small.golden("80x24-record", asItIs)
	small.keys("Escape")
	small.shows("verdict ok")
	small.keys("s")
	small.golden("80x24-plan", asItIs)
	small.keys("e")
	small.shows("start fencepost top with --allow-changes")
	small.keys("Escape")
	small.shows("verdict ok")
	small.keys("Escape")
	small.shows("PARTITION")
	small.keys("?")
	small.golden("80x24-help", asItIs)
	small.keys("Escape")
	small.shows("PARTITION")

	// A resize draws anew, and too small a terminal says so.
	small.tmux("resize-window", "-x", "120", "-y", "40")
	small.shows("END")
	small.tmux("resize-window", "-x", "60", "-y", "20")
	small.shows("80x24 is the least; this is 60x20")
	small.tmux("resize-window", "-x", "80", "-y", "24")
	small.golden("80x24-partitions", asItIs)

	// To the shell and back, and out by each way.
	small.keys("C-z")
	small.shows("$")
	small.whole(settings, "ctrl-z")
	small.types("fg")
	small.keys("Enter")
	small.shows("PARTITION", "1 parked")
	small.keys("q")
	small.whole(settings, "q")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		small.types("fencepost top flights.yaml")
		small.keys("Enter")
		small.shows("PARTITION")
		pid := strings.TrimSpace(small.tmux("display-message", "-p", "#{pane_pid}"))
		child, err := exec.Command("pgrep", "-P", pid).Output()
		if err != nil {
			t.Fatalf("the children of %s: %v", pid, err)
		}
		var at int
		if _, err := fmt.Sscan(string(child), &at); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(at, signal); err != nil {
			t.Fatal(err)
		}
		small.whole(settings, signal.String())
	}
	small.types("TERM=dumb LANG=C fencepost top flights.yaml") // no colours, no block characters
	small.keys("Enter")
	if got := small.shows("PARTITION", "-|"); strings.ContainsAny(got, "─│█") {
		t.Errorf("without UTF-8 the bars are\n%s", got)
	}
	small.keys("C-c")
	small.whole(settings, "ctrl-c")

	// A large one, which may change: the record is passed, and the worker goes on.
	large := newScreens(t, program, dir, 200, 50)
	large.types("NO_COLOR=1 fencepost top flights.yaml --allow-changes")
	large.keys("Enter")
	large.golden("200x50-partitions", squeezed)
	large.sameNumbers()
	if got := large.tmux("capture-pane", "-p", "-e"); strings.Contains(got, "\x1b") {
		t.Errorf("with NO_COLOR the screen has escapes:\n%q", got)
	}
	large.keys("s")
	large.shows("skip 1 partition, 2 stay")
	large.keys("y")
	large.types("INC-4412")
	large.keys("Enter", "e", "Tab")
	large.shows("> [Execute: skip 1 partition]")
	large.golden("200x50-confirm", squeezed)
	large.keys("Enter")
	large.shows("verified   1 of 1 partition")
	large.keys("Escape")
	large.shows("3 idle")
	large.sameNumbers()
	large.shows("lost at most 1 in 24h")
	large.keys("l")
	large.golden("200x50-moves", squeezed)
	large.keys("q")
}
