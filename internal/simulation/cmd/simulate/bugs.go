package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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
	sound, err := newSound(filepath.Join(dir, "sound"))
	if err != nil {
		return err
	}
	planted, missed := 0, 0
	for n, b := range all {
		if !b.named(n+1, o.only) {
			continue
		}
		began := time.Now()
		f, err := plant(filepath.Join(dir, fmt.Sprint(n)), b, sound, o)
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

// sound is the simulation without any bug.
type sound struct {
	program
	fails map[uint64]bool // :: seed -> whether it fails, of those that were asked about
}

func newSound(dir string) (*sound, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := build(dir)
	return &sound{p, map[uint64]bool{}}, err
}

// fail reports whether a seed fails without any bug: then it finds none.
func (s *sound) fail(seed uint64) bool {
	if _, known := s.fails[seed]; !known {
		s.fails[seed] = s.run(seed).output != ""
	}
	return s.fails[seed]
}

// plant builds the simulation with a bug, and returns the failure that shows it: something lost or untrue in one seed, or what comes late in two.
func plant(dir string, b bug, s *sound, o options) (first failure, err error) {
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
		switch {
		case late >= 2 || s.fail(f.seed):
			return late >= 2
		case strings.HasPrefix(firstBroken(f.output), "late: "):
			late++
		default:
			late = 2
		}
		if late >= 2 {
			first = f
		}
		return late >= 2
	})
	return first, nil
}

// named reports whether one of the texts, which commas divide, is in what goes wrong or in the file, or is the number; no texts: it is.
func (b bug) named(n int, texts string) bool {
	for text := range strings.SplitSeq(texts, ",") {
		if text == strconv.Itoa(n) || strings.Contains(b.what, text) || strings.Contains(b.edit.File, text) {
			return true
		}
	}
	return false
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
