package servers

import (
	"context"
	"syscall"
	"testing"
)

// Own is a server that belongs to one test, which may do to it what it likes.
// It is gone, data and all, when the test ends; when the test failed, the end
// of its log is shown. Its methods end the test on failure and are called from
// the test's own goroutine.
type Own struct {
	// DataDir holds what survives Kill: Kafka's log.dirs, a database's data
	// directory, Redis's dir, or ZooKeeper's. A test may change it while the server is down.
	DataDir string

	t      testing.TB
	server *instance
}

// own starts an instance for t and takes care of its end.
func own(t testing.TB, server *instance) *Own {
	t.Helper()
	o := owned(t, server)
	if err := server.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return o
}

// owned takes care of an instance's end.
func owned(t testing.TB, server *instance) *Own {
	t.Helper()
	o := &Own{DataDir: server.folder.data(), t: t, server: server}
	t.Cleanup(func() {
		if t.Failed() && server.life != nil {
			t.Logf("%s", server.life.tail())
		}
		if err := server.discard(); err != nil {
			t.Errorf("discard %s: %v", server.name, err)
		}
	})
	return o
}

// Start begins a new life on the same data and returns when it answers. It
// works in a cleanup too, where t.Context has ended.
func (o *Own) Start() {
	o.t.Helper()
	o.must(o.server.start(context.Background()))
}

// Kill is SIGKILL to the server and to its children at once: nothing is
// flushed, no connection is closed in order, and no child finishes what it was doing.
func (o *Own) Kill() {
	o.t.Helper()
	o.must(o.server.kill())
}

// Stop is an orderly shutdown; it returns when the process has ended.
func (o *Own) Stop() {
	o.t.Helper()
	o.must(o.server.stop())
}

// Freeze stops the server and its children in mid-step: connections stay open
// without answers.
func (o *Own) Freeze() {
	o.t.Helper()
	o.must(o.server.life.signalTree(syscall.SIGSTOP))
}

// Thaw lets a frozen server go on.
func (o *Own) Thaw() {
	o.t.Helper()
	o.must(o.server.life.signalTree(syscall.SIGCONT))
}

// Running says whether the process lives, frozen or not.
func (o *Own) Running() bool { return o.server.life.alive() }

// PID is the process of the server's life.
func (o *Own) PID() int { return o.server.life.pid }

// Log is the path of the server's output, over all its lives.
func (o *Own) Log() string { return o.server.life.log }

func (o *Own) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}
