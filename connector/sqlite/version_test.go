package sqlite

import (
	"strconv"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
)

// The SQLite in the binary does not have the WAL-reset bug, by which two processes of one file could lose a commit: one
// reset the log under the other's checkpoint. 3.51.3 is the first without (sqlite.org, release log).
func TestS20SQLiteHasNoWALResetFault(t *testing.T) {
	first := [3]int{3, 51, 3}
	var is [3]int
	for i, word := range strings.Split(sqlite.Version, ".") {
		n, err := strconv.Atoi(word)
		if err != nil || i > 2 {
			t.Fatalf("SQLite %s: not three numbers", sqlite.Version)
		}
		is[i] = n
	}
	for i := range is {
		if is[i] > first[i] {
			return
		}
		if is[i] < first[i] {
			t.Fatalf("SQLite is %s, want at least %v", sqlite.Version, first)
		}
	}
}
