// Package keys reads a YAML file by a table of keys. It knows no key itself: the pipeline and its technologies bring the rows, and read,
// check and print the file by these rows.
//
//	text --tree.go--> nodes --read.go--> Reader: values and places (values.go), findings
//	                             ^
//	                          Table: rows of path, form, default, comment
//
// A [Row] says what the reader accepts at a path, its default, the comment behind it in init's file and its description in the JSON
// Schema. A form that one key has alone (topics, commands) comes as an [Own] with the row.
//
// # Laws
//
//  1. The reader accepts the keys of its table and nothing else, and takes its defaults from there.
//  2. It collects all findings, each with its place; [Reader.Invalid] sorts them in the order of the file.
//  3. A [Secret] is never printed, and the excerpt of a finding replaces a secret that is in the file by ***.
//  4. Nothing here connects. References are looked up through [Environment] alone.
//
// # How it fails
//
// Text that is no YAML is a *[SyntaxError] or a *fencepost.UserError from [Read]; everything else is a finding. No input makes it panic. A
// row whose default does not parse does: that is a mistake in the table, which a test holds.
//
// # What it does not do
//
// It knows no rule between two keys and no technology.
package keys
