// Package admin is what an operator does with the positions of a group, as functions: look at them, set them, repair
// them, read their history, audit the chain and the sink's rows. Commands and dashboards share it, so it prints nothing.
//
// What it works on comes in as [Resources]; nothing here knows a technology.
//
//	Look    ledger, mirror, brokers --> Reconcile (asking twice) --> View: a Standing per partition
//	        or another program's layout with what its numbers mean: weaker, as it holds no topic IDs
//	PlanSet    View + Destination  --> Plan: each partition's Held and Next, what that repeats or loses
//	PlanRepair View + Choices --> Repair: the choices of each verdict, and the moves of those chosen
//	PlanCopy   View of another ledger or layout, on the same cluster --> Copy: a Plan of imports
//	PlanCopyAcross  the same from another cluster, by time
//	Plan.Execute  compare-and-set of all moves or none --> read back --> Done
//	PlanBackfill  old ranges, by offsets or time --> Backfill: starts of a group of its own, which an engine then runs
//	Audit   history, ledger, brokers, the sink's rows --> findings
//
// # Laws
//
//   - Nothing is changed but by Execute, and Execute makes all of a plan's moves in one compare-and-set, or none.
//   - A relative destination counts from the position that is held at the compare-and-set: where a worker committed in
//     between, the plan is made anew from what the ledger holds then. A plan that was saved is exact instead: a position
//     that moved since makes it stale, and it is refused whole.
//   - Each move brings a fresh fence, so a running worker is refused at its next commit, re-reads and goes on from the
//     new position; nothing has to be stopped.
//   - What is reported after a move was read back.
//   - To look makes no ledger where there is none.
//
// # How it fails
//
// Errors for a person are *fencepost.UserError: out-of-bounds, plan-stale, plan-damaged, nothing-selected,
// choice-needed, set-refused, copy-refused, ledger-missing, meaning-needed, layout-damaged, outcome-unknown, not-verified,
// range-outside, backfill-other. What connectors say passes through.
//
// # What it does not do
//
// It does not know which workers run: no store keeps their signs of life yet. A partition that a worker parked for its
// sink's refusal of a row looks here like one that merely lags.
package admin
