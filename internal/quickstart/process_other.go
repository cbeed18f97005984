//go:build unix && !linux

package quickstart

import "syscall"

// endWithParent does nothing: outside Linux a worker outlives a quickstart that was itself killed with SIGKILL. It ends
// by itself once it has reached the end, or by Ctrl-C.
func endWithParent(*syscall.SysProcAttr) {}
