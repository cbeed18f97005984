package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink/sinktest"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Tests with several processes start this binary again; the environment says what it is to be.
const (
	childVar = "FENCEPOST_SQLITE_CHILD"
	pathVar  = "FENCEPOST_SQLITE_PATH"
	argVar   = "FENCEPOST_SQLITE_ARG"
)

func TestMain(m *testing.M) {
	mode := os.Getenv(childVar)
	if mode == "" {
		os.Exit(m.Run())
	}
	child := map[string]func(context.Context, string, string) error{"create": createChild, "work": workChild, "die": dieChild,
		"contend": contendChild, "full": fullChild}[mode]
	if err := child(context.Background(), os.Getenv(pathVar), os.Getenv(argVar)); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is a child with its lines.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// spawn starts a child.
func spawn(t *testing.T, mode, path, arg string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+mode, pathVar+"="+path, argVar+"="+arg)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &process{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
}

// line is the child's next line, empty at its end.
func (p *process) line() string {
	p.lines.Scan()
	return p.lines.Text()
}

// createChild waits for the start, then reads the ledger of a file that does not exist yet, and prints its identity.
func createChild(ctx context.Context, path, _ string) error {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	s, err := Open(ctx, Config{Path: path, Table: "flights"})
	if err != nil {
		return err
	}
	snap, err := s.Ledger().Read(ctx, "flight-delays")
	if err != nil {
		return err
	}
	fmt.Println(snap.Ledger)
	return s.Close()
}

func TestEightProcessesCreateOneLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db")
	var ps []*process
	for range 8 {
		ps = append(ps, spawn(t, "create", path, ""))
	}
	for _, p := range ps {
		if got := p.line(); got != "ready" {
			t.Fatalf("child said %q, want ready", got)
		}
	}
	for _, p := range ps {
		p.stdin.Close()
	}
	ids := map[string]bool{}
	for i, p := range ps {
		ids[p.line()] = true
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("process %d of 8: %v", i, err)
		}
	}
	if len(ids) != 1 || ids[""] {
		t.Errorf("eight processes saw the identities %v, want one", ids)
	}
}

// workChild commits random ranges of random partitions, against others that do the same, until all are at the end.
func workChild(ctx context.Context, path, arg string) error {
	end, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	s, err := Open(ctx, Config{Path: path, SQL: quickstartSQL, KeepCommits: ledger.KeepAll})
	if err != nil {
		return err
	}
	l, err := s.Lane(ctx, 0)
	if err != nil {
		return err
	}
	for {
		snap, err := s.Ledger().Read(ctx, writer.Group)
		if err != nil {
			return err
		}
		var left []fencepost.TopicPartition
		for tp, p := range snap.Positions {
			if int(p.Offset) < end {
				left = append(left, tp)
			}
		}
		if len(left) == 0 {
			return errors.Join(l.Close(), s.Close())
		}
		tp := left[rand.IntN(len(left))]
		b := flights(min(1+rand.IntN(60), end-int(snap.Positions[tp].Offset)), snap.Positions, tp)
		err = l.Commit(ctx, writer, b)
		if _, refused := errors.AsType[*ledger.Refused](err); err != nil && !refused {
			return err
		}
		if err == nil {
			fmt.Println("committed")
		}
	}
}

// TestKilledWorkersLoseAndDoubleNothing: three processes share all partitions of one file, and one of them is killed
// at a random moment, again and again.
func TestKilledWorkersLoseAndDoubleNothing(t *testing.T) {
	const end, kills = workEnd, workKills
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "flights.db")
	s, _ := fresh(t, Config{Path: path, SQL: quickstartSQL, KeepCommits: ledger.KeepAll}, placedDDL, delaysDDL)
	begin(t, s, topic(4)...)

	progress := make(chan struct{})
	ended := make(chan error)
	run := func() *process {
		p := spawn(t, "work", path, strconv.Itoa(end))
		go func() {
			for p.line() != "" {
				progress <- struct{}{}
			}
			ended <- p.cmd.Wait()
		}()
		return p
	}
	workers := []*process{run(), run(), run()}
	killed, countdown, running := 0, 5, len(workers)
	for running > 0 {
		select {
		case <-progress:
			if countdown--; countdown == 0 && killed < kills {
				i := random.IntN(len(workers))
				workers[i].cmd.Process.Kill()
				workers[i] = run()
				killed, running, countdown = killed+1, running+1, 1+random.IntN(8)
			}
		case err := <-ended:
			running--
			if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
				t.Errorf("a worker that nobody killed ended with %v", err)
			}
		}
	}
	if killed < kills {
		t.Errorf("%d kills, want %d: the work was over too soon", killed, kills)
	}
	wantExact(t, s, path, end, 4)
}

