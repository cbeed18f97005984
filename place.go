package fencepost

import (
	"fmt"
	"strconv"
	"strings"
)

// Place is which server holds a ledger. A replica has its primary's ledger, identity and all, and is the ledger once it
// was promoted; where a store can say so, its Place tells the two apart. The zero Place is not known.
type Place struct {
	// System is the store with all its replicas: Postgres' system identifier. It holds neither space nor slash.
	System string
	// Timeline is one history of the system. A promotion, and a recovery to a point in time, begin another one, which is larger.
	Timeline uint64
}

// Before reports whether the system went on at q after it was promoted there: p is the old primary, or a backup of it.
func (p Place) Before(q Place) bool {
	return p.System != "" && p.System == q.System && p.Timeline < q.Timeline
}

// String is the form that ParsePlace reads: 7572312875143250001/2; empty: not known.
func (p Place) String() string {
	if p == (Place{}) {
		return ""
	}
	return fmt.Sprintf("%s/%d", p.System, p.Timeline)
}

// ParsePlace reads the form of Place.String. Another text is no place that this program knows: zero.
func ParsePlace(s string) Place {
	system, timeline, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(timeline, 10, 64)
	if err != nil || system == "" || strings.ContainsFunc(system, func(r rune) bool { return r <= ' ' }) {
		return Place{}
	}
	return Place{System: system, Timeline: n}
}
