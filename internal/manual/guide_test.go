//go:build realservers

package manual

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/text"
)

// TestGuides runs the pages of docs/guides as a reader would, command by command, each by the script of its name.
func TestGuides(t *testing.T) { runScripts(t, "testdata/guides") }

// Each page has a script, and the script runs every command block of the page and compares every screen.
func TestEveryGuideIsRun(t *testing.T) {
	pages, err := filepath.Glob("../../docs/guides/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	for _, page := range append(pages, "../../README.md") {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		script, err := os.ReadFile(filepath.Join("testdata/guides", name+".txtar"))
		if err != nil {
			t.Errorf("%s has no script: %v", page, err)
			continue
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range scriptFaults(name, string(text), string(script)) {
			t.Error(fault)
		}
	}
}

// What a script may do besides the blocks of its page: make the world in which the page begins, or that moves under it,
// as the page tells it; and compare what a block has printed.
var (
	worlds = []string{"postgres", "kafka", "redis", "zookeeper", "topic", "produce", "delete-records", "commit-offset", "znodes"}
	looks  = []string{"stdout", "stderr", "cmp", "shows", "says"}
	runs   = []string{"page", "clone", "leave", "until", "file"}
	// Blocks of README that other tests run: the quickstart, an example, make test.
	elsewhere = map[string]bool{"README sh 1": true, "README sh 5": true, "README sh 6": true, "README text 1": true}
)

var blockUse = regexp.MustCompile(`^(page|clone|leave|until|file|shows|says|znodes)(?: \d)? ([A-Za-z-]+) (\d+)(?: (\d+))?$`)

// scriptFaults lists where a script does not do what its page shows: a block that is left out or out of turn, and a command
// before the last block that is neither a block, nor the world's, nor a look. Behind the last block a script may try more.
func scriptFaults(name, page, script string) (faults []string) {
	commands, files, _ := strings.Cut(script, "\n-- ")
	used, last := map[string]int{}, 0 // :: language -> its last block
	lines := strings.Split(commands, "\n")
	for n, line := range lines {
		if m := produced.FindStringSubmatch(line); m != nil && name != "README" && !strings.Contains(page, text.Count(atoi(m[1]))) {
			faults = append(faults, fmt.Sprintf("%s:%d: the page does not tell that there are %s records", name, n+1, text.Count(atoi(m[1]))))
		}
		m := blockUse.FindStringSubmatch(line)
		if m == nil || m[2] != name {
			continue
		}
		for lang, number := range blocksUsed(m) {
			if number > used[lang]+1 && !elsewhere[fmt.Sprintf("%s %s %d", name, lang, used[lang]+1)] {
				faults = append(faults, fmt.Sprintf("%s:%d: block %d of %s comes before block %d", name, n+1, number, lang, used[lang]+1))
			}
			if number > used[lang] {
				used[lang], last = number, n
			}
		}
	}
	for lang, blocks := range blocksIn(page) {
		if !slices.Contains([]string{"sh", "text", "yaml", "znodes"}, lang) {
			continue
		}
		for number := used[lang] + 1; number <= len(blocks); number++ {
			if !elsewhere[fmt.Sprintf("%s %s %d", name, lang, number)] {
				faults = append(faults, fmt.Sprintf("%s: block %d of %s is not used by its script", name, number, lang))
			}
		}
	}
	for n, line := range lines[:last] {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || word[0] == '#' || slices.Contains(slices.Concat(worlds, looks, runs), word) {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s:%d: %q is a step that the page does not show: show it, or take it behind the page's last block", name, n+1, line))
	}
	for file := range strings.SplitSeq(files, "\n-- ") {
		if file, _, _ := strings.Cut(file, " --\n"); strings.HasSuffix(file, ".yaml") {
			faults = append(faults, fmt.Sprintf("%s: %s is a file that the page does not show", name, file))
		}
	}
	return faults
}

// blocksUsed is what a line of a script takes of its page. :: language -> number
func blocksUsed(m []string) map[string]int {
	switch m[1] {
	case "page", "clone", "leave":
		return map[string]int{"sh": atoi(m[3])}
	case "until":
		return map[string]int{"sh": atoi(m[3]), "text": atoi(m[4])}
	case "file":
		return map[string]int{"yaml": atoi(m[3])}
	case "znodes":
		return map[string]int{"znodes": atoi(m[3])}
	}
	return map[string]int{"text": atoi(m[3])}
}

var produced = regexp.MustCompile(`^produce \S+ (\d+)$`)

// atoi is the number of digits that an expression has found.
func atoi(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// A script that does more than its page, or less, is found.
func TestH9StepsThatThePageDoesNotShow(t *testing.T) {
	const page = "```yaml\n# a.yaml\n```\n```sh\none\n```\n```text\n1\n```\n```sh\ntwo\n```\n"
	const good = "postgres\nkafka\ntopic a 1\nfile g 1\npage g 1\nshows g 1\npage 3 g 2\n\nexec psql -c 'SELECT 1'\n"
	for _, c := range []struct {
		what, script string
		want         int
	}{
		{"all of it", good, 0},
		{"more behind the page", good + "status 4 fencepost offsets copy A B\n-- want.txt --\n1\n", 0},
		{"a table that the page does not make", strings.Replace(good, "page g 1", "exec psql -c 'CREATE TABLE a'\npage g 1", 1), 1},
		{"a command between two blocks", strings.Replace(good, "page 3", "eventually x fencepost offsets show a.yaml\npage 3", 1), 1},
		{"a file of its own", good + "-- a.yaml --\ngroup: a\n", 1},
		{"a block left out", strings.Replace(good, "page 3 g 2\n", "", 1), 1},
		{"a screen left out", strings.Replace(good, "shows g 1\n", "", 1), 1},
		{"blocks out of turn", strings.Replace(good, "page g 1", "page g 2", 1), 1},
		{"another page's block", strings.Replace(good, "page g 1", "page other 1", 1), 1},
	} {
		if got := scriptFaults("g", page, c.script); len(got) != c.want {
			t.Errorf("%s: got %q, want %d faults", c.what, got, c.want)
		}
	}
}

var topicMade = regexp.MustCompile(`(?m)^topic (\S+) `)

// Scripts run side by side on one broker: each has topics of its own.
func TestScriptsShareNoTopic(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	whose := map[string]string{} // :: topic -> script
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range topicMade.FindAllStringSubmatch(string(text), -1) {
			if other := whose[m[1]]; other != "" && other != script {
				t.Errorf("%s and %s both make topic %s", other, script, m[1])
			}
			whose[m[1]] = script
		}
	}
}

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// blocksIn is a page's fenced blocks by language.
func blocksIn(text string) map[string][]string {
	blocks := map[string][]string{}
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	return blocks
}

var root, _ = filepath.Abs("../..")

// block is block n of a page, with the test's servers in place of those of the page.
func block(ts *testscript.TestScript, lang string, args []string) string {
	page := filepath.Join(root, "docs/guides", args[0]+".md")
	if args[0] == "README" {
		page = filepath.Join(root, "README.md")
	}
	text, err := os.ReadFile(page)
	ts.Check(err)
	blocks := blocksIn(string(text))[lang]
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n < 1 || n > len(blocks) {
		ts.Fatalf("%s has %d blocks of %s", args[0], len(blocks), lang)
	}
	shown := blocks[n-1]
	for from, name := range map[string]string{"localhost:9092": "KAFKA", "localhost:6379": "REDIS", "localhost:2181": "ZOOKEEPER", "postgres://USER:PASSWORD@HOST/DB": "DATABASE_URL"} {
		if at := ts.Getenv(name); at != "" {
			shown = strings.ReplaceAll(shown, from, at)
		}
	}
	return shown
}

// shell is the command that runs a block in the shell of the page: what a block sets is there in the next one.
func shell(text string) []string {
	const keep = `[ ! -e "$WORK/.shell" ] || . "$WORK/.shell" 2>/dev/null
trap 'declare -p | grep -vE "^declare -[a-zA-Z]*r" > "$WORK/.shell"' EXIT
`
	return []string{"bash", "-euo", "pipefail", "-c", keep + text}
}

// page runs a block of commands: page [STATUS] NAME N.
func page(ts *testscript.TestScript, neg bool, args []string) {
	want := "0"
	if len(args) == 3 {
		want, args = args[0], args[1:]
	}
	if got := code(ts, shell(block(ts, "sh", args))); got != want {
		ts.Fatalf("exit code: got %s, want %s", got, want)
	}
}

// until runs a block of commands until it prints a text block of the page, which another process brings about: until NAME N
// TEXT.
func until(ts *testscript.TestScript, _ bool, args []string) {
	want := block(ts, "text", []string{args[0], args[2]})
	line := shell(block(ts, "sh", args))
	deadline := time.Now().Add(patience)
	for {
		cmd := exec.Command(line[0], line[1:]...)
		cmd.Dir, cmd.Env = ts.MkAbs("."), environment(ts)
		got, err := cmd.Output()
		if agrees(want, string(got)) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s went by; the page shows\n%s\nand the command prints\n%s\n%v", patience, settledText(want), settledText(string(got)), err)
		}
	}
}

// leave starts a block of one command that stays: leave NAME N. At the end of the script it is interrupted, and has to
// end well.
func leave(ts *testscript.TestScript, _ bool, args []string) {
	command := strings.TrimSpace(block(ts, "sh", args))
	line := shell("trap - EXIT\nexec " + command)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environment(ts)
	log, err := os.Create(ts.MkAbs("left.log"))
	ts.Check(err)
	cmd.Stderr = log
	ts.Check(cmd.Start())
	t := ts.Value(testKey{}).(testing.TB)
	ts.Defer(func() {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGINT), cmd.Wait()); err != nil {
			text, _ := os.ReadFile(ts.MkAbs("left.log"))
			t.Errorf("%s: %v\n%s", command, err, text)
		}
	})
}

