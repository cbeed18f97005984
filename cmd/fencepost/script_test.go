package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // scripts name zones, and a machine may have none

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost/internal/broker"
	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fencepost": main})
}

// TestScripts runs testdata/script: each file shows what one verb does, and reads as its manual.
func TestScripts(t *testing.T) {
	t.Parallel()
	params := scripts()
	params.Dir = "testdata/script"
	testscript.Run(t, params)
}

// runCase runs testdata/cases/NAME.txtar: a fault, as its input and the right answer.
func runCase(t *testing.T, name string) {
	t.Parallel()
	params := scripts()
	params.Files = []string{"testdata/cases/" + name + ".txtar"}
	testscript.Run(t, params)
}

// scripts are the commands and the environment of scripts.
func scripts() testscript.Params {
	return testscript.Params{
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("LANG", "C.UTF-8")
			e.Setenv("TERM", "dumb")
			e.Setenv("GORACE", "atexit_sleep_ms=10") // it is a second for each program otherwise
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "kafka": startBroker, "produce": produce, "sqlite": sqliteCommand, "fill": fill, "tombstone": tombstone, "hide": hide,
			"stamped": stamped, "switched": switched, "transact": transact, "hold": hold, "waitfor": waitRows, "waitpath": waitPath, "put": put, "registry": startRegistry, "putframed": putFramed, "puthex": putHex, "putpairs": putPairs, "putavro": putAvro, "putlines": putLines, "address": address, "up": up, "down": down, "ask": ask, "act": act, "same": same, "receiver": receiver, "received": received, "commit": commitOffsets, "member": member,
		},
	}
}

// status runs a command and wants its exit code: status 3 fencepost check bad.yaml. stdout and stderr are then those
// of the command.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		m := regexp.MustCompile(`exit status (\d+)`).FindStringSubmatch(err.Error())
		if m == nil {
			ts.Fatalf("%v", err)
		}
		got, _ = strconv.Atoi(m[1])
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code: got %d, want %s", got, args[0])
	}
}

// startBroker starts an embedded broker for the script, and sets $KAFKA, or the variable that is named, to its address:
// each is a cluster of its own.
func startBroker(ts *testscript.TestScript, _ bool, args []string) {
	name := "KAFKA"
	if len(args) > 0 {
		name = args[0]
	}
	b, err := broker.Start(broker.Config{Dir: ts.MkAbs("." + strings.ToLower(name)), Settings: map[string]string{"log.retention.ms": "-1"}})
	ts.Check(err)
	ts.Defer(func() { ts.Check(b.Close()) })
	ts.Setenv(name, b.Addr())
}

// produce writes the first flights into a new topic: produce TOPIC PARTITIONS RECORDS [BROKERS].
func produce(ts *testscript.TestScript, _ bool, args []string) {
	partitions, err := strconv.Atoi(args[1])
	ts.Check(err)
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	brokers := ts.Getenv("KAFKA")
	if len(args) > 3 {
		brokers = args[3]
	}
	_, err = feed.Produce(context.Background(), feed.Config{Brokers: []string{brokers}, Topic: args[0],
		Partitions: int32(partitions), Flights: first(n)})
	ts.Check(err)
}

// put writes records into a partition of a topic, which is made where it is missing: put TOPIC PARTITION VALUE...
func put(ts *testscript.TestScript, _ bool, args []string) {
	partition, err := strconv.ParseInt(args[1], 10, 32)
	ts.Check(err)
	ctx := context.Background()
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ts.Check(err)
	defer client.Close()
	_, _ = kadm.NewClient(client).CreateTopic(ctx, int32(partition)+1, 1, nil, args[0]) // it may be there
	var records []*kgo.Record
	for i, value := range args[2:] {
		records = append(records, &kgo.Record{Topic: args[0], Partition: int32(partition), Key: fmt.Append(nil, "k", i), Value: []byte(value)})
	}
	ts.Check(client.ProduceSync(ctx, records...).FirstErr())
}

// putLines writes the lines of a file so many times as records, with a key and a header: putlines TOPIC TIMES FILE.
func putLines(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	_, _ = kadm.NewClient(client).CreateTopic(context.Background(), 1, 1, nil, args[0]) // it may be there
	var records []*kgo.Record
	for range n {
		for line := range strings.Lines(ts.ReadFile(args[2])) {
			records = append(records, &kgo.Record{Topic: args[0], Key: []byte("k"), Value: []byte(strings.TrimSpace(line)), Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("x")}}})
		}
	}
	ts.Check(client.ProduceSync(context.Background(), records...).FirstErr())
}

// tombstone makes a topic of one partition with a record, one without a value, and another record: tombstone TOPIC.
func tombstone(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, args[0])
	ts.Check(err)
	record := func(key, value string) *kgo.Record {
		r := &kgo.Record{Topic: args[0], Key: []byte(key)}
		if value != "" {
			r.Value = []byte(value)
		}
		return r
	}
	ts.Check(client.ProduceSync(ctx, record("k1", `{"n": 1}`), record("k1", ""), record("k2", `{"n": 2}`)).FirstErr())
}

