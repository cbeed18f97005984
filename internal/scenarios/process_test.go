//go:build realservers

package scenarios

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/postgres"
	"github.com/fencepost/fencepost/connector/sqlite"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// A worker that is to be killed or stopped is a process of its own: this test binary again, with an errand in its
// environment.
const errandEnv = "FENCEPOST_SCENARIOS_ERRAND"

// errand is what a worker process is to do. It says what becomes of it on its standard output, one word a line:
//
//	joined     it is a member of the group, as the line's second word
//	at PLACE   it is where it stops itself: in-hand (a batch is cut, nothing was sent), in-handler (effects are made,
//	           COMMIT is not sent)
type errand struct {
	Brokers []string
	Group   fencepost.Group
	Topics  []string
	Latest  bool // start

	DSN, Path  string // Postgres or SQLite
	Table, SQL string
	Handle     bool // insert into seen by a handler, on Postgres
	Session    time.Duration
	Records    int // most in a batch
	Rate       int
	Stop       string // where it stops itself, the first time it comes there
	Apart      bool   // the ledger is moved in a transaction of its own, after the rows: the pattern that we replace
}

// errand is a worker process's part of a scene.
func (s *scene) errand(topics ...string) errand {
	e := errand{Brokers: []string{s.broker.Plaintext}, Group: s.group, Topics: topics, Table: "seen", Session: sessionOfProcesses}
	s.store.errand(&e)
	return e
}

// sessionOfProcesses is the group's session timeout where a stopped process has to lose its partitions.
const sessionOfProcesses = 1500 * time.Millisecond

// runErrand is main of a worker process.
func runErrand(text string) int {
	var e errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := e.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "errand:", err)
		return 1
	}
	return 0
}

func (e errand) run(ctx context.Context) error {
	sink, err := e.open(ctx)
	if err != nil {
		return err
	}
	source, err := kafka.Open(kafka.Config{Brokers: e.Brokers, Group: e.Group, Topics: e.Topics, Watch: watch, SessionTimeout: e.Session,
		Member: func(id string, _ int32) { fmt.Println("joined", id) }})
	if err != nil {
		return err
	}
	cfg := engine.Config{Group: e.Group, Source: source, Sink: sink, Decoder: values(), Watch: watch, Rate: e.Rate,
		Who: fmt.Sprintf("%d@test", os.Getpid()), Batch: engine.BatchBounds{Records: e.Records}}
	if e.Apart {
		cfg.Decoder = flightFields()
	}
	if e.Latest {
		cfg.Policy.Start.Kind = ledger.StartLatest
	}
	return engine.Run(ctx, cfg)
}

func (e errand) open(ctx context.Context) (opened sink.Sink, err error) {
	if e.Path != "" {
		return sqlite.Open(ctx, sqlite.Config{Path: e.Path, Table: e.Table, SQL: e.SQL, KeepCommits: ledger.KeepAll})
	}
	c := postgres.Config{DSN: e.DSN, Table: e.Table, SQL: e.SQL, KeepCommits: ledger.KeepAll}
	var inHand, inHandler sync.Once
	if e.Handle {
		c.Table, c.CommitTimeout = "", time.Second
		c.Handle = func(ctx context.Context, tx pgx.Tx, b *fencepost.Batch) error {
			for _, s := range b.Segments {
				for i := s.Lo; i < s.Hi; i++ {
					if _, err := tx.Exec(ctx, "insert into seen values ($1, $2, $3, $4)", s.Topic, s.Partition, int64(b.Offsets[i]),
						b.Columns[0].Text(i)); err != nil {
						return err
					}
				}
			}
			inHandler.Do(func() { e.stopAt("in-handler") })
			return nil
		}
	}
	if opened, err = postgres.Open(ctx, c); err != nil {
		return nil, err
	}
	if e.Apart {
		return apart{opened, e.DSN}, nil
	}
	return hooked{opened, func(ctx context.Context, l sink.Lane, w ledger.Actor, b sink.Commit) error {
		if b.Rows() > 0 {
			inHand.Do(func() { e.stopAt("in-hand") })
		}
		return l.Commit(ctx, w, b)
	}}, nil
}

