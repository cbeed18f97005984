package servers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// instance is a server with its folder, over any number of lives.
type instance struct {
	name    string
	folder  *folder // holds everything of it
	polite  syscall.Signal
	command func() *exec.Cmd                // a new life on the same data
	ask     func(ctx context.Context) error // nil once it answers as a server should
	passing func(log []byte) bool           // whether a failed start is worth another
	life    *child                          // nil before the first start
}

// startDeadline is generous: it ends only what would never answer.
const startDeadline = 5 * time.Minute

// stopGrace is how long a server may take to end well. Brokers took more than 20 s on a busy machine.
const stopGrace = 2 * time.Minute

// start begins a life and returns when the server answers.
func (s *instance) start(ctx context.Context) error {
	if s.life != nil && s.life.alive() {
		return fmt.Errorf("start %s: it is running, process %d", s.name, s.life.pid)
	}
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	for {
		life, err := startChild(s.command(), s.folder.join("server.log"))
		if err != nil {
			return fmt.Errorf("start %s: %w", s.name, err)
		}
		s.life = life
		err = life.ready(ctx, s.ask)
		if err == nil {
			return nil
		}
		if !life.alive() && s.passing(life.tail()) && ctx.Err() == nil {
			continue
		}
		return errors.Join(fmt.Errorf("start %s: %w", s.name, err), life.kill())
	}
}

func (s *instance) kill() error {
	if s.life == nil || !s.life.alive() {
		return fmt.Errorf("kill %s: it is not running", s.name)
	}
	return s.life.kill()
}

func (s *instance) stop() error {
	if s.life == nil || !s.life.alive() {
		return nil
	}
	return s.life.stop(s.polite, stopGrace)
}

// discard kills what still runs and removes the folder.
func (s *instance) discard() error {
	var err error
	if s.life != nil && s.life.alive() {
		err = s.life.kill()
	}
	return errors.Join(err, s.folder.remove())
}
