// Package allowance bounds how many bad records of one partition are passed in a while, so that a wrong schema parks the
// partition instead of draining its topic into dead letters. It is pure: it has no goroutine, no lock and no clock; the engine
// guards a [Spent] with its lane's mutex and gives it the time.
//
//	    |<---------- Per ---------->|
//	x   x  x    xx   x              now      Max 6: five are spent, one is left
//
// # Laws
//
//   - In no window of Per, wherever it begins, are more than Max passed.
//   - A record that is decided again (its batch was void) is counted again: the bound errs on the side of parking.
//
// # What it does not do
//
// It does not outlive the worker: the next one that takes the partition begins with all of it.
package allowance
