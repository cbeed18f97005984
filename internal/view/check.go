package view

import (
	"github.com/fencepost/fencepost/internal/pipeline"
)

// Check is the answer of check, and of any verb that is given a file which says something wrong.
type Check struct {
	Head
	File     string         `json:"file"`
	Group    *string        `json:"group"` // nil: the file could not be read so far
	Findings []CheckFinding `json:"findings"`
	Unasked  []string       `json:"unasked"` // subjects without findings
	Promise  *Promise       `json:"promise"` // nil: something is wrong
	Code     int            `json:"exit"`
}

// CheckFinding is one line of a check.
type CheckFinding struct {
	Subject string `json:"subject"`
	OK      bool   `json:"ok"`
	Text    string `json:"text"`
	Code    Word   `json:"code"`
	Help    Word   `json:"help"`
	At      Word   `json:"at"` // FILE:LINE:COLUMN; null where it is not about a key of the file
	Silent  bool   `json:"silent"`
}

// Promise is what a pipeline promises, and why it may.
type Promise struct {
	Words   string `json:"words"`
	Because string `json:"because"`
}

// NewCheck makes the answer of a check.
func NewCheck(r pipeline.Report) Check {
	group := string(r.File.Group)
	out := Check{Head: head("check"), File: r.File.Name, Group: &group, Findings: []CheckFinding{}, Unasked: list(r.Unasked), Code: r.Exit()}
	whole := true
	for _, f := range r.Findings {
		whole = whole && f.OK
		out.Findings = append(out.Findings, CheckFinding{f.Subject, f.OK, f.Text, Word(f.Code), Word(f.Help), Word(r.At(f)), f.Silent})
	}
	if whole {
		out.Promise = &Promise{r.Promise.Words, r.Promise.Because}
	}
	return out
}

// NewInvalid is the answer of a command about a file that says something wrong.
func NewInvalid(command string, e *pipeline.Invalid) Check {
	out := Check{Head: head(command), File: e.Name, Findings: []CheckFinding{}, Code: 2,
		Unasked: []string{"brokers", "topic", "group", "database", "ledger", "trial"}}
	for _, f := range e.Findings {
		out.Findings = append(out.Findings, CheckFinding{"file", false, f.Text, Word(f.Code), Word(f.Help), Word(e.Where(f)), false})
	}
	if command == "check" && !(len(e.Findings) == 1 && e.Findings[0].Code == "yaml-syntax") {
		out.Code = 3
	}
	return out
}

// Rows is nil: a check is no table.
func (c Check) Rows() any { return nil }

// Exit is its own.
func (c Check) Exit() int { return c.Code }
