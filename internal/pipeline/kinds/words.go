package kinds

import (
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// hasColumn reports whether a batch has a column of that name.
func (p Pipeline) hasColumn(name string) bool {
	return slices.Contains(p.Schema, name) || slices.ContainsFunc(fencepost.MetaColumns(), func(c fencepost.ColumnSpec) bool { return c.Name == name })
}

// withPorts is addresses with their ports, of which each may be left out.
func withPorts(addrs []string, usual string) []string {
	all := make([]string, len(addrs))
	for i, a := range addrs {
		all[i], _ = keys.WithPort(a, usual)
	}
	return all
}

// noTables is the DDL of a ledger whose store needs none.
func noTables(l Ledger) string {
	return "-- The ledger is in " + l.Where() + ", which needs no tables.\n"
}

// login is user and password in a URL, the password as ***.
func login(user string, password keys.Secret) string {
	switch {
	case !password.Empty():
		return user + ":***@"
	case user != "":
		return user + "@"
	}
	return ""
}

// heldNow says how many offsets of others are where a mirror will write.
func heldNow(there foreign.Offsets) string {
	return text.Plural(len(there.Entries), "offset") + " there now"
}
