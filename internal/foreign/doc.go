// Package foreign is the offsets that other programs keep: what one number is, what it means, and the layouts that hold
// many of them.
//
//	another program's store --Layout--> Offsets: an Entry a partition --Resume(Meaning)--> where reading goes on
//
// A [Layout] is implemented where its store is known: hashes and strings in package redis, nodes in zookeeper, a group's
// commits in kafka, tables in the SQL connectors by internal/sqlstore, files in the folder offsetfile below.
// docs/layouts.md names them all.
//
// # Why
//
// The same bytes are written by one program as the next offset to read, and by another as the last one that it has done.
// A number that is read wrong loses or repeats a record without an error. So an [Entry] keeps what was stored, where it
// was found, and no position: that takes a [Meaning], which the user says.
//
// # Laws
//
//  1. A layout is read strictly: what is not of its form is refused with its key, row, path or line.
//  2. A partition is in [Offsets] once.
//  3. A [LiveLayout] is written for its readers. It holds no Fence and is never read back as truth.
//
// # How it fails
//
// *fencepost.UserError with the code layout-damaged or layout-newer; any other error is no answer. Why there are no offsets is
// asked of an [Explainer], who reads by them of a [Watched].
//
// # What it does not do
//
// It opens nothing and parses no form: each layout does that for itself, and internal/target opens them by URL.
package foreign