// stopAt stops this process if that is its errand. It goes on after a SIGCONT.
func (e errand) stopAt(place string) {
	if e.Stop != place {
		return
	}
	awake := make(chan os.Signal, 1)
	signal.Notify(awake, syscall.SIGCONT)
	defer signal.Stop(awake)
	fmt.Println("at", place)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-awake // a signal to oneself arrives a little later: the commit must not slip through meanwhile
}

// process is a worker process, ended by the kernel if this one ends first.
type process struct {
	t     *testing.T
	pid   int
	lines chan string   // what it says of itself; closed when it has ended
	done  chan struct{} // closed when it has ended and was reaped
	err   error         // read after done
	log   *tail         // the end of all that it wrote
	also  io.Writer     // all of it
}

// send starts a process on an errand.
func send(t *testing.T, e errand) *process {
	t.Helper()
	return launch(t, e.command(t))
}

func (e errand) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), errandEnv+"="+string(text))
	return cmd
}

// launch starts a worker process, and shows the end of its log where the test fails.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := spawn(t, cmd, io.Discard)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("process %d:\n%s", p.pid, p.log)
		}
	})
	return p
}

// spawn starts a process whose whole output goes into a writer. The kernel kills it when the thread that forked it ends, so that
// thread stays.
func spawn(t *testing.T, cmd *exec.Cmd, also io.Writer) *process {
	t.Helper()
	p := &process{t: t, lines: make(chan string, 1000), done: make(chan struct{}), log: &tail{}, also: also}
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		write.Close()
		close(p.done)
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	go p.listen(read)
	t.Cleanup(p.kill)
	return p
}

// listen keeps what the process writes, and hands on what tests wait for: an errand's words, and in the log of
// `fencepost run` that it has joined the group.
func (p *process) listen(out io.Reader) {
	defer close(p.lines)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		fmt.Fprintln(p.log, line)
		fmt.Fprintln(p.also, line)
		var entry struct{ Msg, Member string }
		switch {
		case strings.HasPrefix(line, "joined "), strings.HasPrefix(line, "at "):
		case json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "group joined":
			line = "joined " + entry.Member
		default:
			continue
		}
		select {
		case p.lines <- line:
		default: // no test has read for a thousand lines
		}
	}
}

// says waits for a line that begins so, and returns the rest of it.
func (p *process) says(prefix string) string {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case line, ok := <-p.lines:
			if rest, is := strings.CutPrefix(line, prefix); is {
				return strings.TrimSpace(rest)
			}
			if !ok {
				p.t.Fatalf("process %d ended before it said %q:\n%s", p.pid, prefix, p.log)
			}
		case <-timer.C:
			p.t.Fatalf("process %d did not say %q within %s:\n%s", p.pid, prefix, patience, p.log)
		}
	}
}

// stop is SIGSTOP; it returns when no thread of the process runs any more.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	p.stopped()
}

func (p *process) stopped() {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("process %d stands still", p.pid), func() error {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.pid))
		if err != nil {
			return nil // it has ended
		}
		for _, task := range tasks {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/stat", p.pid, task.Name()))
			if err != nil {
				continue
			}
			state := strings.TrimSpace(string(text[strings.LastIndexByte(string(text), ')')+1:]))[:1]
			if !strings.Contains("TtZX", state) {
				return fmt.Errorf("thread %s is in state %s", task.Name(), state)
			}
		}
		return nil
	})
}

func (p *process) resume() { p.signal(syscall.SIGCONT) }

// kill is SIGKILL; it returns when the process is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// lives reports whether it has not ended.
func (p *process) lives() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal reaches the process itself only, and only while it is not reaped.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(p.pid, s) // it may end right now, and is reaped by us alone
	}
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - tailBytes; n > 0 {
		t.text = append(t.text[:0], t.text[n:]...)
	}
	return len(p), nil
}

// forget drops what was written.
func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = nil
}

// last is the last line.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(t.String()), "\n")
	return lines[len(lines)-1]
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
