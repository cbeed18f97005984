//go:build realservers

package manual

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fencepost/fencepost/internal/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// TestScenarios runs the scenarios of operators: each is a script, and begins with what happened.
func TestScenarios(t *testing.T) { runScripts(t, "testdata/scenarios") }

// runScripts runs a folder of scripts with the program in PATH.
func runScripts(t *testing.T, dir string) {
	t.Helper()
	bin := build(t)
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			e.Setenv("TZ", "UTC")
			e.Setenv("LANG", "C.UTF-8")
			e.Setenv("TERM", "dumb")
			e.Setenv("FENCEPOST_WHO", "oncall@bastion")
			e.Values[testKey{}] = e.T().(testing.TB)
			return nil
		},
		Cmds: commands,
	})
}

// testKey finds the script's own test in its environment.
type testKey struct{}

// build makes the program, once for all scripts of a test, and returns its folder.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir, "github.com/fencepost/fencepost/cmd/fencepost")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build fencepost: %v\n%s", err, out)
	}
	return dir
}

// Each scenario of an operator that the project names has its script.
func TestEveryScenarioHasAScript(t *testing.T) {
	var names []string
	for n := range 4 {
		names = append(names, fmt.Sprintf("o%d", n+1))
	}
	for n := 1; n <= 15; n++ {
		names = append(names, fmt.Sprintf("l%d", n))
	}
	for _, name := range names {
		found, _ := filepath.Glob("testdata/scenarios/" + name + "_*.txtar")
		if len(found) == 0 {
			t.Errorf("no script of scenario %s", name)
		}
		for _, file := range found {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(`(?m)^(status \d |exec |run |eventually .*)fencepost`).Match(text) {
				t.Errorf("%s runs no command of the program", file)
			}
		}
	}
}
