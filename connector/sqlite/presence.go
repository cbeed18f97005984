package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var (
	_ ledger.Presence = (*sinkLedger)(nil)
	_ ledger.Noticing = (*sinkLedger)(nil)
)

// presenceSuffix is that of the file beside the database whose locks are signs of life. The database itself has SQLite's own locks.
const presenceSuffix = "-presence"

// lookEvery is how often a worker looks whether others hold their locks: a question to the kernel, without a thread for each wait.
const lookEvery = 50 * time.Millisecond

// sign is a held lock: of the byte of the file that the sign names, by an open file description, which ends with the process.
type sign struct {
	file *os.File
	mu   sync.Mutex
	over chan struct{} // closed by End
}

// position is the byte of a sign.
func position(name string) (int64, error) {
	n, err := strconv.ParseUint(name, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("the sign %q: %w", name, err)
	}
	return int64(n >> 1), nil
}

// Appear takes the lock of a sign.
func (l *sinkLedger) Appear(ctx context.Context, _ fencepost.Group, name string) (ledger.Sign, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	at, err := position(name)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(l.cfg.Path+presenceSuffix, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("take a sign of life: %w", err)
	}
	if err := lockByte(file, at); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("take a sign of life in %s: %w", file.Name(), err)
	}
	return &sign{file: file, over: make(chan struct{})}, nil
}

// Notice looks whether the folder's file system has such locks. It makes no file.
func (l *sinkLedger) Notice(context.Context) (ledger.Notice, error) {
	n := ledger.Notice{Within: time.Second, Why: fmt.Sprintf("by a lock of %s%s, which ends with its process", filepath.Base(l.cfg.Path), presenceSuffix)}
	return n, lockable(filepath.Dir(l.cfg.Path))
}

// Alive returns those of the signs whose locks are held. It makes no file.
func (l *sinkLedger) Alive(ctx context.Context, _ fencepost.Group, signs []string) ([]string, error) {
	file, err := os.OpenFile(l.cfg.Path+presenceSuffix, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("look for signs of life: %w", err)
	}
	defer file.Close()
	ended, err := endedOf(file, signs)
	return slices.DeleteFunc(slices.Clone(signs), func(name string) bool { return slices.Contains(ended, name) }), err
}

// endedOf are those of the signs whose locks are not held.
func endedOf(file *os.File, signs []string) (ended []string, err error) {
	for _, name := range signs {
		at, err := position(name)
		if err != nil {
			return nil, err
		}
		held, err := byteLocked(file, at)
		if err != nil {
			return nil, fmt.Errorf("look for signs of life in %s: %w", file.Name(), err)
		}
		if !held {
			ended = append(ended, name)
		}
	}
	return ended, nil
}

// Watch looks at the locks of the signs.
func (s *sign) Watch(ctx context.Context, others []string) ([]string, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s.mu.Lock()
		ended, err := endedOf(s.file, others)
		s.mu.Unlock()
		if err != nil || len(ended) > 0 {
			return ended, err
		}
		select {
		case <-tick.C:
		case <-s.over:
			return nil, ledger.ErrSignEnded
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Lost waits for End: a lock is not lost while the process lives.
func (s *sign) Lost(ctx context.Context) error {
	select {
	case <-s.over:
		return ledger.ErrSignEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// End gives the lock back.
func (s *sign) End(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.over:
		return nil
	default:
		close(s.over)
		return s.file.Close()
	}
}