// wantExact fails unless each partition's rows [0, end) are there once, the sums agree with them, and the chain holds.
func wantExact(t *testing.T, s *Sink, path string, end, partitions int) {
	t.Helper()
	rows := answer(t, path, `SELECT _partition, count(*), count(DISTINCT _offset), min(_offset), max(_offset) FROM flights GROUP BY 1 ORDER BY 1`)
	var want []string
	for p := range partitions {
		want = append(want, fmt.Sprintf("%d|%d|%d|0|%d", p, end, end, end-1))
	}
	if rows != strings.Join(want, "\n") {
		t.Errorf("rows, distinct, first, last of each partition:\ngot  %q\nwant %q", rows, strings.Join(want, "\n"))
	}
	summed := answer(t, path, "SELECT origin, flights, minutes FROM delays ORDER BY origin")
	if truth := answer(t, path, "SELECT origin, count(*), sum(delay) FROM flights GROUP BY 1 ORDER BY 1"); summed != truth {
		t.Errorf("sums kept in the same commits:\ngot  %q\nwant %q", summed, truth)
	}
	snap, err := s.Ledger().Read(t.Context(), writer.Group)
	if err != nil {
		t.Fatal(err)
	}
	for tp, p := range snap.Positions {
		if int(p.Offset) != end {
			t.Errorf("%s stands at %d, want %d", tp, p.Offset, end)
		}
	}
	sinktest.Chain(t, history(t, s), snap)
}

