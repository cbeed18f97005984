//go:build unix

package quickstart

import (
	"os"
	"syscall"
)

// apart gives a child a process group of its own: Ctrl-C at a terminal reaches us, and we end the child.
func apart() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	endWithParent(attr)
	return attr
}

// wasKilled reports whether the process died of SIGKILL.
func wasKilled(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGKILL
}

// askToEnd lets a worker finish its batch and leave the group.
func askToEnd(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
