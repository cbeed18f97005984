package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	from := flag.Uint64("from", 0, "the first seed")
	seeds := flag.Uint64("seeds", 300, "how many seeds; with -bugs, the most that are tried of each bug")
	beside := flag.Int("p", 2, "how many are simulated beside each other")
	bugs := flag.String("bugs", "", "a file of bugs to plant, one at a time")
	exact := flag.Bool("exact", false, "fail for what is lost, doubled or untrue alone, and not for what comes late or has two histories")
	clients := flag.Bool("clients", false, "write what the workers' Kafka clients say into the histories, too")
	only := flag.String("only", "", "with -bugs: the bugs whose line or file has one of these texts, or that have one of these numbers, divided by commas")
	flag.Parse()
	err := errors.New("there is nothing to simulate: -seeds has to be 1 or more")
	if *seeds > 0 {
		err = simulate(options{from: *from, seeds: *seeds, beside: *beside, bugs: *bugs, only: *only, exact: *exact, clients: *clients})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

// options are the command's.
type options struct {
	from, seeds uint64
	beside      int
	bugs, only  string
	exact       bool
	clients     bool
}

func simulate(o options) error {
	dir, err := os.MkdirTemp("", "simulate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.bugs != "" {
		return plantAll(dir, o)
	}
	program, err := build(dir)
	if err != nil {
		return err
	}
	program.exact, program.clients = o.exact, o.clients
	if err := program.askBrokers(); err != nil {
		return err
	}
	began := time.Now()
	failed := program.until(o, func(f failure) bool {
		fmt.Println(f)
		return false
	})
	fmt.Printf("%d seeds from %d in %s, %d failed\n", o.seeds, o.from, time.Since(began).Round(100*time.Millisecond), failed)
	if !o.exact { // what fails is a failure however often it comes again
		err = program.repeats(o.from)
	}
	if failed > 0 {
		err = errors.Join(errors.New("what should hold does not; a seed alone: -from SEED -seeds 1"), err)
	}
	return err
}

// repeats simulates a seed once more, and compares the histories.
func (p program) repeats(seed uint64) error {
	again := program{clients: p.clients, path: p.path, histories: filepath.Join(p.histories, "again")}
	err := os.MkdirAll(again.histories, 0o755)
	if err == nil {
		err = os.Link(p.path, filepath.Join(again.histories, filepath.Base(p.path)))
	}
	if err != nil {
		return err
	}
	again.run(seed) // whether it fails is in its history
	first, second := p.history(seed), again.history(seed)
	if first == "" || first != second {
		return fmt.Errorf("seed %d has two histories: something in it is not decided by the seed:\n%s\n%s", seed, first, second)
	}
	return nil
}
