package view

import (
	"time"

	"github.com/fencepost/fencepost"
)

// Pipelines is what a dashboard answers about all of its pipelines.
type Pipelines struct {
	fine
	Head
	Time      Instant    `json:"time"`
	Pipelines []Pipeline `json:"pipelines"`
}

// Pipeline is one of them, in short.
type Pipeline struct {
	Group      fencepost.Group `json:"group"`
	Topics     string          `json:"topics"`
	Into       string          `json:"into"`
	Promise    string          `json:"promise"`
	Time       Instant         `json:"time"`   // of what is said of it; null: nothing is known yet
	Totals     Totals          `json:"totals"` // all 0 where nothing is known
	LagTime    Age             `json:"lag_seconds"`
	Workers    Number          `json:"workers"` // that are alive; null: not known
	LostIn7d   Number          `json:"lost_7d"` // records that moves passed unapplied, at most; null: not known
	Brokers    Word            `json:"brokers"` // why they do not answer; null: they do
	LedgerSays Word            `json:"problem"` // why the ledger does not answer; null: it does
}

// NewPipelines makes the answer.
func NewPipelines(now time.Time, all []Pipeline) Pipelines {
	return Pipelines{Head: head("ui"), Time: Instant{now}, Pipelines: append([]Pipeline{}, all...)}
}

// Rows are the pipelines.
func (p Pipelines) Rows() any { return p.Pipelines }
