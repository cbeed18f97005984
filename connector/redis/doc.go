// Package redis is Redis as sink and ledger: a batch's effects and its moves are one Lua script.
//
// # Why one script
//
// The pattern that this connector replaces kept `from|until` of each partition in a hash and set it blindly, behind the
// results: a crash between the two repeated a batch, and two workers overwrote each other. A script runs alone and whole,
// so compare, effects and advance are one step whose middle no client sees.
//
//	EVALSHA ---> compare every position       (another holds it: refused, nothing happened)
//	             check types, rights, numbers (rejected, nothing happened)
//	             ---- nothing is written above this line, and nothing fails below it ----
//	             write the effects
//	             write positions, moves, head
//
// A script has no rollback: what fails behind its first write would be left half done. So everything that can fail is tried
// above the line. Redis itself tries its memory, its disk and its role at the first write.
//
// # Keys
//
//	fencepost:ledger                   hash   version, id: the identity that all groups of this pattern share
//	fencepost:{flight-delays}          hash   topic|partition -> from|until|fence|epoch|topic ID|...
//	fencepost:{flight-delays}:head     hash   version, id, group, cluster, roster:TOPIC
//	fencepost:{flight-delays}:moves    list   recorded moves, oldest first
//	fencepost:{flight-delays}:reports  hash   what workers know, by subject: ledger.Reports
//
// The value begins as the old pattern's does, so a reader that splits at | and takes two fields reads ours; a value of
// two fields is another program's write, which has no fence and is refused. With merged commits a position's value
// carries its open run behind its own fields. Nothing here expires.
//
// # Laws
//
//   - Offsets and fences are compared as strings: a Lua number is a double, to which 2^53+1 is 2^53.
//   - The keys of a group have one hash tag. On a cluster, put {group} into the keys of the effects too.
//   - A server whose maxmemory-policy may drop keys without expiry is refused, at every new connection and every Read.
//   - Nothing is sent twice by the client. NOSCRIPT says that nothing ran, so the text follows it.
//   - What a lane remembers of its last commits saves time and decides nothing: the script compares all the same.
//   - A batch is one script of at most Config.MaxCommands changes, since a script keeps all others waiting.
//
// # Effects alone
//
// Where the ledger is elsewhere, a Lane's Apply runs the same script without one: a batch's effects together, or none, and
// no key of a ledger is touched. A lost answer leaves them once more: at least once.
//
// # Other programs' offsets
//
// OpenLayout reads eight forms in which other programs keep offsets here, each by SCAN and HSCAN, step by step: entries
// are of one moment each, not all of one. Composite keys are read from the right. What is not of the form is refused with
// its key and field (layout-damaged). offset:A:B is group-topic or topic-group, which the key does not show: it is read as named.
// Pattern A's hash can be kept up to date for its readers too (foreign.LiveLayout), under a key that is no ledger's.
//
// # Speed
//
// The time of a commit is the server's. Its Lua hashes every byte of every text, and makes a value of every argument: so
// the arguments are one MessagePack array, and what need not be a text is none. BenchmarkLedger and BenchmarkSink take turns
// with the barest script and pipeline that do the same writes.
//
// # The promise
//
// Exactly once while Redis keeps what it acknowledged: appendonly yes, appendfsync always, and no failover to a replica
// that lags. Where it loses its tail, it loses effects and positions together, and the engine replays from the older
// position. FLUSHALL is an empty ledger of a new identity.
//
// # How it fails
//
// An error reply is "nothing happened". A connection that ends while the answer is out is ledger.ErrUnknown, resolved by
// the next compare. Full memory, loading, a replica, a sick disk are passing errors. A script that failed behind its first
// write, which should not be possible, is the error redis-torn: it is never tried again.
//
// # What it does not do
//
// It follows no Sentinel and no cluster redirection: name the primary, or the node that has the slot. Of a cluster, a layout
// with many keys sees one node. It needs Redis 7.0,
// where a script can ask what the user may do. It trims no stream. Effects of one batch run in the order of the mapping,
// not of the rows, and a batch that both sets and adds to one field is refused.
package redis
