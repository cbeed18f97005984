package overlay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Edit replaces a text of a source file, which must be in it exactly once.
type Edit struct {
	File     string // absolute
	Old, New string
}

// Files writes the edited copies of the files that the edits name into dir, and the overlay that has the go command take
// them.
//
// Errors: a file that cannot be read; a text that is not in its file exactly once.
func Files(dir string, edits ...Edit) (path string, err error) {
	edited := map[string]string{} // :: file -> its text
	for _, e := range edits {
		text, known := edited[e.File]
		if !known {
			b, err := os.ReadFile(e.File)
			if err != nil {
				return "", fmt.Errorf("make overlay: %w", err)
			}
			text = string(b)
		}
		var err error
		if edited[e.File], err = e.of(text); err != nil {
			return "", err
		}
	}
	return write(dir, edited)
}

// of is a text with the edit made.
func (e Edit) of(text string) (string, error) {
	if n := strings.Count(text, e.Old); n != 1 {
		return "", fmt.Errorf("make overlay: %s has the text %q %d times, and not once: the edit has to be made anew for this release", e.File, e.Old, n)
	}
	return strings.Replace(text, e.Old, e.New, 1), nil
}

func write(dir string, edited map[string]string) (string, error) {
	replace := map[string]string{}
	for file, text := range edited {
		copied := filepath.Join(dir, strings.ReplaceAll(strings.Trim(file, "/"), "/", "_")+".txt")
		if err := os.WriteFile(copied, []byte(text), 0o644); err != nil {
			return "", fmt.Errorf("make overlay: %w", err)
		}
		replace[file] = copied
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("make overlay: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o644); err != nil {
		return "", fmt.Errorf("make overlay: %w", err)
	}
	return path, nil
}

// Runtime is the edits that make a program of the installed Go release repeatable.
//
// Errors: the go command cannot be asked for its folder.
func Runtime() ([]Edit, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("ask go for its folder: %w", err)
	}
	root := string(bytes.TrimSpace(out))
	edits := runtimeEdits()
	for i := range edits {
		edits[i].File = filepath.Join(root, "src", filepath.FromSlash(edits[i].File))
	}
	return edits, nil
}

// runtimeEdits are the edits of Runtime, their files below the folder of the sources.
func runtimeEdits() []Edit {
	return []Edit{
		{"runtime/rand.go", "\tglobalRand.state.Init(*seed)\n", `	for i := int32(0); argv_index(argv, argc+1+i) != nil; i++ {
		e := gostringnocopy(argv_index(argv, argc+1+i))
		const name = "GORANDSEED="
		if len(e) > len(name) && e[:len(name)] == name {
			clear(seed[:])
			for j := 0; j < len(e)-len(name) && j < len(seed); j++ {
				seed[j] = e[len(name)+j]
			}
		}
	}
	globalRand.state.Init(*seed)
`},
		{"runtime/rand.go", "// bootstrapRand returns a random uint64 from the global random generator.\n", `// reseed sets the random state of this thread, and that of threads to come, and begins the scheduler's round anew.
//
//go:linkname reseed github.com/fencepost/fencepost/internal/simulation.reseed
func reseed(x uint64) {
	mp := acquirem()
	var s [32]byte
	for i := range s {
		s[i] = byte(x>>(8*(i%8))) + byte(i)
	}
	lock(&globalRand.lock)
	globalRand.state.Init(s)
	unlock(&globalRand.lock)
	mp.chacha8.Init(s)
	mp.cheaprand = x*2654435761 | 1
	mp.p.ptr().schedtick = 0
	releasem(mp)
}

// bootstrapRand returns a random uint64 from the global random generator.
`},
		{"runtime/proc.go", "const randomizeScheduler = raceenabled\n", "const randomizeScheduler = true\n"},
		{"runtime/proc.go", "const haveSysmon = GOARCH != \"wasm\"\n", "const haveSysmon = false\n"},
		{"runtime/proc.go", "const forcePreemptNS = 10 * 1000 * 1000 // 10ms\n", "const forcePreemptNS = 1 << 60 // never\n"},
		{"runtime/runtime2.go", "\twaitReasonSynctestSelect:        true,\n", `	waitReasonSynctestSelect:        true,
	waitReasonSyncMutexLock:         true,
	waitReasonSyncRWMutexRLock:      true,
	waitReasonSyncRWMutexLock:       true,
`},
		{"internal/sync/mutex.go", "starvationThresholdNs = 1e6", "starvationThresholdNs = 1 << 60"},
	}
}
