package listen

import (
	"errors"
	"os"
	"sync"
	"time"
)

// changing is what files hold. They are read again once the time or the size of one of them is another; an error then leaves what was read before.
type changing[T any] struct {
	paths []string
	read  func(paths []string) (T, error)

	mu struct {
		sync.Mutex
		is    T
		stamp []stamp // of the files when they were read; nil: they never were
	}
}

// stamp is by what a file is known to have changed.
type stamp struct {
	at   time.Time
	size int64
}

// now is what the files hold now, or what they held when they could be read last; the error says that it is the latter, or nothing.
func (c *changing[T]) now() (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var stamps []stamp
	for _, path := range c.paths {
		if path == "" {
			return c.mu.is, errors.New("no file is named")
		}
		info, err := os.Stat(path)
		if err != nil {
			return c.mu.is, err
		}
		stamps = append(stamps, stamp{info.ModTime(), info.Size()})
	}
	if same(stamps, c.mu.stamp) {
		return c.mu.is, nil
	}
	is, err := c.read(c.paths)
	if err != nil {
		return c.mu.is, err
	}
	c.mu.is, c.mu.stamp = is, stamps
	return is, nil
}

func same(a, b []stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].at.Equal(b[i].at) || a[i].size != b[i].size {
			return false
		}
	}
	return true
}
