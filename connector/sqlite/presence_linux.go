package sqlite

import (
	"fmt"
	"os"
	"syscall"

	"github.com/fencepost/fencepost/ledger"
)

// The commands of fcntl(2) for locks of an open file description: those of a process (F_SETLK) go when it closes any descriptor of
// the file.
const (
	ofdGetLock = 36
	ofdSetLock = 37
)

// nfs is the type of a file system whose locks other hosts have too, or nobody.
const nfs = 0x6969

// lockByte takes the lock of one byte, which need not be in the file.
func lockByte(file *os.File, at int64) error {
	if err := lockable(file.Name()); err != nil {
		return err
	}
	return syscall.FcntlFlock(file.Fd(), ofdSetLock, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: at, Len: 1})
}

// byteLocked reports whether another open file description has the lock of a byte.
func byteLocked(file *os.File, at int64) (bool, error) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: at, Len: 1}
	err := syscall.FcntlFlock(file.Fd(), ofdGetLock, &lock)
	return lock.Type != syscall.F_UNLCK, err
}

// lockable refuses a file system whose locks are not of one host.
func lockable(path string) error {
	var on syscall.Statfs_t
	if err := syscall.Statfs(path, &on); err == nil && on.Type == nfs {
		return fmt.Errorf("%w: it is on NFS", ledger.ErrNoPresence)
	}
	return nil
}
