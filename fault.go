package fencepost

// Fault is an error with a code and a remedy, as a person meets it: every error that a command prints is one, or is
// wrapped by one. Rooms make them at their edge, where the driver's own error is known.
type Fault struct {
	Code string // kebab-case, stable: topic-not-found. `fencepost help CODE` tells more
	Err  error  // what happened, and why
	Help string // the remedy: a command or a key to paste; may be empty
	Exit int    // 1 error, 2 usage, 3 findings, 4 refused for safety; 0 counts as 1
	// Passing says that waiting may mend it (a server that is down, a full disk): a running engine tries again,
	// a starting one ends. Without it the engine ends.
	Passing bool
}

// Error is what happened, without code and remedy.
func (e *Fault) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *Fault) Unwrap() error { return e.Err }
