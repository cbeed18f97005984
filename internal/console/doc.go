// Package console shows one run to people: a line for each thing that happens, and beneath them one line that is
// redrawn, a bar where the run has an end and a status line where it has none.
//
//	flight-delays  flights (12 partitions) -> postgres flights   exactly once   worker w1@node3
//	start          12 partitions at earliest; ends fixed at 3,000,000 offsets
//	 64%  ###########################...............  1,922,410 of 3,000,000   1,262,000/s   0.9s left
//	done           3,000,000 records, lag 0, 151 commits, 2.4s (1,250,000/s). 0 gaps, 0 parked
//
// # Laws
//
//   - It subscribes to the same events as the logs and keeps no fact of its own.
//   - What happened is a line that stays; what is going on is the last line, which is redrawn. Without a terminal that
//     can redraw (Config.Live) a summary is written instead, every ten seconds.
//   - A number is never cut: a line that is too wide loses its last parts whole.
//   - Quiet prints nothing at all; errors are the command's to print.
//
// # How it fails
//
// It does not: a terminal that is gone takes no error message, and the run goes on.
package console
