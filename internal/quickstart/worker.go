package quickstart

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Program is how a process is started: the file to run, its arguments with its own name first, and its environment,
// nil for ours.
type Program struct {
	Path string
	Args []string
	Env  []string
}

func (p Program) command() *exec.Cmd { return &exec.Cmd{Path: p.Path, Args: p.Args, Env: p.Env} }

// String is the command to type.
func (p Program) String() string { return strings.Join(append([]string{p.Path}, p.Args[1:]...), " ") }

// worker is one life of a worker process. What it says of itself in its log is all that the director knows of it.
type worker struct {
	number int // from 1; the next life has the same
	pid    int
	began  time.Time

	member   string         // in the Kafka group; empty: not joined yet
	held     map[int32]bool // partitions that it was given
	last     time.Time      // when it last reported a commit
	complain string         // its last warning or error
	kill     *kill          // set when it was killed
	ended    bool

	process *os.Process
}

// report is one line of a worker's log, or its end.
type report struct {
	worker *worker
	line   line
	state  *os.ProcessState // not nil: the worker has ended
	err    error            // with state: its log could not be read
}

// start starts a worker and one goroutine, which reports its log and then its end.
//
// Linux sends the parent's-death signal when the thread that forked ends, not the process. So that goroutine locks its
// thread, forks there, and stays for as long as the child lives.
func start(number int, program Program, reports chan<- report, running *sync.WaitGroup) (*worker, error) {
	cmd := program.command()
	cmd.SysProcAttr = apart()
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start worker %d: %w", number, err)
	}
	w := &worker{number: number, began: time.Now(), held: map[int32]bool{}}
	started := make(chan error, 1)
	running.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			w.process, w.pid = cmd.Process, cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		err = read(log, func(l line) { reports <- report{worker: w, line: l} })
		cmd.Wait() // its error is the state
		reports <- report{worker: w, state: cmd.ProcessState, err: err}
	})
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start worker %d: %w", number, err)
	}
	return w, nil
}

// line is what the director reads in a line of a worker's log: the json form of the engine's events.
type line struct {
	Level      string    `json:"level"`
	Msg        string    `json:"msg"`
	Member     string    `json:"member"`
	Partitions []string  `json:"partitions"`
	Segments   []segment `json:"segments"`
	Code       string    `json:"code"`
	Reason     string    `json:"reason"` // of a parked or waiting partition
	Error      string    `json:"error"`
}

// complaint is what a warning or an error says, for people; empty for any other line.
func (l line) complaint() string {
	if l.Level != "WARN" && l.Level != "ERROR" {
		return ""
	}
	text := l.Msg
	for _, more := range []string{l.Code, l.Reason, l.Error} {
		if more != "" {
			text += ": " + more
		}
	}
	return text
}

// segment is one partition's part of a commit.
type segment struct {
	Partition int32 `json:"partition"`
	From      int64 `json:"from"`
	Until     int64 `json:"until"`
	Rows      int64 `json:"rows"`
}

// read hands out a log's lines until its end. A line that is no JSON (a panic's) counts as a complaint.
func read(log io.Reader, each func(line)) error {
	scan := bufio.NewScanner(log)
	scan.Buffer(make([]byte, 64<<10), 4<<20)
	for scan.Scan() {
		text := strings.TrimSpace(scan.Text())
		if text == "" {
			continue
		}
		var l line
		if err := json.Unmarshal(scan.Bytes(), &l); err != nil {
			l = line{Level: "ERROR", Msg: text}
		}
		each(l)
	}
	return scan.Err()
}

// held is the partitions that a line names, as topic:partition.
func (l line) held() []int32 {
	var ps []int32
	for _, name := range l.Partitions {
		_, number, _ := strings.Cut(name, ":")
		if p, err := strconv.ParseInt(number, 10, 32); err == nil {
			ps = append(ps, int32(p))
		}
	}
	return ps
}
