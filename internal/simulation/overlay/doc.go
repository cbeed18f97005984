// Package overlay has the stock Go toolchain build a program whose runs are repeatable by a seed.
//
// A Go program takes its course from more than its inputs: the runtime draws random numbers for select, for maps, for its
// scheduler and for math/rand, and wall-clock time moves goroutines. Two runs of one simulation differ by that alone. The
// go command replaces source files by an overlay (go help build, -overlay), the runtime's too, so that no changed GOROOT is
// needed:
//
//	runtime/rand.go         the random state comes from GORANDSEED, and can be set anew inside the program
//	runtime/proc.go         the scheduler is random by that state; no thread and no clock preempts goroutines
//	runtime/runtime2.go     in a bubble of testing/synctest, time goes on while a goroutine waits for a mutex: the Kafka client holds
//	                        some of its own while it waits for an answer
//	internal/sync/mutex.go  a mutex does not look at the clock to decide who is starved
//
// The simulated brokers, kfake, are built from a copy with edits of its own, since the go command lets no overlay replace a file of the module
// cache: see [Brokers].
//
// What is left is up to the run: one process a seed, GOMAXPROCS=1, GOGC=off, and crypto/rand replaced by
// testing/cryptotest.
//
// # How it fails
//
// Loudly. Each edit names the text that it replaces, which must be in the file exactly once. A Go release that moves it
// ends in an error that names file and text, and not in a program that is quietly not repeatable. The same holds for a new version of kfake.
package overlay
