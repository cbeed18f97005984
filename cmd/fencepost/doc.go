// Command fencepost takes records out of Kafka and makes each one count exactly once.
//
//	main.go     the program; app.go: what all verbs share; manual.go: the form of every help screen
//	VERB.go     one file a verb: its manual, its flags, what it does
//
// # Laws
//
//   - stdout is what was asked for (a plan, SQL, a schema, json); everything else is stderr. With -o json stdout is exactly
//     one object, for errors too.
//   - Exit: 0 ok, 1 error, 2 usage (the file included), 3 findings, 4 refused for safety and nothing changed.
//   - One printer for all errors (app.fail): error[code]: what happened: why, then help:, which internal/codes makes of the code.
//   - A verb that does not exist is named nowhere: not in a help screen, not in a remedy.
//   - Nothing asks a question.
//
// testdata/script holds what each verb does, to read as a manual.
package main
