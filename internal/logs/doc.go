// Package logs writes a run's events as log lines: key=value or JSON, through log/slog.
//
//	engine --Event--> Log --slog--> time=... level=ERROR msg="partition parked" topic=trips partition=3 code=truncated
//
// # Laws
//
//   - msg is a constant, the event's name; what varies are typed attributes. Numbers are bare integers.
//   - ERROR means that action is needed: a parked partition, an end with an error. WARN goes on by itself. INFO is what
//     happens rarely. DEBUG is each commit and each request.
//   - Times are RFC 3339: local with offset in text, UTC in JSON.
//
// # What it does not do
//
// It draws no bar and redraws nothing: package console does that for people on a terminal.
package logs
