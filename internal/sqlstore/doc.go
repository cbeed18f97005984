// Package sqlstore is what the connectors to SQL databases share. It holds three things: the tables in which other
// programs keep their offsets, what the rows of a table tell of their records ([NamesRecords], [Applied]), and a walk over the
// statements of a user's SQL ([Syntax]).
//
//	TableLayout --Query(Dialect)--> SQL --the connector's own session--> TableRows --Foreign--> foreign.Offsets
//
// A [TableLayout] names a table and its columns, and a [Dialect] says how one database writes names and texts. The
// connector sends [TableLayout.Query] in a transaction that may only read, and hands the rows back as text.
//
// # Why
//
// Which rows count, how a row becomes an offset and what is refused is the same for every database. Only quoting, and what
// makes the equality of two texts that of their bytes, differs.
//
// # How it fails
//
// *fencepost.Fault: layout-incomplete for a layout that leaves something out or contradicts itself; layout-damaged for a
// row that can not be read, with the row; choice-needed where the rows are of several groups.
//
// # What it does not do
//
// It opens no connection and sends nothing. It gives the numbers no meaning: foreign.Entry.Resume does.
package sqlstore
