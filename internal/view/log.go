package view

import (
	"fmt"
	"time"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// Log is the answer of log: where the logs of topics begin and end.
type Log struct {
	Head
	ClusterID  Word      `json:"cluster_id"`
	At         Instant   `json:"at"` // the time that was asked for
	Partitions []LogPart `json:"partitions"`
}

// LogPart is one partition. Without an answer its numbers are null, and Error says why.
type LogPart struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	TopicID   Word   `json:"topic_id"`
	Earliest  Number `json:"earliest"`
	Stable    Number `json:"stable"`
	End       Number `json:"end"`
	AtOffset  Number `json:"at_offset"` // of the first record at or after At; End where every record is older
	Error     Word   `json:"error"`
}

// NewLog makes the answer.
func NewLog(l admin.Log) Log {
	out := Log{Head: head("log"), ClusterID: Word(l.ClusterID), At: Instant{l.At}, Partitions: []LogPart{}}
	for _, p := range l.Partitions {
		one := LogPart{Topic: p.Topic, Partition: p.Partition, Earliest: -1, Stable: -1, End: -1, AtOffset: -1}
		if p.Err != nil {
			one.Error = Word(p.Err.Error())
		} else {
			one.TopicID, one.Earliest, one.Stable, one.End = Word(p.TopicID.String()), Number(p.Earliest), Number(p.LastStableOffset), Number(p.HighWatermark)
			if !l.At.IsZero() {
				one.AtOffset = Number(p.AtTime)
			}
		}
		out.Partitions = append(out.Partitions, one)
	}
	return out
}

// Rows are the partitions.
func (l Log) Rows() any { return l.Partitions }

// Exit is 1 where the brokers did not answer for a partition.
func (l Log) Exit() int {
	for _, p := range l.Partitions {
		if p.Error != "" {
			return 1
		}
	}
	return 0
}

// Table is the partitions in a table.
func (l Log) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "PARTITION", Cut: true}, {Name: "EARLIEST", Right: true}, {Name: "STABLE", Right: true, Hide: 1}, {Name: "END", Right: true}}}
	if !l.At.IsZero() {
		table.Columns = append(table.Columns, screen.Column{Name: "AT", Right: true})
	}
	for _, p := range l.Partitions {
		cells := []string{partition(p.Topic, p.Partition), p.Earliest.String(), p.Stable.String(), p.End.String()}
		if !l.At.IsZero() {
			cells = append(cells, p.AtOffset.String())
		}
		table.Rows = append(table.Rows, screen.Row{Cells: cells, Style: screen.Yellow, Paint: p.Error != ""})
	}
	return table
}

// Notes say which partitions have no answer, and which have no record at or after the time.
func (l Log) Notes() (notes []string) {
	older := 0
	for _, p := range l.Partitions {
		switch {
		case p.Error != "":
			notes = append(notes, partition(p.Topic, p.Partition)+": "+string(p.Error))
		case !l.At.IsZero() && p.AtOffset == p.End:
			older++
		}
	}
	if older > 0 {
		notes = append(notes, fmt.Sprintf("%s: no record at or after %s, so that AT is END", text.Plural(older, "partition"), l.At.Format("2006-01-02 15:04:05 -07:00")))
	}
	return notes
}

// Title is the cluster, and the time that was asked for.
func (l Log) Title() string {
	title := "cluster " + string(l.ClusterID)
	if !l.At.IsZero() {
		title += "   at " + l.At.In(time.Local).Format("2006-01-02 15:04:05 -07:00")
	}
	return title
}
