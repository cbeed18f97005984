// Package kinds is the technologies of a pipeline file, one file each: their keys, their rules, how their sinks, ledgers and mirrors are
// opened, and every word that people read of them. Beside internal/target, which opens URLs, and the programs it is the only package that
// knows all connectors.
//
//	pipeline --names what the file says--> Kind --Section[Sink]----> keys, Read --> Sink:   Rules Open DDL Store About
//	                                            --Section[Ledger]--> keys, Read --> Ledger: Store Rules Open DDL
//	                                            --Section[Mirror]--> keys, Read --> Mirror: Where Rules Open Describe Unreachable
//
// A technology can be in up to three places of a file, under sink, ledger and mirror. For each it has a [Section]: rows of the table of
// keys, and a function that reads them into a value which knows the rest. The package pipeline goes through these interfaces and asks no
// technology for its name. source.go is the one exception: there is one source, Kafka, and no kind of it.
//
// # How a technology is added
//
// Its file, and its entry in the slice of kinds.go. Nothing else names it: the reader, the JSON Schema, init, check, ddl, the promise and
// the operator's verbs follow. docs/decisions/0014-kinds.md describes it step by step.
//
// # Laws
//
//  1. A value of a Section is complete after Read: Rules adds findings, it changes nothing but what it compiles.
//  2. Open and DDL connect to nothing.
//  3. A value's exported methods and its String show no secret.
//
// # How it fails
//
// What is wrong with the file is a finding by Rules, in the file's words. What a connector refuses comes back from Open as it is; the
// pipeline adds the key.
//
// # What it does not do
//
// It reads no YAML (internal/pipeline/keys does), knows no engine, and opens no URL.
package kinds
