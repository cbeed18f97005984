package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is one life of a server process: started by us, waited for by us, and
// ended by the kernel if we die first.
type child struct {
	pid  int
	log  string        // path of the log, shared by all lives
	from int64         // where this life's part of the log begins
	done chan struct{} // closed when the process has ended and was reaped
	err  error         // how it ended; read after done
}

// startChild starts cmd with its output appended to the log.
//
// Linux sends the parent's-death signal when the thread that forked ends, not
// the process. So one goroutine locks its thread, forks there, and stays in
// Wait for as long as the child lives.
func startChild(cmd *exec.Cmd, log string) (*child, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer out.Close()
	from, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A group of its own: Ctrl-C at a terminal reaches us, and we stop it.
	cmd.SysProcAttr.Setpgid = true
	endWithParent(cmd.SysProcAttr)

	c := &child{log: log, from: from, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	c.pid = cmd.Process.Pid
	return c, nil
}

func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// signal sends a signal to the process itself. It is reaped by one goroutine
// only, so that an ended process is known as ended before its number is free.
func (c *child) signal(s syscall.Signal) error {
	if !c.alive() {
		return nil
	}
	if err := syscall.Kill(c.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to process %d: %w", s, c.pid, err)
	}
	return nil
}

// signalTree reaches the children too. Postgres puts each backend in a session
// of its own, so that no process group holds them; the parent is stopped
// first, so that it forks no more while its children are listed.
func (c *child) signalTree(s syscall.Signal) error {
	if err := c.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := awaitStopped(c.pid); err != nil {
		return err
	}
	pids := childrenOf(c.pid)
	var errs []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("send %v to process %d: %w", s, pid, err))
		}
	}
	errs = append(errs, c.signal(s))
	if s == syscall.SIGSTOP {
		for _, pid := range pids {
			errs = append(errs, awaitStopped(pid))
		}
	}
	return errors.Join(errs...)
}

// awaitStopped returns when no thread of a process that was sent SIGSTOP runs
// any more. The signal only begins a stop: on a busy machine a Java broker
// answered requests for milliseconds after it.
func awaitStopped(pid int) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(10 * time.Second)
	for !stopped(pid) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d runs on, 10s after SIGSTOP", pid)
		}
		<-tick.C
	}
	return nil
}

// kill ends the process and its children as a power cut would.
func (c *child) kill() error {
	err := c.signalTree(syscall.SIGKILL)
	<-c.done
	return err
}

// stop asks politely, and kills after the grace.
func (c *child) stop(polite syscall.Signal, grace time.Duration) error {
	if err := errors.Join(c.signalTree(syscall.SIGCONT), c.signal(polite)); err != nil {
		return err
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-c.done:
		return nil
	case <-late.C:
		return errors.Join(fmt.Errorf("process %d did not end within %v of %v", c.pid, grace, polite), c.kill())
	}
}

// ready asks until the server answers. It gives up when the child ends or the
// context does, and then shows the end of the log.
func (c *child) ready(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-c.done:
			cancel(errors.New("the process ended"))
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the first answer: %w (last: %w)\n%s", context.Cause(ctx), err, c.tail())
		case <-tick.C:
		}
	}
}

// tail is the end of this life's log.
func (c *child) tail() []byte {
	const most = 8 << 10
	text, err := os.ReadFile(c.log)
	if err != nil {
		return fmt.Appendf(nil, "no log: %v", err)
	}
	text = text[min(c.from, int64(len(text))):]
	if len(text) > most {
		text = append([]byte("...\n"), text[len(text)-most:]...)
	}
	return append([]byte("--- "+c.log+"\n"), bytes.TrimSpace(text)...)
}
