package fencepost

// UserError is an error with a code, as a person meets it: every error that a command prints is one, or is wrapped by one.
// Connectors make them where the driver's own error is known. Since a program that embeds the engine has no
// pipeline file and no verbs, no connector names them: a command makes the remedy of Code and Facts.
type UserError struct {
	Code string // kebab-case, stable: topic-not-found. `fencepost help CODE` explains it
	Err  error  // what happened, and why
	Help string // the remedy in the store's own words: a server to start, a grant; empty: it follows from Code and Facts
	// Facts are what the remedy has to name besides the code, by names of their own: topic, field. nil: nothing.
	Facts map[string]string
	Exit  int // 1 error, 2 usage, 3 findings, 4 refused for safety; 0: as the code's page says
	// Passing says that waiting may mend it (a server that is down, a full disk): a running engine tries again,
	// a starting one ends. Without it the engine ends.
	Passing bool
	// Soon, with Passing: the server says itself that it will serve in a moment (it starts). A starting engine waits too.
	Soon bool
	// Mendable says that it may be mended under a running engine (a table that is renamed and comes back, a right):
	// that one waits and reports it. A start, and every other caller, ends.
	Mendable bool
}

// Error is what happened, without code and remedy.
func (e *UserError) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *UserError) Unwrap() error { return e.Err }
