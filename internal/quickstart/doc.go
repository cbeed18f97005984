// Package quickstart shows exactly once by an experiment: real worker processes, killed with SIGKILL while they work, and
// what they leave compared with a truth that was known before. It needs no server.
//
//	broker (kfake, on disk, in this process)      200,000 flights, 4 partitions, keyed by origin
//	   |  |  |
//	   v  v  v          kill -9, at seeded places
//	  w1  w2  w3  <---------------------------------- crew ---- evict, start again
//	   |  |  |                                          ^
//	   v  v  v                                          | their logs: member, partitions, commits
//	quickstart.db  rows with provenance, sums, ledger   +--------------------------------------
//	                        |
//	                        v
//	                      proof  beside  control.db: the same engine, seed and kills; offsets in a commit of their own
//
// plan.go draws the kills from the seed. crew.go is the director: it starts the workers (worker.go), reads their logs, and
// kills. control.go is the control's sink. proof.go and chain.go compare; screen.go prints; folder.go and file.go keep what
// is left for the user: quickstart.db, control.db, pipeline.yaml, the broker's folder.
//
// # What is proven
//
//  1. Each record has exactly one row: no (_topic, _partition, _offset) twice, none missing, none foreign.
//  2. Rows, sum(delay), sum(distance), and the same for each origin, are the truth, which is computed from the flights.
//  3. The table delays, which SQL kept up in the same commits, says the same.
//  4. The ledger's history is a chain: in each partition every From is the Until before it, from 0 to the end, under one
//     fence, and the positions are where it leads.
//  5. At least 5 kills hit a worker at work, in the run and in its control: it had committed within the last second, by its
//     own log, which is read to its end; it had more to do; and it died of SIGKILL.
//  6. The control, killed as often by the same plan, counted wrong: it doubled rows. Otherwise the kills show nothing.
//
// All six, or the run says NOT PROVEN.
//
// # The control is made to be hit
//
// Where a job commits rows first and offsets later, a kill doubles rows only if it falls between the two. In nature that
// window is a few milliseconds long, and is hit once in months. Here the pace's wait is inside of it, and is at least
// three times as long as the rows took, so that most kills fall into it; see Control. In the run the same wait is
// behind the one commit. There a kill may fall anywhere too, inside of the transaction as well, and it makes no difference.
//
// # The same seed
//
// The same seed gives the same places and the same victims, as far as the machine allows: a kill waits until its victim
// is at work, and passes to the next worker if it has nothing left to do, or is not back for half a second. Which records a
// victim was just working at is the scheduler's to say.
//
// # Ends
//
// Ctrl-C, an error of the broker (a full disk), a worker that ends with an error, or 30 seconds without a commit end the
// run: workers are asked to end, then killed, by pid, and all are waited for; the broker closes. On Linux the kernel kills
// the workers if this process itself is killed; elsewhere they reach their end alone, or are left to the user.
//
// A folder that it did not make is refused; in its own it removes what it knows by name, and nothing else.
//
// # What it does not do
//
// It measures no speed: rate: slows it down on purpose. It does not cut the power: kfake is not asked to fsync, and a kill of
// the broker is package broker's subject. It shows one store, SQLite; the others are held to the same laws by package sinktest.
package quickstart