// stamped makes a topic whose record n of each partition was written n seconds after a day's beginning, with so many
// earlier ones before it: stamped BROKERS TOPIC PARTITIONS RECORDS EARLIER. The same record has another offset where
// there are others before it, as a mirrored topic has it.
func stamped(ts *testscript.TestScript, _ bool, args []string) {
	var n [3]int
	for i, text := range args[2:5] {
		var err error
		n[i], err = strconv.Atoi(text)
		ts.Check(err)
	}
	ctx, topic := context.Background(), args[1]
	client, err := kgo.NewClient(kgo.SeedBrokers(args[0]), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ts.Check(err)
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, int32(n[0]), 1, nil, topic)
	ts.Check(err)
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	var records []*kgo.Record
	for p := range n[0] {
		for i := -n[2]; i < n[1]; i++ {
			records = append(records, &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte(`{"origin": "ATL", "delay": 1}`),
				Timestamp: day.Add(time.Duration(i) * time.Second)})
		}
	}
	ts.Check(client.ProduceSync(ctx, records...).FirstErr())
}

// switched makes a topic of one partition with seven records about the hour that clocks of Berlin show twice: switched TOPIC.
func switched(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")))
	ts.Check(err)
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, args[0])
	ts.Check(err)
	var records []*kgo.Record
	for _, minutes := range []int{0, 30, 45, 60, 90, 105, 120} {
		records = append(records, &kgo.Record{Topic: args[0], Value: []byte("x"), Timestamp: time.Date(2026, 10, 25, 0, minutes, 0, 0, time.UTC)})
	}
	ts.Check(client.ProduceSync(ctx, records...).FirstErr())
}

// transact makes a topic of one partition with transactions of five records, committed, aborted, and committed, and an offset of a
// group before the last marker: transact TOPIC GROUP.
func transact(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")), kgo.TransactionalID("script"))
	ts.Check(err)
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, args[0])
	ts.Check(err)
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		ts.Check(client.BeginTransaction())
		for range 5 {
			ts.Check(client.ProduceSync(ctx, &kgo.Record{Topic: args[0], Value: []byte("x")}).FirstErr())
		}
		ts.Check(client.EndTransaction(ctx, end))
	}
	var offsets kadm.Offsets
	offsets.AddOffset(args[0], 0, 17, -1)
	_, err = kadm.NewClient(client).CommitOffsets(ctx, args[1], offsets)
	ts.Check(err)
}

// hold writes seven records in a transaction that stays open until the script ends: hold TOPIC.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(ts.Getenv("KAFKA")), kgo.TransactionalID("billing-2"))
	ts.Check(err)
	ts.Defer(client.Close)
	ts.Check(client.BeginTransaction())
	for range 7 {
		ts.Check(client.ProduceSync(context.Background(), &kgo.Record{Topic: args[0], Value: []byte("x")}).FirstErr())
	}
}

// first is the first n flights.
func first(n int) iter.Seq[flights.Flight] {
	return func(yield func(flights.Flight) bool) {
		i := 0
		for f := range flights.First200k().All() {
			if i++; i > n || !yield(f) {
				return
			}
		}
	}
}

// sqliteCommand runs SQL, the text of a file or an argument, and writes the first value of the last row to the file
// answer: sqlite DATABASE SQL|FILE.
func sqliteCommand(ts *testscript.TestScript, _ bool, args []string) {
	sql := args[1]
	if text, err := os.ReadFile(ts.MkAbs(sql)); err == nil {
		sql = string(text)
	}
	conn, err := sqlite.OpenConn(ts.MkAbs(args[0]))
	ts.Check(err)
	answer := ""
	if strings.HasPrefix(strings.ToUpper(sql), "SELECT") {
		err = sqlitex.ExecuteTransient(conn, sql, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			answer = s.ColumnText(0)
			return nil
		}})
	} else {
		err = sqlitex.ExecuteScript(conn, sql, nil)
	}
	ts.Check(err)
	ts.Check(conn.Close())
	ts.Check(os.WriteFile(ts.MkAbs("answer"), []byte(answer+"\n"), 0o644))
}

// fill replaces $KAFKA in a file by the broker's address, and $REGISTRY by the URL of the schema registry.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		text := ts.ReadFile(name)
		ts.Check(os.WriteFile(path, []byte(strings.NewReplacer("$KAFKA", ts.Getenv("KAFKA"), "$REGISTRY", ts.Getenv("REGISTRY")).Replace(text)), 0o644))
	}
}

// patience bounds every wait for a state. It ends only what would never come: a busy machine takes many times what a
// quiet one does.
const patience = 90 * time.Second

// until asks again and again, as another process's doing can only be looked at.
func until(ts *testscript.TestScript, what string, done func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s went by, and still not: %s", patience, what)
		}
	}
}

// waitRows waits until a query gives at least so much: waitfor DATABASE SQL COUNT.
func waitRows(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	until(ts, strings.Join(args, " "), func() bool {
		sqliteCommand(ts, false, args[:2])
		got, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile("answer")))
		return err == nil && got >= want
	})
}