var fileName = regexp.MustCompile(`^# ([a-z-]+\.yaml)\n`)

// file writes a yaml block to the file that its first line names: file NAME N.
func file(ts *testscript.TestScript, _ bool, args []string) {
	text := block(ts, "yaml", args)
	m := fileName.FindStringSubmatch(text)
	if m == nil {
		ts.Fatalf("block %s of %s does not begin with the name of its file: # NAME.yaml", args[1], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(m[1]), []byte(text), 0o644))
	broker(ts).clear(ts)
}

// clone runs a block in the folder of the program's source, where README begins: clone README N. What it builds there is
// removed at the end, and git does not look at it.
func clone(ts *testscript.TestScript, _ bool, args []string) {
	binary := filepath.Join(root, "fencepost")
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		ts.Defer(func() { _ = os.Remove(binary) })
	}
	ts.Check(ts.Exec("bash", shell("cd '" + root + "'\n" + block(ts, "sh", args))[1:]...))
}

// shows compares the last command's stdout with a text block of the page, apart from what differs from run to run: shows
// NAME N. A line of three dots in the page stands for any lines.
func shows(ts *testscript.TestScript, _ bool, args []string) { compare(ts, "stdout", args) }

// says is shows for stderr, where refusals are.
func says(ts *testscript.TestScript, _ bool, args []string) { compare(ts, "stderr", args) }

