//go:build race

package sqlite

// Under the race detector SQLite, which is Go code here, is some thirty times slower: smaller numbers there.
const (
	workEnd, workKills = 1200, 12
	contendedRows      = 500
)