// waitPath waits until a file or folder is there: waitpath PATH.
func waitPath(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, args[0], func() bool { _, err := os.Stat(ts.MkAbs(args[0])); return err == nil })
}

// varying is what differs from run to run, with what stands for it.
var varying = []struct {
	is  *regexp.Regexp
	put string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`in \d[\d.]*m?s:`), "in Nms:"},
	{regexp.MustCompile(`cluster [\w-]{22}`), "cluster CLUSTER"},
	{regexp.MustCompile(`topic ID [\w-]{22}`), "topic ID TOPIC-ID"},
	{regexp.MustCompile(`Fencepost ledger [0-9a-f]{8}`), "Fencepost ledger LEDGER"},
	{regexp.MustCompile(`(?m)^(ledger +ok +)[0-9a-f]{8}`), "${1}LEDGER"},
	{regexp.MustCompile(`\b(\d+ms|\d[\d.]*s|\d+m(\d+s)?) ago`), "Ns ago"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d`), "DATE AND TIME"},
	{regexp.MustCompile(`SQLite \d+\.\d+\.\d+`), "SQLite VERSION"},
	{regexp.MustCompile(`Apache Kafka [\d.]+`), "Apache Kafka VERSION"},
}

// hide writes a stream of the last command to a file, with what differs from run to run replaced: hide stdout FILE.
func hide(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	for _, v := range varying {
		text = v.is.ReplaceAllString(text, v.put)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// TestManualsAreComplete: each verb has a screen, each of whose flags says what it is for.
func TestManualsAreComplete(t *testing.T) {
	a := &app{program: "fencepost"}
	root := a.root()
	commands := root.Commands()
	for _, cmd := range commands {
		commands = append(commands, cmd.Commands()...)
	}
	for _, cmd := range commands {
		m, ok := manuals[verbPath(cmd)]
		if cmd.Hidden {
			continue
		}
		if !ok {
			t.Errorf("%s has no screen", verbPath(cmd))
			continue
		}
		var b strings.Builder
		a.printManual(&b, cmd, m)
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && (f.Usage == "" || (f.Value.Type() == "bool") != (f.Annotations[valueOf] == nil)) {
				t.Errorf("%s: --%s says %q and names the value %v: each flag says what it is for, and names its value if it has one", cmd.Name(), f.Name, f.Usage, f.Annotations[valueOf])
			}
		})
		for _, named := range regexp.MustCompile(`\n  --([a-z-]+)`).FindAllStringSubmatch(b.String(), -1) {
			if cmd.Flags().Lookup(named[1]) == nil && root.PersistentFlags().Lookup(named[1]) == nil {
				t.Errorf("%s: the screen names --%s, which is no flag", cmd.Name(), named[1])
			}
		}
	}
}

// TestO18HelpFitsATerminal: the screen of each command, and of the program, is within 80 columns.
func TestO18HelpFitsATerminal(t *testing.T) {
	a := &app{program: "fencepost"}
	root := a.root()
	screens := map[string]string{}
	var b strings.Builder
	a.printTop(&b, root)
	screens["fencepost"] = b.String()
	for path, m := range manuals {
		cmd, _, err := root.Find(strings.Fields(path))
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		a.printManual(&b, cmd, m)
		screens[path] = b.String()
	}
	for path, text := range screens {
		for _, line := range strings.Split(text, "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%s --help: a line of %d columns: %s", path, n, line)
			}
		}
	}
}

// TestCalledAs: commands print as the program was called.
func TestCalledAs(t *testing.T) {
	for _, c := range []struct{ arg0, want string }{
		{"/tmp/go-build123/b001/exe/fencepost", "go run ./cmd/fencepost"},
		{"./fencepost-not-there", "./fencepost-not-there"},
	} {
		if got := calledAs(c.arg0); got != c.want {
			t.Errorf("calledAs(%q): got %q, want %q", c.arg0, got, c.want)
		}
	}
	a := &app{program: "go run ./cmd/fencepost"}
	for text, want := range map[string]string{
		"to write one: fencepost init": "to write one: go run ./cmd/fencepost init",
		"fencepost --help":             "go run ./cmd/fencepost --help",
		"table fencepost_ledger":       "table fencepost_ledger",
		"folder fencepost-broker":      "folder fencepost-broker",
	} {
		if got := a.as(text); got != want {
			t.Errorf("as(%q): got %q, want %q", text, got, want)
		}
	}
}

// TestScriptsCoverVerbs: each verb has a script of its name.
func TestScriptsCoverVerbs(t *testing.T) {
	for _, cmd := range (&app{}).root().Commands() {
		if cmd.Name() == "quickstart" {
			continue // it has tests of its own
		}
		if names, _ := filepath.Glob(fmt.Sprintf("testdata/script/%s*.txtar", cmd.Name())); len(names) == 0 {
			t.Errorf("no script of %s", cmd.Name())
		}
	}
}
