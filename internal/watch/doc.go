// Package watch is one reader a pipeline, however many look, and the words in which the dashboard and the terminal say what it learned.
//
//	admin.Look --> view.Positions --> Moment (what is known of a pipeline at one time)
//	    ^                               |--> pages of internal/dash
//	    '--- Watcher: one a pipeline    '--> screens of internal/top
//
// # Laws
//
//   - A Moment is never changed: who shows it needs no lock.
//   - What is not known is the word unknown. What is old says since when.
//   - A watcher looks each second while somebody does, at most a tenth of its time, and each 10 s while nobody does.
//
// # How it fails
//
// Brokers that do not answer: positions are the ledger's, and what only brokers know is unknown. A ledger that does not answer: the last
// moment stays, with who is silent and since when.
//
// # What it does not do
//
// It opens no connector, and prints nothing.
package watch
