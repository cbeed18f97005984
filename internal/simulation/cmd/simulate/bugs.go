package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fencepost/fencepost/internal/simulation/overlay"
)

// bug is one line of the project replaced by a wrong one.
type bug struct {
	what string // goes wrong
	edit overlay.Edit
}

// parseBugs reads a file of bugs:
//
//	# what goes wrong
//	engine/commit.go
//	-the line as it is
//	+the line as it is planted
//
// Lines are compared with their indentation. A bug may have several lines of each kind.
func parseBugs(text []byte) (all []bug, err error) {
	for n, part := range bytes.Split(bytes.TrimSpace(text), []byte("\n\n")) {
		lines := strings.Split(string(part), "\n")
		if len(lines) < 3 || !strings.HasPrefix(lines[0], "# ") {
			return nil, fmt.Errorf("bug %d: want a line \"# what\", a file, and lines with - and +; got %q", n+1, part)
		}
		file, err := filepath.Abs(lines[1])
		if err != nil {
			return nil, err
		}
		b := bug{lines[0][2:], overlay.Edit{File: file}}
		for _, l := range lines[2:] {
			switch {
			case strings.HasPrefix(l, "-"):
				b.edit.Old += l[1:] + "\n"
			case strings.HasPrefix(l, "+"):
				b.edit.New += l[1:] + "\n"
			default:
				return nil, fmt.Errorf("bug %d, %s: the line %q begins with neither - nor +", n+1, b.what, l)
			}
		}
		all = append(all, b)
	}
	return all, nil
}

// plantAll plants each bug and looks whether a seed finds it.
func plantAll(dir string, o options) error {
	text, err := os.ReadFile(o.bugs)
	if err != nil {
		return err
	}
	all, err := parseBugs(text)
	if err != nil {
		return err
	}
	o.pass, err = failing(filepath.Join(dir, "sound"), o)
	if err != nil {
		return err
	}
	planted, missed := 0, 0
	for n, b := range all {
		if !strings.Contains(b.what, o.only) && !strings.Contains(b.edit.File, o.only) {
			continue
		}
		began := time.Now()
		f, err := plant(filepath.Join(dir, fmt.Sprint(n)), b, o)
		if err != nil {
			return fmt.Errorf("bug %d, %s: %w", n+1, b.what, err)
		}
		planted++
		found := fmt.Sprintf("seed %d: %s", f.seed, firstBroken(f.output))
		if f.output == "" {
			missed++
			found = "MISSED"
		}
		fmt.Printf("%3d  %-70s  %5s  %s\n", n+1, b.what, time.Since(began).Round(time.Second), found)
	}
	fmt.Printf("%d of %d bugs found\n", planted-missed, planted)
	if missed > 0 {
		return fmt.Errorf("%d bugs were missed: the faults or the checks are too weak", missed)
	}
	return nil
}

// failing are the seeds that fail without any bug, and find none.
func failing(dir string, o options) (seeds map[uint64]bool, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := build(dir)
	if err != nil {
		return nil, err
	}
	seeds = map[uint64]bool{}
	p.until(o, func(f failure) bool {
		seeds[f.seed] = true
		return false
	})
	fmt.Printf("%d of %d seeds fail without a bug, and are passed over\n", len(seeds), o.seeds)
	return seeds, nil
}

// plant builds the simulation with a bug, and returns the failure that shows it: something lost or untrue in one seed, or what comes late in two, for one in some
// hundred seeds is late without any bug.
func plant(dir string, b bug, o options) (first failure, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return first, err
	}
	defer os.RemoveAll(dir)
	p, err := build(dir, b.edit)
	if err != nil {
		return first, err
	}
	late := 0
	p.until(o, func(f failure) bool {
		if strings.HasPrefix(firstBroken(f.output), "late: ") {
			late++
		} else {
			late = 2
		}
		if late >= 2 && first.output == "" {
			first = f
		}
		return late >= 2
	})
	return first, nil
}

// firstBroken is the first thing that a failed seed says did not hold, or how it ended.
func firstBroken(output string) string {
	said := ""
	for _, l := range strings.Split(output, "\n") {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "panic:") || strings.HasPrefix(l, "fatal error:") {
			return l
		}
		if _, what, is := strings.Cut(l, "simulation_test.go:"); is && said == "" && !strings.Contains(what, "all applied") {
			_, said, _ = strings.Cut(what, ": ")
		}
	}
	if len(said) > 110 {
		said = said[:110] + "..."
	}
	if said == "" {
		return strings.TrimSpace(output[max(0, len(output)-60):])
	}
	return said
}
