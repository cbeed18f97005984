// Command file-sink is a connector in one file, and a program that uses it: each record of a topic becomes a line of
// JSON in an append-only file, and counts exactly once. docs/connectors.md goes through it.
//
//	DIR/rows.jsonl      a line a row; only the bytes up to the last commit's count
//	DIR/commits.jsonl   a line a commit: how long rows.jsonl is with it, and the moves of the positions
//
// # Laws
//
//   - A commit is one line of commits.jsonl, written behind its rows and flushed to the disk: rows and moves are there
//     together or not at all. What a killed writer left behind the last whole line is cut off by the next one.
//   - Writers take turns by a lock on commits.jsonl, and read what others have appended before they compare.
//   - A value that JSON cannot hold (text that is not UTF-8) is refused, and never replaced.
//
// # What it does not do
//
// It rolls no file over, and reads commits.jsonl from its beginning once for each process. A writer that is stopped inside
// of a commit keeps the others waiting until it is killed.
package main
