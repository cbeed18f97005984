// Package arch holds no code: its tests keep the shape of the module.
//
// # Arrows
//
// Arrows point inward. The table in arrows_test.go says for each package what it may import of the module, and of the world
// outside the standard library; a package that does not exist yet is a line that waits for it, and a package that no line
// names is a finding.
//
//	cmd/...                              know every package
//	internal/target                      every technology, since a URL may name any
//	internal/pipeline                    the engine, and no technology
//	internal/pipeline/kinds              every technology, and no engine
//	engine                               no technology
//	kafka postgres sqlite memory ...     a package per technology: never each other, never engine
//	internal/sqlstore                    the core of the SQL ones
//	internal/foreign                     what other programs' offsets are
//	sink, source                         what a sink and a source promise
//	ledger                               positions, moves and what a stored one is worth: no goroutine, clock, log or network
//	fencepost                            the words of records and batches: as still as ledger; imports nothing of ours
//
// A line imports only of the lines below it, as far as the table allows.
//
// # Documents
//
// Every package has a doc.go whose package comment says what, why and what not, and every exported name has a comment.
//
// # How it fails
//
// A failing test names file and line, the code there, and the rule. The rules are themselves tested: a module with
// one violation of each rule is written to a temporary folder, and each must be found.
//
// # What it does not do
//
// It reads the source by its syntax only, and follows no type: a clock that comes in through a variable is not seen.
package arch
