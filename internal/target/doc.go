// Package target resolves what an operator's verb works on: a pipeline file, or the URL of a ledger or of another
// program's offsets. It opens what the verb needs of it, and closes it again.
//
//	flights.yaml                                               a pipeline file: its ledger, brokers and sink
//	postgres://USER:PASSWORD@HOST:5432/DATABASE?group=G        a ledger, as mysql://, sqlite:PATH, redis://, zk://
//	redis://:${PW}@HOST:6379/0?layout=pattern-a&key=KEY        a layout: docs/layouts.md names them
//	kafka://HOST:9092?group=G                                  what a Kafka group has committed; without group= its cluster (Groups, Logs)
//
//	operand --Open--> Target: group, ledger or layout, history --Use--> its brokers, asked whether they answer --> the verb
//
// A URL is one line of the table schemes: how its ledger is opened, which layouts it has, which parameters they take. A new
// technology is a file here with its line.
//
// # Laws
//
//   - ${NAME} stands for a variable of the environment, so that no password is in a list of processes. In the part before
//     the @ its value is taken as it is, whatever characters it has; elsewhere it is a part of the URL's text.
//   - What is printed of a URL is Target.String, which holds no secret; errors quote no part of a URL that may hold one.
//   - A parameter that a scheme does not take is refused, with the nearest that it takes. (Databases take those of their
//     drivers too.)
//   - Opening connects to nothing, and makes nothing. A file whose form may say what its numbers mean is read.
//   - What was opened is closed, also where the next step fails, and also after the caller's context has ended.
//
// # How it fails
//
// *fencepost.UserError usage (exit 2) for an operand or a flag that cannot be understood, env-not-set, dsn-invalid, and
// ledger-removed for a URL that names a ledger as earlier versions kept it in Kafka. An error of the verb itself comes back
// with what was typed in its remedy.
//
// # What it does not do
//
// It does not know what a layout's numbers mean: the user says that. It reads no flags and prints nothing: the commands do.
package target
