//go:build unix

package sdnotify

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// environment looks names up in a map.
func environment(of map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := of[name]; return v, ok }
}

// manager is a socket as a service manager has it.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// next is the next message.
func next(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestStatesArriveInOneMessage(t *testing.T) {
	names := map[string]string{filepath.Join(t.TempDir(), "s"): ""}
	if runtime.GOOS == "linux" {
		names["@fencepost-test-"+strconv.Itoa(os.Getpid())] = "\x00fencepost-test-" + strconv.Itoa(os.Getpid())
	}
	for name, at := range names {
		if at == "" {
			at = name
		}
		conn := manager(t, at)
		m, err := Open(environment(map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())}))
		if err != nil {
			t.Fatal(err)
		}
		if m.Watchdog != 30*time.Second {
			t.Errorf("watchdog: %s, want 30s", m.Watchdog)
		}
		if err := m.Send("READY=1", "STATUS=12 partitions\nWATCHDOG=trigger"); err != nil {
			t.Fatal(err)
		}
		if got, want := next(t, conn), "READY=1\nSTATUS=12 partitions WATCHDOG=trigger"; got != want {
			t.Errorf("the manager was told %q, want %q", got, want)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWithoutAManager(t *testing.T) {
	if m, err := Open(environment(nil)); m != nil || err != nil {
		t.Errorf("without NOTIFY_SOCKET: %v, %v, want none", m, err)
	}
	if m, err := Open(environment(map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")})); m != nil || err == nil {
		t.Errorf("with a socket that is not there: %v, %v, want an error", m, err)
	}
}

func TestWatchdog(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want time.Duration
		bad  bool
	}{
		"none":             {nil, 0, false},
		"of any process":   {map[string]string{"WATCHDOG_USEC": "1500000"}, 1500 * time.Millisecond, false},
		"of another":       {map[string]string{"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, 0, false},
		"not a number":     {map[string]string{"WATCHDOG_USEC": "30s"}, 0, true},
		"nothing to count": {map[string]string{"WATCHDOG_USEC": "0"}, 0, true},
	} {
		if got, err := watchdog(environment(c.env)); got != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %s, %v, want %s, an error: %t", name, got, err, c.want, c.bad)
		}
	}
}
