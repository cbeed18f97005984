// Package codes is the errors that a person can meet: for each code its exit status, the page that `fencepost help CODE`
// prints, and what to do about it.
//
//	engine, ledger, connectors --> a code and facts: *fencepost.UserError, fencepost.Finding, engine.Parked
//	                                  |
//	                               Remedy: a command to paste or a key to mend, with FILE in place of the file's name
//	                                  |
//	                               the commands, which put in what was typed and the lines of the keys
//
// A program that embeds the engine has no pipeline file, no keys and no verbs, so that nothing below the commands may name
// them. What an error knows besides is in its facts: a topic, a partition, the field of the configuration that is wrong.
// What is to be done in the store itself (grants, servers that are down) each connector says: it is the same for everyone.
//
// # Laws
//
//   - One table of codes (codes.go). Each code has a page, whose first line says the same exit status, and each code that
//     the sources name is in the table (TestCodes).
//   - One table of remedies (remedies.go). A remedy that an error brings along comes before it.
//   - Remedies are what a person can do next, not advice: commands and keys that exist.
//
// # How it fails
//
// It does not: an error without a code is unexpected, and one without a remedy has none.
//
// # What it does not do
//
// It knows no file: pipeline.File.Pointed puts the file's name and lines in. It prints nothing.
package codes
