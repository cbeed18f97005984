//go:build unix

package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// managed is a service manager's socket, and what it was told so far.
type managed struct {
	*net.UnixConn
	told []string
}

// await reads until a state was told.
func (m *managed) await(t *testing.T, state string) {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	for !slices.Contains(m.told, state) {
		n, err := m.Read(buf)
		if err != nil {
			t.Fatalf("waiting for %s, told %q: %v", state, m.told, err)
		}
		m.told = append(m.told, strings.Split(string(buf[:n]), "\n")...)
	}
}

// TestServiceManagerIsTold: a run under a service manager says when it is ready and when it stops, and feeds the watchdog; a process that is
// stopped feeds none.
func TestServiceManagerIsTold(t *testing.T) {
	at := net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", &at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	m := &managed{UnixConn: conn}
	t.Setenv("NOTIFY_SOCKET", at.Name)
	t.Setenv("WATCHDOG_USEC", "200000")
	p := startFlights(t, "")
	m.await(t, "READY=1")
	m.told = nil
	m.await(t, "WATCHDOG=1")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.await(t, "STOPPING=1")
	wait(t, p.lines, `"msg":"stopped"`)
	if err := p.Wait(); err != nil {
		t.Errorf("stopped: %v, want exit 0", err)
	}
}
