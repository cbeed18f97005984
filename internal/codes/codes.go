package codes

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
)

// Code is the name of one kind of error.
type Code struct {
	Name string // kebab-case, stable: topic-not-found
	Exit int    // status of a command that ends by it: 1 error, 2 usage, 3 findings, 4 refused for safety; 0: no command does, a partition parks
}

// all is every code, by name. Each has its page in pages/, whose first line says the status too (TestCodes).
var all = []Code{
	{"advertised-unreachable", 1}, {"aged-out", 0}, {"backfill-other", 4}, {"bad-expression", 2}, {"bad-range", 2}, {"bad-value", 2},
	{"broker-silent", 1}, {"choice-needed", 2}, {"column-empty", 1}, {"column-missing", 1}, {"column-not-filled", 1}, {"column-reserved", 2}, {"column-type", 1},
	{"column-unfilled", 1}, {"connection-terminated", 1}, {"coordinator-silent", 1}, {"copy-refused", 4}, {"database-busy", 1}, {"database-damaged", 1},
	{"database-denied", 1}, {"database-directory", 1}, {"database-error", 1}, {"database-io", 1}, {"database-missing", 1},
	{"database-no-wal", 1}, {"database-not-found", 1}, {"database-read-only", 1}, {"database-silent", 1}, {"database-starting", 1}, {"database-too-old", 1}, {"dead-letters-missing", 1}, {"deletes-not-taken", 1}, {"disk-full", 1}, {"dsn-invalid", 2},
	{"ends-not-reached", 1}, {"ends-unknown", 1}, {"env-not-set", 2}, {"file-empty", 2}, {"file-exists", 4}, {"file-is-folder", 2},
	{"file-not-found", 2}, {"file-not-readable", 2}, {"file-not-writable", 1}, {"folder-damaged", 1}, {"folder-foreign", 1},
	{"folder-in-use", 1}, {"folder-newer", 1}, {"folder-not-writable", 1}, {"foreign-write", 0}, {"forget-refused", 4}, {"group-live", 4}, {"instance-taken", 1},
	{"kafka-denied", 1}, {"key-merges", 1}, {"key-missing", 2}, {"key-not-unique", 1}, {"key-unknown", 1}, {"layout-ambiguous", 2}, {"layout-damaged", 1},
	{"layout-incomplete", 2}, {"layout-newer", 4}, {"layout-unknown", 2}, {"ledger-empty", 4}, {"ledger-key", 0}, {"ledger-missing", 1}, {"ledger-newer", 4},
	{"ledger-removed", 2}, {"ledger-went-back", 0}, {"listen-refused", 1}, {"loss-not-accepted", 0}, {"lost-row", 0}, {"meaning-needed", 2}, {"mirror-ahead", 3}, {"name-too-long", 2}, {"no-history", 1}, {"no-letters", 2},
	{"not-a-database", 1}, {"not-a-member", 0}, {"not-a-terminal", 2}, {"not-an-integer", 0}, {"not-loopback", 2}, {"not-verified", 1},
	{"nothing-selected", 2}, {"old-primary", 0}, {"other-cluster", 4}, {"other-ledger", 4}, {"out-of-bounds", 4}, {"outcome-unknown", 1}, {"parked-left", 3}, {"partition-halted", 0},
	{"pipeline-differs", 4}, {"plan-damaged", 2}, {"plan-stale", 4}, {"pooler-refused", 1}, {"port-in-use", 1}, {"range-outside", 4}, {"record-refused", 0}, {"record-undecodable", 0},
	{"recreated", 0}, {"redis-cluster", 1}, {"redis-damaged", 1}, {"redis-denied", 1}, {"redis-error", 1}, {"redis-evicts", 4},
	{"redis-full", 1}, {"redis-key-taken", 4}, {"redis-no-db", 1}, {"redis-not-ready", 1}, {"redis-tls", 1}, {"redis-too-old", 1},
	{"redis-torn", 4}, {"redis-unreachable", 1}, {"redis-wrong-type", 1}, {"registry-denied", 1}, {"registry-refused", 1}, {"registry-silent", 1}, {"reports-not-kept", 0}, {"sasl-refused", 1}, {"schema-unknown", 0}, {"session-timeout-refused", 1},
	{"set-refused", 4}, {"sink-ambiguous", 2}, {"sink-config", 2}, {"sink-needs-own-ledger", 2}, {"skip-refused", 4}, {"source-closed", 1},
	{"sql-ended-transaction", 2}, {"sql-failed", 1}, {"sql-refused", 1}, {"start-out-of-bounds", 1}, {"start-out-of-range", 0}, {"stream-exhausted", 0},
	{"table-not-found", 1}, {"table-not-transactional", 1}, {"table-not-writable", 1}, {"table-truncated", 0}, {"tls-mismatch", 1}, {"tls-unknown-authority", 1}, {"too-many-bad", 0}, {"too-many-commands", 0}, {"too-many-connections", 1},
	{"topic-missing", 0}, {"topic-not-found", 1}, {"truncated", 0}, {"two-effects", 0}, {"unexpected", 1},
	{"unknown-column", 2}, {"unknown-key", 2}, {"unknown-type", 2}, {"usage", 2}, {"worker-failed", 1}, {"workers-stalled", 1},
	{"yaml-syntax", 2}, {"zookeeper-busy", 1}, {"zookeeper-config", 2}, {"zookeeper-damaged", 1}, {"zookeeper-denied", 1},
	{"zookeeper-error", 1}, {"zookeeper-silent", 1}, {"zookeeper-too-large", 1},
}

//go:embed pages/*.md
var pages embed.FS

// Names are the codes, in alphabetical order.
func Names() (names []string) {
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}

// Find is the code of a name; ok is false for a word that is none.
func Find(name string) (c Code, ok bool) {
	i, ok := slices.BinarySearchFunc(all, name, func(c Code, name string) int { return strings.Compare(c.Name, name) })
	if !ok {
		return Code{}, false
	}
	return all[i], true
}

// Page is what `fencepost help CODE` prints of the code. REQUIRES: Find returned it.
func (c Code) Page() string {
	text, err := pages.ReadFile("pages/" + c.Name + ".md")
	if err != nil {
		panic("a code without a page: " + err.Error()) // law: each code has its page
	}
	return string(text)
}

// Exit is the status of a command that ends by an error: the error's own, else its code's, and 1 where neither says one.
func Exit(f *fencepost.UserError) int {
	if f.Exit != 0 {
		return f.Exit
	}
	c, _ := Find(f.Code)
	return max(c.Exit, 1)
}

// Usage makes the error of a command or an operand that cannot be understood.
func Usage(help, format string, args ...any) error {
	return &fencepost.UserError{Code: "usage", Err: fmt.Errorf(format, args...), Help: help}
}
