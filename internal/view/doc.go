// Package view is what the verbs answer, as structs: json, yaml, csv and the tables of the terminal are made of the same
// ones, and a dashboard's pages can be.
//
//	admin.View, admin.Plan, admin.Audit, pipeline.Report ... --> an answer of this package
//	                                                               |-- json tags --> -o json, -o yaml
//	                                                               |-- CSV ---------> -o csv: a line for each of Rows
//	                                                               |-- Table -------> the table on a terminal
//	                                                               '-- Exit --------> the exit code
//
// # Laws
//
//   - The json of an answer is a contract: within format 1 names only grow, and their order stays.
//   - What is not known is null in json, empty in csv, and "-" or "unknown" in a table; it is never 0 and never left out.
//   - Times are UTC in json and csv, and local in a table, whose heading says the offset.
//   - A field that only people read has the tag json:"-". What programs and people both read is there once.
//
// # How it fails
//
// Making an answer cannot fail. CSV returns the errors of its writer.
//
// # What it does not do
//
// It asks no server, knows no flags, and prints no remedy: the commands do, since only they know what was typed.
package view
