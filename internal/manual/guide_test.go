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
	"strconv"
	"strings"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fencepost/fencepost/internal/servers"
)

// TestGuides runs the pages of docs/guides as a reader would, command by command, each by the script of its name.
func TestGuides(t *testing.T) { runScripts(t, "testdata/guides") }

// Each page has a script, and the script runs every command block of the page and compares every screen.
func TestEveryGuideIsRun(t *testing.T) {
	pages, err := filepath.Glob("../../docs/guides/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		script, err := os.ReadFile(filepath.Join("testdata/guides", name+".txtar"))
		if err != nil {
			t.Errorf("%s has no script: %v", page, err)
			continue
		}
		blocks, err := blocksOf(page)
		if err != nil {
			t.Fatal(err)
		}
		for lang, command := range map[string]string{"sh": `(?:page|leave)(?: \d)?`, "text": "(?:shows|says)", "yaml": "file", "znodes": "znodes"} {
			for n := range blocks[lang] {
				if !regexp.MustCompile(fmt.Sprintf(`(?m)^%s %s %d\b`, command, name, n+1)).Match(script) {
					t.Errorf("%s: block %d of %s is not used by its script", page, n+1, lang)
				}
			}
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

// blocksOf is a page's fenced blocks by language.
func blocksOf(page string) (map[string][]string, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	blocks := map[string][]string{}
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	return blocks, nil
}

var guides, _ = filepath.Abs("../../docs/guides")

// block is block n of a page, with the test's servers in place of those of the page.
func block(ts *testscript.TestScript, lang string, args []string) string {
	blocks, err := blocksOf(filepath.Join(guides, args[0]+".md"))
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n < 1 || n > len(blocks[lang]) {
		ts.Fatalf("%s has %d blocks of %s", args[0], len(blocks[lang]), lang)
	}
	text := blocks[lang][n-1]
	for from, name := range map[string]string{"localhost:9092": "KAFKA", "localhost:6379": "REDIS", "localhost:2181": "ZOOKEEPER"} {
		if at := ts.Getenv(name); at != "" {
			text = strings.ReplaceAll(text, from, at)
		}
	}
	return text
}

// page runs a block of commands: page [STATUS] NAME N.
func page(ts *testscript.TestScript, neg bool, args []string) {
	want := "0"
	if len(args) == 3 {
		want, args = args[0], args[1:]
	}
	if got := code(ts, []string{"bash", "-euo", "pipefail", "-c", block(ts, "sh", args)}); got != want {
		ts.Fatalf("exit code: got %s, want %s", got, want)
	}
}

// leave starts a block of one command that stays: leave NAME N. At the end of the script it is interrupted, and has to
// end well.
func leave(ts *testscript.TestScript, _ bool, args []string) {
	fields := strings.Fields(block(ts, "sh", args))
	bin := strings.Split(ts.Getenv("PATH"), string(filepath.ListSeparator))[0]
	cmd := exec.Command(filepath.Join(bin, fields[0]), fields[1:]...)
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
			t.Errorf("%s: %v\n%s", strings.Join(fields, " "), err, text)
		}
	})
}

// file writes a yaml block to a file: file NAME N FILE.
func file(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(block(ts, "yaml", args)), 0o644))
	broker(ts).clear(ts)
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
	for _, part := range strings.Split("\n"+settledText(page), "\n...\n") {
		parts = append(parts, regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, `\n.*\n`) + `$`).MatchString("\n" + settledText(printed))
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
