//go:build realservers

package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
)

// znodes is a client beside ours, as an old program has it.
type znodes struct {
	t *testing.T
	c *zk.Conn
}

type silentLog struct{}

func (silentLog) Printf(string, ...any) {}

func newZnodes(t *testing.T, address string) *znodes {
	t.Helper()
	c, _, err := zk.Connect([]string{address}, 10*time.Second, zk.WithLogger(silentLog{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &znodes{t, c}
}

// put writes a node, and makes those above it.
func (z *znodes) put(at, data string) {
	z.t.Helper()
	if at == "/" {
		return
	}
	_, err := z.c.Create(at, []byte(data), 0, zk.WorldACL(zk.PermAll))
	switch {
	case errors.Is(err, zk.ErrNoNode):
		z.put(path.Dir(at), "")
		z.put(at, data)
		return
	case errors.Is(err, zk.ErrNodeExists) && data != "":
		_, err = z.c.Set(at, []byte(data), -1)
	}
	if err != nil && !errors.Is(err, zk.ErrNodeExists) {
		z.t.Fatalf("write %s: %v", at, err)
	}
}

// offset is pattern B's write.
func (z *znodes) offset(group string, tp fencepost.TopicPartition, o int64) {
	z.t.Helper()
	z.put(fmt.Sprintf("/consumers/%s/offsets/%s/%d", group, tp.Topic, tp.Partition), fmt.Sprint(o))
}

func (z *znodes) exists(at string) bool {
	z.t.Helper()
	there, _, err := z.c.Exists(at)
	if err != nil {
		z.t.Fatal(err)
	}
	return there
}

// patternB is the old program's rule: what the log does not hold becomes the earliest.
func patternB(stored, earliest, latest int64) int64 {
	if stored < earliest || stored > latest {
		return earliest
	}
	return stored
}

// recordedMoves reads what `moves -o json` prints, as `cause topic:p held>next at-most`.
func recordedMoves(t *testing.T, text string) (list []string) {
	t.Helper()
	type position struct{ Offset *int64 }
	var told struct {
		Moves []struct {
			Topic      string
			Partition  int32
			Cause      string
			Held, Next *position
			AtMost     *int64 `json:"at_most"`
			Unknown    bool   `json:"at_most_unknown"`
			Who, Why   string
		}
	}
	if err := json.Unmarshal([]byte(text), &told); err != nil {
		t.Fatalf("moves: %v\n%s", err, text)
	}
	for _, m := range told.Moves {
		held, most := "-", "unknown"
		if m.Held != nil && m.Held.Offset != nil {
			held = fmt.Sprint(*m.Held.Offset)
		}
		if !m.Unknown {
			most = fmt.Sprint(*m.AtMost)
		}
		if m.Who != "oncall@bastion" || m.Why == "" {
			t.Errorf("a move by %q because of %q: want who and why", m.Who, m.Why)
		}
		list = append(list, fmt.Sprintf("%s %s %s>%d %s", m.Cause, at(m.Topic, m.Partition), held, *m.Next.Offset, most))
	}
	return list
}

// wantLines checks that a text holds each line, whatever its blanks.
func wantLines(t *testing.T, text string, want ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range want {
		if !strings.Contains(flat, w) {
			t.Errorf("want %q in\n%s", w, text)
		}
	}
}

func wantList(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// truncateLog empties a partition's log on the disk of its broker: what an unclean shutdown with a lost page cache, or a
// restored disk, does to it.
func truncateLog(t *testing.T, b *servers.OwnBroker, tps ...fencepost.TopicPartition) {
	t.Helper()
	b.Stop()
	for _, tp := range tps {
		files, err := filepath.Glob(filepath.Join(b.DataDir, fmt.Sprintf("%s-%d", tp.Topic, tp.Partition), "0*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no segments of %s in %s: %v", tp, b.DataDir, err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.Start()
}

// An old consumer left its offsets in ZooKeeper: below the log, inside, above it, and of a topic that was recreated since.
// They are shown for what they are, and become ledgers by exactly its own rule, each reset recorded with what it passed;
// and so they do again when the ledger itself goes bad.
func TestPatternBEndToEnd(t *testing.T) {
	t.Parallel()
	broker := servers.OwnKafka(t)
	s := newScene(t, broker.Broker, newPostgresStore(t, seenDDL))
	do := command(t)
	zoo := servers.ZooKeeper(t)
	z := newZnodes(t, zoo.Addr())

	name := servers.Name(t)
	trips, weather := name+"-trips", name+"-weather"
	s.create(trips, 4)
	s.create(weather, 1)
	for p := range int32(4) {
		s.fill(at(trips, p), 100)
	}
	s.deleteBefore(at(trips, 0), 60)
	s.deleteBefore(at(trips, 2), 20)
	s.fill(at(weather, 0), 30)
	old := servers.Name(t)
	stored := map[fencepost.TopicPartition]int64{at(trips, 0): 10, at(trips, 1): 40, at(trips, 2): 300, at(trips, 3): 180, at(weather, 0): 12}
	earliest := map[fencepost.TopicPartition]int64{at(trips, 0): 60, at(trips, 2): 20}
	for tp, o := range stored {
		z.offset(old, tp, o)
	}
	s.recreate(weather, 1)
	s.fill(at(weather, 0), 30)
	s.wantLog(at(trips, 0), 60, 100)
	s.wantLog(at(trips, 2), 20, 100)

	from := fmt.Sprintf("zk://%s/consumers/%s?layout=consumers", zoo.Addr(), old)
	brokers := []string{"--brokers", s.broker.Plaintext}
	with := func(args ...string) []string { return append(args, brokers...) }
	wantLines(t, do(3, with("offsets", "show", from, "--meaning", "next", "--all")...),
		trips+":0 10 60 100 100 90", "aged out parked", trips+":1 40 0 100 100 60", trips+":2 300 20 100 100 - - truncated parked",
		trips+":3 180 0 100 100 - - truncated parked", weather+":0 12 0 30 30 18", "at most 50 records were deleted unread: [10 .. 60)",
		"300 is past the end at 100", "it holds no topic IDs: a recreated topic would not show",
		"1 aged out, 2 ok, 2 truncated", "PIPELINE.yaml --meaning next --policy earliest")

	root := "/" + servers.Name(t)
	native := fmt.Sprintf("zk://%s%s?group=%s", zoo.Addr(), root, s.group)
	e := s.errand(trips)
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	text := fmt.Sprintf("group: %s\nsource: {brokers: ['%s'], topics: ['%s', '%s']}\ndecode: raw\nsink: {postgres: {dsn: '%s', table: seen}}\n",
		s.group, s.broker.Plaintext, trips, weather, e.DSN)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	imports := []string{"import " + trips + ":0 ->60 50", "import " + trips + ":1 ->40 0", "import " + trips + ":2 ->20 unknown",
		"import " + trips + ":3 ->0 0", "import " + weather + ":0 ->12 0"}
	for _, target := range []struct {
		to    string
		flags []string
	}{{native, brokers}, {file, nil}} {
		copyTo := func(more ...string) []string {
			return append(append([]string{"offsets", "copy", from, target.to, "--meaning", "next"}, target.flags...), more...)
		}
		wantLines(t, do(4, copyTo("--execute")...), "error[copy-refused]: 3 partitions can not be copied, and then none is; nothing was changed",
			trips+":0 aged out:", trips+":2 truncated:", trips+":3 truncated:", "help: --policy earliest, or latest")
		wantLines(t, do(1, append([]string{"offsets", "show", target.to}, target.flags...)...), "error[ledger-missing]") // and none was made
		wantLines(t, do(0, copyTo("--policy", "earliest")...), "Nothing was changed.")
		wantLines(t, do(1, append([]string{"offsets", "show", target.to}, target.flags...)...), "error[ledger-missing]")
		wantLines(t, do(0, copyTo("--policy", "earliest", "--execute", "--why", "INC-1")...), "verified 5 of 5 partitions read back; A was not changed",
			trips+":0 10 - 60 60 100 40 aged out; loses at most 50", trips+":2 300 - 20 20 100 80 truncated; loses unknown")
		wantList(t, "moves in "+target.to, recordedMoves(t, do(0, "moves", target.to, "-o", "json")), imports)
		wantLines(t, do(0, "moves", target.to), "INC-1; 300 is past the end at 100; from zk://")
	}
	for tp, o := range stored {
		if want := patternB(o, earliest[tp], 100); int64(s.position(tp).Offset) != want {
			t.Errorf("%s is at %d, and pattern B goes on at %d", tp, s.position(tp).Offset, want)
		}
	}
	do(0, "run", file, "--resume", "--until", "end", "-q")
	s.wantRows(at(trips, 0), span(60, 100)...)
	s.wantRows(at(trips, 1), span(40, 100)...)
	s.wantRows(at(trips, 2), span(20, 100)...)
	s.wantRows(at(trips, 3), span(0, 100)...)
	s.wantRows(at(weather, 0), span(12, 30)...)

	// The ledger in ZooKeeper goes bad in every way there is.
	set := func(topic, to string) {
		t.Helper()
		do(0, with("offsets", "set", native, "--topic", topic, "--to", to, "--execute", "--why", "the test")...)
	}
	set(trips+":2", "90")
	set(trips+":3", "70")
	s.deleteBefore(at(trips, 0), 80)                                                // aged out: 60
	if err := z.c.Delete(root+"/"+string(s.group)+"/"+trips+"/1", -1); err != nil { // lost row
		t.Fatal(err)
	}
	truncateLog(t, broker, at(trips, 2), at(trips, 3)) // truncated: 90 and 70
	s.renew()
	s.recreate(weather, 1) // recreated
	s.fill(at(weather, 0), 44)
	s.fill(at(trips, 3), 5)
	s.wantLog(at(trips, 0), 80, 100)
	s.wantLog(at(trips, 2), 20, 20)
	s.wantLog(at(trips, 3), 0, 5)

	wantLines(t, do(3, with("offsets", "show", native)...), trips+":0 60 80", "aged out parked", "lost row parked", trips+":2 90 20 20 20 - - truncated parked",
		trips+":3 70 0 5 5 - - truncated parked", weather+":0 12 0 44 44 - - recreated parked", "5 parked.")
	before := recordedMoves(t, do(0, "moves", native, "-o", "json"))
	wantLines(t, do(3, with("offsets", "repair", native)...), "5 parked partitions need a choice", "Nothing was changed.")
	wantLines(t, do(2, with("offsets", "repair", from, "--policy", "earliest", "--execute")...), "it is looked at and copied, and never changed")
	wantLines(t, do(2, with("offsets", "repair", native, "--execute")...), "error[choice-needed]")
	wantLines(t, do(3, with("offsets", "repair", native, "--policy", "earliest")...), "5 partitions to repair", "Nothing was changed.")
	wantList(t, "moves after plans", recordedMoves(t, do(0, "moves", native, "-o", "json")), before)
	wantLines(t, do(0, with("offsets", "repair", native, "--policy", "earliest", "--why", "INC-2", "--execute")...),
		"moved "+trips+":0 gap 60 -> 80 loses at most 20", "moved "+trips+":1 start - -> 0", "moved "+trips+":2 rewind 90 -> 20 loses unknown",
		"moved "+trips+":3 rewind 70 -> 0 repeats", "moved "+weather+":0 start 12 -> 0 of the new topic; loses unknown", "verified 5 of 5 partitions hold the new Fence")
	wantList(t, "moves of the repair", recordedMoves(t, do(0, "moves", native, "-o", "json"))[len(before):], []string{"gap " + trips + ":0 60>80 20",
		"start " + trips + ":1 ->0 0", "rewind " + trips + ":2 90>20 unknown", "rewind " + trips + ":3 70>0 0", "start " + weather + ":0 12>0 unknown"})
	wantLines(t, do(0, with("offsets", "show", native, "--all")...), trips+":0 80 80 100 100 20", trips+":1 0 0 100", trips+":2 20 20 20", trips+":3 0 0 5", weather+":0 0 0 44")
	wantLines(t, do(3, "moves", native, "--gaps"), "INC-2",
		"at most 210 records were never applied, and an unknown number of the old topic "+weather+", and an unknown number of topic "+trips)
	wantLines(t, do(0, with("offsets", "repair", native)...), "nothing to choose")
	if !z.exists(fmt.Sprintf("/consumers/%s/offsets/%s/0", old, trips)) {
		t.Error("the old nodes are gone")
	}
}
