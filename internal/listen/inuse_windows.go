//go:build windows

package listen

import (
	"errors"
	"syscall"
)

// wsaEADDRINUSE is what Windows answers; Go's syscall.EADDRINUSE is a number of its own there.
const wsaEADDRINUSE = syscall.Errno(10048)

func inUse(err error) bool { return errors.Is(err, wsaEADDRINUSE) }
