// Package webhook tells a URL what a person has to know of a run: a partition that parked, records that were passed unapplied, dead letters, a
// worker that is gone, a lag above a limit.
//
//	engine.Engine --Event--> Hook: is it of those that are asked for? --> gathered --one POST at a time, signed--> URL
//
// # Laws
//
//   - The engine never waits, and nothing of what is applied hangs on an answer.
//   - What happens while a POST is under way, or is tried again, goes with the next one, in order; above 1,000 events the rest is counted.
//   - A POST is tried until it is answered by 2xx, at growing intervals, for an hour. Each try of it has the same webhook-id, so that a receiver
//     can tell a repeat, and a time and signature of its own (Standard Webhooks, https://www.standardwebhooks.com).
//   - A redirect is no answer. Without TLS nothing is sent beyond this machine (the pipeline file's rules).
//
// # How it fails
//
// The first of failures that follow each other is reported, without the URL: it may hold a secret. A receiver that answers 410 is told
// nothing more. What is not sent when the run ends is lost after 5 s: the ledger's history, and the letters, have it still.
package webhook