func compare(ts *testscript.TestScript, stream string, args []string) {
	if want, got := block(ts, "text", args), ts.ReadFile(stream); !agrees(want, got) {
		ts.Fatalf("the page shows\n%s\nand the command prints\n%s", settledText(want), settledText(got))
	}
}

// agrees reports whether a command may print this where a page shows that.
func agrees(page, printed string) bool {
	var parts []string
	for _, part := range strings.Split("\n"+settledText(page)+"\n", "\n...\n") {
		parts = append(parts, regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, `\n(?:.*\n)?`) + `$`).MatchString("\n" + settledText(printed) + "\n")
}

// What differs from run to run differs from no page; what a page says besides is compared.
func TestPagesAreCompared(t *testing.T) {
	const head = "PARTITION  OFFSET  EARLIEST  STABLE     END    LAG  LAG-TIME  VERDICT  STATE  LAST-MOVE\n"
	page := head + "orders:0    3,100     1,200   4,020   4,020    920        0s  ok       -      -\n" +
		"orders:1    2,914         0   2,914   2,914      0        0s  ok       idle   commit 1s ago\n" +
		"total       9,055                    10,921  1,866        0s  3 ok\n"
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{"920        0s", "920        3s", true},
		{"1,866        0s", "1,866     1m12s", true},
		{"1,866        0s", "1,866        2m", true},
		{"1s ago", "2m ago", true},
		{"920        0s", "920         -", false}, // an age that is not known
		{"  0        0s", "  0        3s", false}, // nothing is unread
		{"1,866", "1,867", false},
		{"3 ok", "2 ok, 1 aged out", false},
		{"idle", "blocked", false},
		{"commit 1s ago", "-", false},
	} {
		run := strings.Replace(page, c.from, c.to, 1)
		if run == page {
			t.Fatalf("the page does not say %q", c.from)
		}
		if got := agrees(page, run); got != c.same {
			t.Errorf("%q for %q: agrees %v, want %v", c.to, c.from, got, c.same)
		}
	}
	for _, c := range []struct {
		page, printed string
		same          bool
	}{
		{"...\nb\n...", "a\nb\nc", true},
		{"...\nb\n...", "b", true},
		{"...\nb\n...", "a\nbb\nc", false},
		{"...\nb", "a\nb\nc", false},
		{"a\n...\nd", "a\nb\nc\nd", true},
		{"a\n...\nd", "a\nd", true},
		{"a\n...\nd", "a\nc", false},
	} {
		if got := agrees(c.page, c.printed); got != c.same {
			t.Errorf("%q for %q: agrees %v, want %v", c.printed, c.page, got, c.same)
		}
	}
}

