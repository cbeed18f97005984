package view

// Answer is what a verb answers.
type Answer interface {
	// Rows are the lines of csv: a slice of structs, or nil for an answer that is no table.
	Rows() any
	// Exit is the exit code that follows from the answer: 0, or 3 for findings.
	Exit() int
}

// Head begins every answer.
type Head struct {
	Format  int    `json:"format"` // 1: within it names only grow
	Command string `json:"command"`
}

func head(command string) Head { return Head{Format: 1, Command: command} }

// fine is the exit code of an answer that finds nothing wrong.
type fine struct{}

// Exit is 0.
func (fine) Exit() int { return 0 }

// found is the exit code where something was found.
func found(any bool) int {
	if any {
		return 3
	}
	return 0
}

// Failure is the answer of a verb that failed.
type Failure struct {
	Head
	Error FailureError `json:"error"`
}

// FailureError is a fencepost.UserError for programs.
type FailureError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Help    string `json:"help"`
	Exit    int    `json:"exit"`
}

// NewFailure makes a Failure.
func NewFailure(command string, e FailureError) Failure { return Failure{head(command), e} }

// Version is the answer of version.
type Version struct {
	Head
	Version  string `json:"version"`
	Revision Word   `json:"revision"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// NewVersion is a Version without its fields.
func NewVersion() Version { return Version{Head: head("version")} }

// DDL is the answer of ddl.
type DDL struct {
	Head
	SQL string `json:"sql"`
}

// NewDDL makes a DDL.
func NewDDL(sql string) DDL { return DDL{head("ddl"), sql} }
