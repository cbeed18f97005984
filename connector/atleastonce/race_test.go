//go:build race

package atleastonce_test

import "runtime"

// The tests of this package run in bubbles of virtual time, with several workers each. Under the race detector Go 1.26.8's
// runtime may end such a process by SIGSEGV, inside the detector, where two processors fire timers of one bubble at once.
// With one processor nothing is fired at once; what the detector looks for is an order of events, and it finds a lack of
// that there too.
func init() { runtime.GOMAXPROCS(1) }
