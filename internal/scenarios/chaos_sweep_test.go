//go:build realservers

package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
)

// sweeps are the system calls at which workers are killed, by their store: of SQLite those on its files, of a server those on all sockets and
// files of the process, the sink's among them. Go writes to sockets by write.
var sweeps = map[string][]string{
	"sqlite":   {"pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink"},
	"postgres": {"write", "writev", "sendto"},
}

// TestC1KillAtEverySystemCall has strace kill a worker as it enters its n-th write, sync, truncation or removal, for each n, each time with a
// new batch. strace counts for each thread by itself, and kills the process where the first one comes to n: a call's sweep is over when none
// does. After each, every record that is committed has one row; at the end, every invariant.
func TestC1KillAtEverySystemCall(t *testing.T) {
	t.Parallel()
	built := build(t)
	for store, calls := range sweeps {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			s := &sweep{ring: newCalmRing(t, campaign{seed: 1, store: store}, built), at: map[string]int{}}
			s.some(1)
			s.scale(0)
			for _, call := range calls {
				for n := 1; s.kill(call, n); n += stride(15) {
				}
			}
			s.goOn()
			s.wantRight()
			t.Logf("%d kills in %s: %s", s.kills, time.Since(s.began).Round(time.Second), s.told())
			if s.kills < 2 {
				t.Errorf("%d kills: this tests nothing", s.kills)
			}
		})
	}
}

// sweep kills one worker after the other.
type sweep struct {
	*ring
	kills int
	at    map[string]int // :: system call, and whether it was on the sink's descriptors -> kills
}

// kill has a worker apply a batch of 20 records, and die at its n-th call of a kind. False: it came to the end.
func (s *sweep) kill(call string, n int) bool {
	s.t.Helper()
	s.produced(20)
	trace := filepath.Join(s.dir, "trace")
	args := []string{"-f", "-qq", "-yy", "-o", trace, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)}
	for _, p := range s.paths() {
		args = append(args, "-P", p)
	}
	cmd := exec.Command("strace", append(args, s.binary, "run", filepath.Join(s.dir, "pipeline.yaml"), "--until", "end", "-q")...)
	cmd.Env = append(os.Environ(), "STORE="+s.kit.address(s.kit.upstream()))
	p := spawn(s.t, cmd, s.sweepLog())
	<-p.done
	s.wantCounted(fmt.Sprintf("%s %d", call, n))
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok && exit.ExitCode() < 0 || ok && exit.ExitCode() == 137 {
		s.kills++
		s.at[s.where(trace)]++
		return true
	}
	if p.err != nil {
		s.t.Fatalf("strace with %s, %d: %v\n%s", call, n, p.err, p.log)
	}
	return false
}

// paths are the sink's files. A server's socket has no path: then all of the process's calls are struck at, the sink's among them.
func (s *sweep) paths() []string {
	file, is := s.kit.(*chaosSQLite)
	if !is {
		return nil
	}
	return []string{file.path, file.path + "-wal", file.path + "-shm", file.path + "-journal"}
}

func (s *sweep) sweepLog() *os.File {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "sweep.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.t, err)
	s.t.Cleanup(func() { _ = log.Close() })
	return log
}

var called = regexp.MustCompile(`^\d+ +(\w+)\((.*)$`)

// where says at which system call the process died: the last one of the trace.
func (s *sweep) where(trace string) string {
	s.t.Helper()
	text, err := os.ReadFile(trace)
	must(s.t, err)
	lines := strings.Split(string(text), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		if m := called.FindStringSubmatch(line); m != nil {
			return m[1] + s.on(m[2])
		}
	}
	return "unknown"
}

// on says whether a call was on the sink's descriptors.
func (s *sweep) on(arguments string) string {
	if len(s.paths()) > 0 {
		return " of the sink"
	}
	host, _, _ := net.SplitHostPort(s.kit.upstream())
	descriptor, _, _ := strings.Cut(arguments, ",")
	if strings.Contains(descriptor, host+":") {
		return " of the sink"
	}
	return " elsewhere"
}

// told is how many kills fell where.
func (s *sweep) told() string {
	var list []string
	for _, where := range slices.Sorted(maps.Keys(s.at)) {
		list = append(list, fmt.Sprintf("%d x %s", s.at[where], where))
	}
	return strings.Join(list, ", ")
}

// wantCounted wants a row for each record that the ledger calls committed, and no other.
func (s *sweep) wantCounted(where string) {
	s.t.Helper()
	rows, err := s.kit.rows(s.t.Context(), parts)
	must(s.t, err)
	snap, err := s.kit.ledger().Read(s.t.Context(), s.group)
	must(s.t, err)
	tp := at(s.topic, 0)
	var offsets []fencepost.Offset
	for _, e := range rows[tp] {
		offsets = append(offsets, e.Offset)
	}
	if want := snap.Positions[tp].Offset; fencepost.Offset(len(offsets)) != want || !slices.IsSorted(offsets) || len(slices.Compact(offsets)) != int(want) {
		s.t.Fatalf("killed at %s: rows of %d records in %v, and the ledger is at %d", where, len(slices.Compact(offsets)), offsets, want)
	}
}

// goOn has a worker that nobody kills apply the rest.
func (s *sweep) goOn() {
	s.t.Helper()
	s.scale(1)
	s.some(1)
}
