// Package top is the terminal's screens about pipelines: what the dashboard shows, by keys, over any line that carries text.
//
//	watch.Watcher (one a pipeline) --> Model --> lines --> bubbletea --> the terminal
//	        ^                           | ^
//	   admin.Look                 keys -' '- took: what a question brought, taken in by the model's goroutine
//
// # Laws
//
//   - A screen prints what internal/view says, and derives no verdict, lag or loss of its own.
//   - Every text goes through a line, which writes no control character of it. Nothing else writes to the terminal.
//   - Colour repeats words only. A number is never cut: a table that does not fit loses whole columns, and says which.
//   - The row under the cursor is held by its name: an update never puts another one there.
//   - Nothing changes anything but a plan that is executed, and that takes three keys. Without Config.AllowChanges no plan can be.
//   - Rows that are not seen are not drawn.
//
// # How it fails
//
// Brokers or a ledger that do not answer are said as the dashboard says them. A question that fails leaves its error on the screen. The
// terminal is put back as it was at the end, by ctrl-z and by a signal; SIGKILL leaves it as it is.
//
// # What it does not do
//
// It opens no connector. It keeps no history.
package top
