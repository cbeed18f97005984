//go:build !simulated

package simulation

// repeatable: this program was built without the overlay, and a seed decides the faults alone.
const repeatable = false

func reseed(uint64) {}