var commitCount = regexp.MustCompile(`\b\d+ commits?\b`)

var blanks, trailing = regexp.MustCompile(` +`), regexp.MustCompile(`(?m) $`)

// settledText is a text without what differs from run to run.
func settledText(s string) string {
	for _, v := range varying {
		s = v.is.ReplaceAllString(s, v.put)
	}
	s = commitCount.ReplaceAllString(s, "N commits")
	return strings.TrimSpace(trailing.ReplaceAllString(blanks.ReplaceAllString(s, " "), ""))
}

// usePostgres gives the script a database, and sets $DATABASE_URL.
func usePostgres(ts *testscript.TestScript, _ bool, _ []string) {
	t := ts.Value(testKey{}).(testing.TB)
	ts.Setenv("DATABASE_URL", servers.Postgres(t).Database(t))
}

// useMariaDB gives the script a database, and sets $MARIADB_URL; with a statement it runs it there: mariadb 'DELETE ...'.
func useMariaDB(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Setenv("MARIADB_URL", servers.MariaDB(ts.Value(testKey{}).(testing.TB)).Database(ts.Value(testKey{}).(testing.TB)))
		return
	}
	u, err := url.Parse(ts.Getenv("MARIADB_URL"))
	ts.Check(err)
	db, err := sql.Open("mysql", fmt.Sprintf("%s@tcp(%s)%s", u.User, u.Host, u.Path))
	ts.Check(err)
	_, err = db.Exec(args[0])
	ts.Check(errors.Join(err, db.Close()))
}