// history is the group's recorded moves.
func history(t testing.TB, s *Sink) (all []ledger.Recorded) {
	t.Helper()
	for r, err := range s.Ledger().(ledger.History).Moves(t.Context(), writer.Group) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// dieChild commits 100 rows, and kills itself inside the commit of the next 100, at the point that arg names.
func dieChild(ctx context.Context, path, arg string) error {
	die := func() { syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	commits := 0
	s, err := Open(ctx, Config{Path: path, Handle: func(_ context.Context, db *sqlite.Conn, b *fencepost.Batch) error {
		commits++
		for i := range b.Rows() {
			// Large enough to spill from the page cache into the WAL before COMMIT.
			err := sqlitex.Execute(db, "INSERT INTO blobs VALUES (?, zeroblob(60000))", &sqlitex.ExecOptions{Args: []any{int64(b.Offsets[i])}})
			if err != nil {
				return err
			}
			if commits == 2 && arg == "inside" && i == 90 {
				die()
			}
		}
		return nil
	}})
	if err != nil {
		return err
	}
	s.tamper = func(p point) error {
		if commits == 2 && (arg == "before" && p == beforeCommit || arg == "after" && p == afterCommit) {
			die()
		}
		return nil
	}
	l, err := s.Lane(ctx, 0)
	if err != nil {
		return err
	}
	for {
		snap, err := s.Ledger().Read(ctx, writer.Group)
		if err != nil {
			return err
		}
		if err := l.Commit(ctx, writer, flights(100, snap.Positions, topic(1)...)); err != nil {
			return err
		}
	}
}

// TestKillInsideATransaction: what a killed process left in the WAL is dropped by the next opener, or kept whole.
func TestKillInsideATransaction(t *testing.T) {
	for arg, want := range map[string]string{"inside": "100", "before": "100", "after": "200"} {
		t.Run(arg, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "blobs.db")
			execute(t, path, "CREATE TABLE blobs (o INTEGER, b BLOB)")
			s, err := Open(t.Context(), Config{Path: path, Table: "blobs"})
			if err != nil {
				t.Fatal(err)
			}
			begin(t, s, topic(1)...)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			p := spawn(t, "die", path, arg)
			exit, ok := errors.AsType[*exec.ExitError](p.cmd.Wait())
			if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child ended with %v, want SIGKILL", exit)
			}
			if wal, err := os.Stat(path + "-wal"); err != nil || wal.Size() < 6_000_000 {
				t.Errorf("the killed process left no WAL to recover: %v", err)
			}
			snap, err := s.Ledger().Read(t.Context(), writer.Group)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(snap.Positions[topic(1)[0]].Offset); got != want {
				t.Errorf("position after a kill %s COMMIT: got %s, want %s", arg, got, want)
			}
			if got := answer(t, path, "SELECT count(*) FROM blobs"); got != want {
				t.Errorf("rows after a kill %s COMMIT: got %s, want %s", arg, got, want)
			}
			sinktest.Chain(t, history(t, s), snap)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// contendChild commits its own partition as fast as it can and prints a line a commit.
func contendChild(ctx context.Context, path, arg string) error {
	p, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	s, err := Open(ctx, Config{Path: path, Table: "flights"})
	if err != nil {
		return err
	}
	l, err := s.Lane(ctx, 0)
	if err != nil {
		return err
	}
	snap, err := s.Ledger().Read(ctx, writer.Group)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	longest := time.Duration(0)
	b := flights(contendedRows, snap.Positions, topic(3)[p])
	m := &b.Moves[0]
	for range contended {
		at := time.Now()
		if err := l.Commit(ctx, writer, b); err != nil {
			return err
		}
		longest = max(longest, time.Since(at))
		m.Held, m.Next = m.Next, m.Next.Advance(m.Next.Offset+contendedRows, fencepost.NoEpoch)
		fmt.Println("committed")
	}
	fmt.Println("longest commit:", longest.Round(time.Millisecond))
	return errors.Join(l.Close(), s.Close())
}

// contended is how many commits of each: they take a second and more, so that a process that the system does not run for a quarter
// of one is not taken for starved.
const contended = 200

// TestTheLockIsShared: of three processes that commit without a pause, none is starved when the first is done.
func TestTheLockIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flights.db")
	s, _ := fresh(t, Config{Path: path, Table: "flights"}, placedDDL)
	begin(t, s, topic(3)...)
	var ps []*process
	for i := range 3 {
		p := spawn(t, "contend", path, strconv.Itoa(i))
		if got := p.line(); got != "ready" {
			t.Fatalf("child said %q, want ready", got)
		}
		ps = append(ps, p)
	}
	type said struct {
		child int
		line  string
	}
	lines := make(chan said)
	for i, p := range ps {
		p.stdin.Close()
		go func() {
			for line := p.line(); line != ""; line = p.line() {
				lines <- said{i, line}
			}
			lines <- said{i, ""}
		}()
	}
	var done [3]int
	judged := false
	for open := 3; open > 0; {
		l := <-lines
		switch l.line {
		case "":
			open--
		case "committed":
			if done[l.child]++; done[l.child] == contended && !judged {
				judged = true
				t.Logf("commits of each when the first was done: %v", done)
				for i, n := range done {
					if n < contended/20 { // one that the system does not run for a while falls behind too
						t.Errorf("worker %d had %d commits when another had %d: it starved", i, n, contended)
					}
				}
			}
		default:
			t.Log("worker", l.child, l.line)
		}
	}
}

// fullChild commits under a bound of the file's size that COMMIT hits, which is an I/O error and no full disk, and
// goes on once the bound is gone.
func fullChild(ctx context.Context, path, _ string) error {
	s, err := Open(ctx, Config{Path: path, Table: "flights"})
	if err != nil {
		return err
	}
	l, err := s.Lane(ctx, 0)
	if err != nil {
		return err
	}
	snap, err := s.Ledger().Read(ctx, writer.Group)
	if err != nil {
		return err
	}
	b := flights(5000, snap.Positions, topic(1)...)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	bound := syscall.Rlimit{Cur: 100_000, Max: was.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &bound); err != nil {
		return err
	}
	err = l.Commit(ctx, writer, b)
	if !errors.Is(err, ledger.ErrUnknown) {
		return fmt.Errorf("commit that could not be written: got %w, want ErrUnknown", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := l.Commit(ctx, writer, b); err != nil {
		return fmt.Errorf("the same batch once there is room: %w", err)
	}
	return errors.Join(l.Close(), s.Close())
}

// TestCommitThatCanNotBeWritten: an error of the file system at COMMIT is unknown, and the next try decides it.
func TestCommitThatCanNotBeWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flights.db")
	s, _ := fresh(t, Config{Path: path, Table: "flights"}, flightsDDL)
	begin(t, s, topic(1)...)
	if err := spawn(t, "full", path, "").cmd.Wait(); err != nil {
		t.Errorf("child: %v", err)
	}
	if got := answer(t, path, "SELECT count(*), (SELECT until FROM fencepost_ledger) FROM flights"); got != "5000|5000" {
		t.Errorf("rows and position: got %s, want 5000|5000", got)
	}
}
