// Command mysql-handler counts flights in MySQL or MariaDB: a handler gets the transaction and the rows of a batch, and
// writes their sums with one statement. Rows and offsets are committed together.
//
// The table is the user's own:
//
//	create table delays (origin char(3) primary key, flights bigint not null, minutes bigint not null)
//
// # What it does not do
//
// It makes no table of its own but the ledger's, and ends no transaction: the sink commits it.
package main
