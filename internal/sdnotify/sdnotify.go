package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Manager is the service manager that has started this process. Its methods may be called by any goroutine.
type Manager struct {
	conn *net.UnixConn
	// Watchdog is after how long without WATCHDOG=1 the manager ends this process; 0: it does not.
	Watchdog time.Duration
}

// Open reaches the manager that the environment names; nil: it names none. The caller closes it.
//
// Errors: the socket cannot be reached, or the environment's numbers are none.
func Open(lookup func(string) (string, bool)) (*Manager, error) {
	path, _ := lookup("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil
	}
	watchdog, err := watchdog(lookup)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, "@") { // Linux's abstract names begin with a zero byte
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("reach the service manager: %w", err)
	}
	return &Manager{conn: conn, Watchdog: watchdog}, nil
}

// watchdog is the manager's patience with this process. One for another process (its parent, say) is none.
func watchdog(lookup func(string) (string, bool)) (time.Duration, error) {
	text, _ := lookup("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	if pid, _ := lookup("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("reach the service manager: WATCHDOG_USEC=%s: not a number of microseconds", text)
	}
	return time.Duration(n) * time.Microsecond, nil
}

// patience is how long a manager may take to make room for a message.
const patience = time.Second

// Send tells the manager states in one message: READY=1, STATUS=text. A line break in a value becomes a blank: it would begin another
// state.
func (m *Manager) Send(states ...string) error {
	lines := make([]string, len(states))
	for i, s := range states {
		lines[i] = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	}
	if err := m.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	if _, err := m.conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// Close lets the manager go.
func (m *Manager) Close() error { return m.conn.Close() }
