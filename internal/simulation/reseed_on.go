//go:build simulated

package simulation

import _ "unsafe" // for go:linkname

// repeatable: this program was built with the overlay, and its runs are the same for the same seed.
const repeatable = true

// reseed sets the runtime's random state. It is added to the runtime by the overlay.
//
//go:linkname reseed
func reseed(seed uint64)
