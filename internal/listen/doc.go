// Package listen opens TCP addresses for the servers of this program, and says why one cannot be opened.
//
//	HOST:PORT --Address--> checked, with the names of this machine as addresses
//	          --Open-----> a net.Listener, or ErrInUse, or the system's own error
//	             '--TLS--> the same, encrypted; the certificate is read again once its files change
//	request   --FromHere-> answered, if it names this machine
//	          --Tokens.Asked-> answered, if it has a token of a file; else refused a second later
//
// # Why
//
// The embedded broker and the pages of a run have the same rule: without users and encryption they are for this machine alone. The pages of a run
// may have both. The systems name a port that is taken in different ways.
//
// # Laws
//
//   - No token and no key is in an error, an answer or a log; tokens are compared in a time that says nothing of them.
//   - A file that is renewed holds from the next request on; one that cannot be read, or holds nothing, leaves what was read before.
//   - Who guesses waits, and nobody who has a token waits for him.
//
// # How it fails
//
// Address returns ErrNotLoopback, or what is wrong with the form. Open returns ErrInUse, wrapped, for a port that another program
// has. OpenTokens and TLS return what is wrong with a file, by its name. What a person is told, and which flag to mend, is the caller's.
//
// # What it does not do
//
// It serves nothing, and knows no flags. A token is for all that is asked: there are no users and no rights.
package listen
