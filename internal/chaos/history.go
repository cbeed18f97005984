package chaos

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// History is what was done and seen, each with its time since the beginning. It may be written by several goroutines.
type History struct {
	mu struct {
		sync.Mutex
		lines []string
	}
}

// Add writes a line.
func (h *History) Add(at time.Duration, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.lines = append(h.mu.lines, fmt.Sprintf("%8.3fs  %s", at.Seconds(), fmt.Sprintf(format, args...)))
}

// String is all lines, oldest first.
func (h *History) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.mu.lines, "\n")
}
