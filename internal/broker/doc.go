// Package broker is a Kafka-compatible broker inside our process, on disk: what `fencepost broker` and quickstart run, so
// that a proof with kills needs no server. The protocol is kfake's (franz-go's own test broker); this package gives it
// a folder of its own, one address on this machine, an identity, and errors that say what to do.
//
// # Laws
//
//  1. It listens on one address of 127.0.0.0/8 and connects to nothing.
//  2. One folder, one broker: a second Start on it is refused, by an advisory lock that ends with its process, however
//     that dies. A folder with other content is refused too, untouched.
//  3. What was acknowledged is on disk as far as the operating system: it survives kill -9, at the offset that was
//     acknowledged (TestKillKeepsWhatWasAcknowledged). Power loss only with Config.Sync.
//  4. Each new folder gets a cluster ID of its own, which stays: a ledger can tell two embedded brokers apart.
//
// # The folder
//
//	DIR/
//	  fencepost.lock            locked while a broker runs; holds its pid, for people
//	  meta.json                 format version and cluster ID
//	  topics.json  broker_configs.json  acls.json  sasl.json  quotas.json      replaced whole, fsynced
//	  groups.log  pids.log      committed offsets and transactional producers, appended, each entry with a CRC
//	  seq_windows.json          producers' sequence numbers; written by Close, taken away by Start
//	  session_state.json        group members; written by Close, taken away by Start
//	  partitions/TOPIC-P/
//	    BASE.dat                record batches as on the wire, CRC in each; rolled at 100 MiB
//	    BASE.idx                15 bytes a batch: leader epoch, timestamp, in a transaction or not
//	    snapshot.json           bounds and aborted transactions; written by Close, ignored when the sizes differ
//
// # How it fails
//
// Start returns a *UserError: Code and Help are for the screen. A disk that fills up later is reported once by Broker.Faults, and the
// producers get UNKNOWN_SERVER_ERROR: those records were not stored. End the broker then: a producer that sends such a batch
// again is answered as for a duplicate (TestFullDiskThenASecondTryIsAcknowledgedWithoutBeingStored).
//
// After kill -9 a torn last batch, which was never acknowledged, is cut off. Besides:
//   - group members are forgotten (after Close they are not) and join anew; committed offsets stay
//   - a producer's sequence numbers are forgotten: a batch that was stored but not acknowledged is stored twice when its
//     producer tries again, idempotent or not, and may come behind later ones; Apache Kafka rebuilds them from the log
//     (TestKillForgetsSequenceNumbers)
//   - records that DeleteRecords took away may be back, for the log's start is in the snapshot only (TestKillForgetsDeletedRecords)
//   - an open transaction is aborted
//
// Without Config.Sync nothing is fsynced but the json files, each rolled segment, and everything at Close: as with
// Apache Kafka's defaults, but without replicas. With it each batch is, yet kfake does not look at the error of an fsync,
// and new directory entries are not fsynced.
//
// # What it does not do
//
// Replication, leader moves, unclean election, quotas, TLS; group.initial.rebalance.delay.ms does not exist in it (a
// group's first assignment comes at once). Retention is Kafka's default: 7 days. It is for proofs and development.
package broker
