//go:build realservers

package manual

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// commands are what scripts can do besides running the program.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"status": status, "eventually": eventually, "fill": fill, "hide": hide, "sqlite": sqliteCommand,
	"page": page, "leave": leave, "until": until, "clone": clone, "file": file, "shows": shows, "says": says, "postgres": usePostgres, "mariadb": useMariaDB, "redis": redisCommand, "kafka-tool": kafkaTool,
	"kafka": useKafka, "server": life, "topic": topic, "delete-topic": deleteTopic, "partitions": partitions, "produce": produce,
	"transaction": transaction, "delete-records": deleteRecords, "commit-offset": commitOffset, "isr": replicas, "lag": lag,
	"zookeeper": useZooKeeper, "znodes": znodes,
}

// table holds something for each running script, by its work folder.
type table[T any] struct {
	mu struct {
		sync.Mutex
		of map[string]T
	}
}

func newTable[T any]() *table[T] {
	t := &table[T]{}
	t.mu.of = map[string]T{}
	return t
}

func (t *table[T]) put(ts *testscript.TestScript, v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.of[ts.Getenv("WORK")] = v
}

func (t *table[T]) get(ts *testscript.TestScript) (T, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.mu.of[ts.Getenv("WORK")]
	return v, ok
}

var exitStatus = regexp.MustCompile(`exit status (\d+)`)

// status runs a command and wants its exit code: status 3 fencepost check bad.yaml. stdout and stderr are then those
// of the command.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND...")
	}
	if got := code(ts, args[1:]); got != args[0] {
		ts.Fatalf("exit code: got %s, want %s", got, args[0])
	}
}

// code is how a command ended.
func code(ts *testscript.TestScript, args []string) string {
	err := ts.Exec(args[0], args[1:]...)
	if err == nil {
		return "0"
	}
	m := exitStatus.FindStringSubmatch(err.Error())
	if m == nil {
		ts.Fatalf("%v", err)
	}
	return m[1]
}

// eventually runs a command until what it prints matches: eventually REGEXP COMMAND... It is for what another process
// is about to do.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually REGEXP COMMAND...")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	deadline := time.Now().Add(patience)
	for {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = environment(ts)
		path, err := exec.LookPath(args[1])
		if err != nil {
			path = strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0] + "/" + args[1]
		}
		cmd.Path, cmd.Err = path, nil
		out, err := cmd.CombinedOutput()
		if want.Match(out) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s went by, and %s still does not print %q: %v\n%s", patience, strings.Join(args[1:], " "), args[0], err, out)
		}
	}
}

// environment is the script's, for a process that testscript does not start.
func environment(ts *testscript.TestScript) (env []string) {
	for _, name := range []string{"PATH", "WORK", "TZ", "LANG", "TERM", "HOME", "FENCEPOST_WHO", "DATABASE_URL", "REDIS_PASSWORD", "REDISCLI_AUTH"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// fill replaces $KAFKA and the like in files.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := ts.ReadFile(name)
		text = os.Expand(text, func(v string) string {
			if value := ts.Getenv(v); value != "" {
				return value
			}
			return "${" + v + "}"
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o644))
	}
}

// varying is what differs from run to run, with what stands for it.
var varying = []struct {
	is  *regexp.Regexp
	put string
}{
	{regexp.MustCompile(`127\.77\.\d+\.\d+:\d+`), "HOST:PORT"},
	{regexp.MustCompile(`in \d[\d.]*m?s:`), "in Nms:"},
	{regexp.MustCompile(`cluster [\w-]{22}`), "cluster CLUSTER"},
	{regexp.MustCompile(`topic ID +[\w-]{22}`), "topic ID TOPIC-ID"},
	{regexp.MustCompile(`\(ledger: [\w-]{22}\)`), "(ledger: OTHER-ID)"},
	{regexp.MustCompile(`ledger [0-9a-f]{8}`), "ledger LEDGER"},
	{regexp.MustCompile(`this is [0-9a-f]{8}`), "this is OTHER"},
	{regexp.MustCompile(`\b(\d+ms|\d[\d.]*s|\d+m(\d+s)?) ago`), "Ns ago"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?`), "DATE AND TIME"},
	{regexp.MustCompile(`\b\d+@[\w.-]+`), "PID@HOST"},
	{regexp.MustCompile(`WHO +WHY`), "WHO  WHY"}, // as wide as the pid
	{regexp.MustCompile(`postgres://\S+`), "postgres://DATABASE"},
	// The age of the oldest unread record is between the lag and the verdict; where the lag is 0 it is 0s.
	{regexp.MustCompile(`\b([1-9][\d,]*) +\d[\dhms.]*[hms] +((\d+ )?(aged out|ok)\b)`), "$1  AGE  $2"},
}

// hide writes a stream of the last command to a file, with what differs from run to run replaced: hide stdout FILE.
func hide(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	for _, v := range varying {
		text = v.is.ReplaceAllString(text, v.put)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o644))
}

// sqliteCommand runs SQL. Of a query it wants the first value of the first row, where one is given: sqlite DATABASE
// SQL|FILE [WANT].
func sqliteCommand(ts *testscript.TestScript, neg bool, args []string) {
	sql := args[1]
	if text, err := os.ReadFile(ts.MkAbs(sql)); err == nil {
		sql = string(text)
	}
	conn, err := sqlite.OpenConn(ts.MkAbs(args[0]))
	ts.Check(err)
	conn.SetBusyTimeout(10 * time.Second)
	defer func() { ts.Check(conn.Close()) }()
	if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(sql)), "SELECT") {
		ts.Check(sqlitex.ExecuteScript(conn, sql, nil))
		return
	}
	answer := "nothing"
	ts.Check(sqlitex.ExecuteTransient(conn, sql, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		if answer == "nothing" {
			answer = s.ColumnText(0)
		}
		return nil
	}}))
	if len(args) > 2 && answer != args[2] {
		ts.Fatalf("%s: got %s, want %s", sql, strconv.Quote(answer), args[2])
	}
	ts.Logf("%s", fmt.Sprintf("[%s]", answer))
}
