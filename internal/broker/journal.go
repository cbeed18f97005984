package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// journal is where kfake says what went wrong. kfake answers a failed write to the client as UNKNOWN_SERVER_ERROR and a
// failed save at Close not at all; the error itself is only in the arguments of its log lines, so we take it from there.
type journal struct {
	dir    string
	log    *slog.Logger
	faults chan *Fault // one place: the first failed write

	mu struct {
		sync.Mutex
		failed error // the last error logged at kfake.LogLevelError
	}
}

func newJournal(dir string, log *slog.Logger) *journal {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &journal{dir: dir, log: log, faults: make(chan *Fault, 1)}
}

// Logf is kfake's Logger. It never blocks, for kfake calls it from the loop that serves every request.
func (j *journal) Logf(level kfake.LogLevel, format string, args ...any) {
	if level > kfake.LogLevelWarn {
		return
	}
	severity := slog.LevelWarn
	if level == kfake.LogLevelError {
		severity = slog.LevelError
	}
	j.log.LogAttrs(context.Background(), severity, "embedded broker", slog.String("kfake", fmt.Sprintf(format, args...)))
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			j.note(level, err)
		}
	}
}

func (j *journal) note(level kfake.LogLevel, err error) {
	if level == kfake.LogLevelError {
		j.mu.Lock()
		j.mu.failed = err
		j.mu.Unlock()
	}
	fault := diskFault(j.dir, err)
	if fault == nil {
		return
	}
	select {
	case j.faults <- fault:
	default: // reported already
	}
}

func (j *journal) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.failed
}
