package view

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
)

// Audit is the answer of audit: what was proven, and what was found.
type Audit struct {
	Head
	Group    fencepost.Group `json:"group"`
	Findings []Finding       `json:"findings"`
	Rowsum   *Rowsum         `json:"rows"` // nil: rows were not looked at
	Faults   int             `json:"faults"`
	Proven   bool            `json:"proven"` // no faults, and the rows were looked at
	// Uncovered counts offsets below the positions that no commit covers: at most as many records are not in the sink.
	Uncovered int64 `json:"uncovered"`

	Repeated bool `json:"-"` // positions were rewound: some records are covered by more than one commit
}

// Finding is one thing that was proven, or found.
type Finding struct {
	Subject   string `json:"subject"`
	OK        bool   `json:"ok"`
	Checked   bool   `json:"checked"`
	Kind      Word   `json:"kind"`
	Topic     Word   `json:"topic"` // null: it is about all
	Partition Number `json:"partition"`
	Text      string `json:"text"`
}

// Rowsum sums up rows: expected - missing + doubled + foreign = found.
type Rowsum struct {
	Expected int64 `json:"expected"`
	Missing  int64 `json:"missing"`
	Doubled  int64 `json:"doubled"`
	Foreign  int64 `json:"foreign"`
	Found    int64 `json:"found"`
}

// NewAudit makes the answer.
func NewAudit(a *admin.Audit, group fencepost.Group) Audit {
	out := Audit{Head: head("audit"), Group: group, Faults: a.Faults(), Proven: a.Proven(), Uncovered: a.Uncovered, Repeated: a.Repeated}
	for _, f := range a.Findings {
		one := Finding{f.Subject, f.OK, !f.Unchecked, Word(f.Kind), Word(f.Topic), Number(f.Partition), f.Text}
		if f.Topic == "" {
			one.Partition = -1
		}
		out.Findings = append(out.Findings, one)
	}
	if r := a.Rows; r.Checked {
		out.Rowsum = &Rowsum{r.Expected, r.Missing, r.Doubled, r.Foreign, r.Found}
	}
	return out
}

// Rows are the findings.
func (a Audit) Rows() any { return a.Findings }

// Exit is 3 where something is wrong, or was not looked at.
func (a Audit) Exit() int { return found(!a.Proven) }

// About is the partition that a finding is about, with two blanks behind it; empty: all.
func (f Finding) About() string {
	if f.Topic == "" {
		return ""
	}
	return partition(string(f.Topic), int32(f.Partition)) + "  "
}
