// Package health says how a running worker is, to programs: to probes and scripts over HTTP, and to the service manager.
//
//	engine.Engine --events--------------> Worker: starting, running, stopping; what a start waits for
//	              <--Status, Partitions,--'  |
//	                 Stuck                   |--Pages----> /live /ready /status   who may ask: package listen
//	                                         |--Probes---> /live /ready           whoever reaches it: codes, and no data
//	                                         '--Notify---> READY=1 STOPPING=1 WATCHDOG=1 STATUS=...
//
// # Laws
//
//   - Live is whether the loops turn, and nothing else: what a restart does not mend (brokers or a store that are away, a parked partition)
//     never makes a worker not live.
//   - Ready is whether the worker does its part: it is a member of its group, and none of the partitions that it holds stands still. A member
//     without a partition is ready.
//   - Of several pipelines in one process each is named; one that ended with an error makes the process not ready, and never not live.
//   - Codes and words are those of offsets show, and the numbers are the engine's own.
//   - Pages have names and numbers: their server lets this machine ask, or by TLS who has a token (package listen). Probes have none.
//
// # How it fails
//
// A question cannot fail: it asks no server. A Server that cannot accept any more says so when it is closed. A service manager that does not
// take messages is said once, and told on.
//
// # What it does not do
//
// It opens no address and knows no flag: the command does. It has no metrics and no pages for people. It restarts nothing.
package health
