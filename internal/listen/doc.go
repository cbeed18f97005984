// Package listen opens TCP addresses for the servers of this program, and says why one cannot be opened.
//
//	HOST:PORT --Address--> checked, with the names of this machine as addresses
//	          --Open-----> a net.Listener, or ErrInUse, or the system's own error
//
// # Why
//
// The embedded broker and the pages of a run have the same rule: without users and encryption they are for this machine alone. The
// systems name a port that is taken in different ways.
//
// # How it fails
//
// Address returns ErrNotLoopback, or what is wrong with the form. Open returns ErrInUse, wrapped, for a port that another program
// has. What a person is told, and which flag to mend, is the caller's.
//
// # What it does not do
//
// It serves nothing, and knows no flags.
package listen
