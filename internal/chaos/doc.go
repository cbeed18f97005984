// Package chaos decides what is done to a running pipeline, and says whether its promise held. It does nothing to anybody itself.
//
//	faults := chaos.Schedule(seed, time.Minute, terrain)      the same for the same arguments
//	for _, step := range chaos.Steps(faults) { ... }          a driver does each, and keeps the History
//	watch.See(at, snapshot)                                   while it runs: positions go forward
//	chaos.Check(facts)                                        at the end: every invariant
//
//	seed --Schedule--> faults --driver--> real servers, processes of the built program, wires
//	                                           |
//	                    log, rows, moves, positions: Facts --Check--> violations, each of one invariant
//
// # Why
//
// Scenarios test one fault at one place. What breaks a promise in production is the second fault during the repair of the first, at a
// place that nobody thought of. So faults are dealt by a seed, and the whole of what the brokers and the store hold is compared
// afterwards, by one definition of right: the rows of a partition are the records of its committed ranges, in the order of the commits.
//
// # Invariants
//
//	I1  no loss: every record of the log is in a committed range, or passed by a move that was ordered; every committed record has its rows
//	I2  no double: a record has one row for each commit that covers it, and no more
//	I3  the chain of moves has no hole and no overlap, and ends at the position
//	I4  the rows of a partition are in the order of its commits, and in the order of the log within each
//	I5  no row is of a record that no commit covers
//	I6  no commit carries a fence that a move has replaced, or begins in front of where another worker has come to
//	I7  a position goes back, or changes its fence, by a recorded move only
//	I8  everything is applied within a limit after the last fault
//	I9  a row is what its record says, each time that it was applied
//	I10 no position jumps but by a move that was ordered
//
// # How it fails
//
// A [Violation] names its invariant and where it was seen. Schedules and checks cannot fail otherwise; a fault that a driver cannot
// do is the driver's to report.
//
// # What it does not do
//
// It needs every commit in the history (keep_commits: all), and a store that tells in which order rows came. Stores that forget,
// restored backups, retention, deleted and recreated topics are not among its faults: what must happen then is a decision, and the
// scenarios' to test.
package chaos
