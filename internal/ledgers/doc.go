// Package ledgers opens what an operator names by a URL: a ledger of ours, or offsets in the form of another program.
//
//	postgres://USER:PASSWORD@HOST:5432/DATABASE?group=G       a ledger, as mysql://, sqlite:PATH, redis://, zk://
//	redis://:${PW}@HOST:6379/0?layout=pattern-a&key=KEY        a layout: docs/layouts.md names them
//	kafka://HOST:9092?group=G                                  what a Kafka group has committed
//
// A URL is one line of the table schemes: how it is opened natively, which layouts it has, which parameters they take.
// A new room is a file here with its line.
//
// # Laws
//
//   - ${NAME} stands for a variable of the environment, so that no password is in a list of processes. In the part before
//     the @ its value is taken as it is, whatever characters it has; elsewhere it is a part of the URL's text.
//   - What is printed of a URL is Opened.String, which holds no secret; errors quote no part of a URL that may hold one.
//   - A parameter that a scheme does not take is refused, with the nearest that it takes. (Databases take those of their
//     drivers too.)
//   - Opening connects to nothing, and makes nothing.
//
// # How it fails
//
// *fencepost.Fault usage (exit 2) for a URL that can not be understood, env-not-set, dsn-invalid, and ledger-removed for
// one that names a ledger as earlier versions kept it in Kafka.
//
// # What it does not do
//
// It does not know what a layout's numbers mean: the user says that.
package ledgers
