package quickstart

import (
	"os"
	"syscall"
)

func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// wasKilled: Windows has no signals; TerminateProcess leaves the exit code that Process.Kill gives it.
func wasKilled(s *os.ProcessState) bool { return s.ExitCode() == 1 }

func askToEnd(p *os.Process) error { return p.Kill() }
