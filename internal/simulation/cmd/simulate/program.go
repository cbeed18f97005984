package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fencepost/fencepost/internal/simulation/overlay"
)

// program is the simulation, built to be repeatable.
type program struct {
	exact     bool // what comes late is no failure
	clients   bool // histories have what the clients say
	path      string
	histories string // the folder in which each seed leaves its history
}

// build builds the simulation in dir, with more edits of the project's own files.
//
// Errors: an edit whose text is not there; what the compiler says.
func build(dir string, more ...overlay.Edit) (program, error) {
	edits, err := overlay.Runtime()
	if err != nil {
		return program{}, err
	}
	modules, err := overlay.Brokers(dir)
	if err != nil {
		return program{}, err
	}
	list, err := overlay.Files(dir, append(edits, more...)...)
	if err != nil {
		return program{}, err
	}
	p := program{path: filepath.Join(dir, "simulation.test"), histories: dir}
	out, err := exec.Command("go", "test", "-c", "-overlay", list, "-modfile", modules, "-trimpath", "-tags", "simulated", "-ldflags=-s -w", "-o", p.path, "./internal/simulation").CombinedOutput()
	if err != nil {
		return program{}, fmt.Errorf("build the simulation: %w\n%s", err, out)
	}
	return p, nil
}

// askBrokers has the simulated brokers do what was seen of real ones.
func (p program) askBrokers() error {
	if f := p.start("TestSimulatedBrokersDoWhatRealOnesDo", 0); f.output != "" {
		return errors.New("the simulated brokers do not do what real ones do:\n" + f.output)
	}
	return nil
}

// failure is a seed that failed, and what it printed.
type failure struct {
	seed    uint64
	output  string // empty: it did not fail
	history string
}

// String is the seed, what did not hold, and the history.
func (f failure) String() string {
	return fmt.Sprintf("seed %d failed\n%s\n%s", f.seed, f.output, f.history)
}

// patience bounds one seed in real time: it takes half a second of a quiet processor.
const patience = time.Minute

// run simulates one seed.
func (p program) run(seed uint64) failure { return p.start("TestSeed", seed) }

// start runs one test of the program in a process of its own.
func (p program) start(test string, seed uint64) failure {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "./"+filepath.Base(p.path), "-test.run=^"+test+"$", "-test.timeout=0")
	// No memory limit: with one, the runtime does work at times of its own, and a seed has several histories.
	// The same arguments and environment in each place and of each seed: what a program copies of them at its start moves all addresses
	// behind, and with them the order of maps whose keys are pointers.
	number, flag := fmt.Sprintf("%020d", seed), map[bool]string{false: "0", true: "1"}
	cmd.Dir = p.histories
	cmd.Env = []string{"SIMULATION_SEED=" + number, "SIMULATION_HISTORIES=.", "SIMULATION_EXACT=" + flag[p.exact], "SIMULATION_CLIENTS=" + flag[p.clients], "GORANDSEED=" + number, "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1"}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return failure{seed: seed}
	}
	return failure{seed, fmt.Sprintf("%s%v", out, err), p.history(seed)}
}

// history is what a seed left; empty: nothing.
func (p program) history(seed uint64) string {
	text, _ := os.ReadFile(filepath.Join(p.histories, fmt.Sprintf("%020d.txt", seed))) // a program that crashed left none
	return string(text)
}

// until simulates the seeds, and returns how many failed. enough is called with each failure, one at a time, and ends it all
// by true.
func (p program) until(o options, enough func(failure) bool) (failed int) {
	var next atomic.Uint64
	var over atomic.Bool
	var one sync.Mutex
	var all sync.WaitGroup
	for range o.beside {
		all.Go(func() {
			for !over.Load() {
				n := next.Add(1) - 1
				if n >= o.seeds {
					return
				}
				f := p.run(o.from + n)
				if f.output == "" {
					continue
				}
				one.Lock()
				failed++
				if enough(f) {
					over.Store(true)
				}
				one.Unlock()
			}
		})
	}
	all.Wait()
	return failed
}
