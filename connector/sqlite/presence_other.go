//go:build !linux

package sqlite

import (
	"fmt"
	"os"
	"runtime"

	"github.com/fencepost/fencepost/ledger"
)

// lockable refuses: the locks of an open file description were tried on Linux.
func lockable(string) error { return fmt.Errorf("%w: not on %s", ledger.ErrNoPresence, runtime.GOOS) }

func lockByte(*os.File, int64) error { return lockable("") }

func byteLocked(*os.File, int64) (bool, error) { return true, lockable("") }
