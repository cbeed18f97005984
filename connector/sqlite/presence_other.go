//go:build !linux

package sqlite

import (
	"fmt"
	"os"
	"runtime"

	"github.com/fencepost/fencepost/ledger"
)

// lockByte is not there: the locks of an open file description were tried on Linux.
func lockByte(*os.File, int64) error {
	return fmt.Errorf("%w: not on %s", ledger.ErrNoPresence, runtime.GOOS)
}

func byteLocked(*os.File, int64) (bool, error) { return true, lockByte(nil, 0) }
