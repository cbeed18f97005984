// Package events writes what a run reports as JSON lines, for programs.
//
//	engine.Engine --Event--> Stream.Of(group, worker) --bounded queue--> one line each --> a file, or stdout
//
// # Laws
//
//   - The engine never waits: an event that finds the queue full is left out, and the next line that is written says how many were.
//   - Lines of one worker come in the order in which it reported them; a line is written whole.
//   - Within one format names only grow (docs/reference/events.md).
//
// # How it fails
//
// A file that cannot be written (a full disk, a reader that went away) ends the stream, is reported once, and concerns nothing else of the run.
// A line may have been written in part then.
//
// # What it does not do
//
// It rotates no files: what moves one away has to copy and cut it. It keeps nothing of a run that was killed and had not written it yet:
// the ledger's history has what counts.
package events
