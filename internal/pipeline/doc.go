// Package pipeline is the YAML form of a pipeline: it reads a file, says everything that is wrong with it at once,
// derives what the pipeline promises, and puts source, sink, ledger and mirrors together that the file names. It knows no
// technology: those are in internal/pipeline/kinds, and what reads the YAML is internal/pipeline/keys.
//
//	file.yaml --keys/--> values --file.go--> File --rules.go--> findings, or none
//	             ^                             |
//	          keys.go  <--rows of sinks,       +--promise.go--> exactly once, because ...
//	   one table of keys  ledgers, mirrors     +--open.go-----> engine.Config
//	             |        of kinds/            +--check.go----> what brokers and stores say beforehand
//	             +--draft.go-------> the file that init writes
//	             +--jsonschema.go--> the JSON Schema for editors
//
// # Laws
//
//  1. One table of keys (keys.go). The reader accepts its keys and nothing else, takes its defaults from there,
//     and init's file and the JSON Schema are printed from it: a key that is documented is implemented, and the other
//     way round.
//  2. All findings at once, in the order of the file, each with FILE:LINE:COLUMN, the line with a caret, and what to
//     write instead.
//  3. A secret is never printed: not the value of ${NAME}, nor a password that is written in the file itself,
//     which the excerpt of a finding replaces by ***.
//  4. Reading connects to nothing. Two things outside of the file decide: the environment and the files that ${NAME}
//     and ${file:PATH} refer to, through [Environment].
//  5. In the commands of a sink {EXPR} is an expression's value for the record, and all else is literal
//     (kinds/redis_words.go). What can be known of a command before the first record is a finding.
//
// # How it fails
//
// A file that cannot be read, or is no YAML, is a *fencepost.UserError or a *[SyntaxError]: nothing in it could be looked
// at. A file that says something wrong is an *[Invalid], with every finding. No input makes the reader panic: a fuzz
// test holds it to that, and the YAML library's own panics end in a SyntaxError.
//
// # What it does not do
//
// It runs nothing: the engine does, with the Config that [Opened.Config] makes. It prints nothing: the commands do.
package pipeline
