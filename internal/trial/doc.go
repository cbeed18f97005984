// Package trial is what the tests of the examples share: an example's run in the test's own process, the embedded
// broker, and flights of which the sums are known.
//
//	r := trial.Run(t, run)                 the example begins
//	r.Until(func() bool { ... })           .. and works until the store shows it; if it ends first, the test fails
//	r.Stop()                               its context ends: it drains, and returns how it ended
//
// # What it does not do
//
// It kills nothing and injects no faults: that the count holds through those is proven elsewhere (engine, sinktest,
// the connectors). Here an example is tested for what it says it does.
package trial
