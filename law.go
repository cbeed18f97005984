package fencepost

import "fmt"

// broken stops the program because a law does not hold. It is the only panic of this package: what it guards is the
// count itself, and going on would lose or double records silently.
func broken(law, format string, args ...any) {
	panic(fmt.Sprintf("fencepost: law broken (%s): %s", law, fmt.Sprintf(format, args...)))
}
