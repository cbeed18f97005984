package ledgers

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/pipeline"
)

// writers are the forms that positions are written in. A form of another tool is one line here: its writer gets
// positions that are next to read.
var writers = map[string]func(io.Writer, admin.Exported) error{
	"json": writeJSON, "csv": writeCSV,
	"spark": nil, "kafka-csv": nil, "rpk": nil, "kcl": nil, "connect": nil, // not in this version
}

// Forms are the names of what Write writes.
func Forms() []string { return slices.Sorted(maps.Keys(writers)) }

// Write writes positions in a form.
//
// Errors: *fencepost.Fault usage, not-in-this-version; those of w.
func Write(w io.Writer, form string, e admin.Exported) error {
	write, ok := writers[form]
	if !ok {
		help := "one of " + strings.Join(Forms(), "  ")
		if near := pipeline.Nearest(form, Forms()); near != "" {
			help = "--format " + near
		}
		return usage(help, "%s is no form of offsets", form)
	}
	if write == nil {
		return &fencepost.Fault{Code: "not-in-this-version", Exit: 2, Err: fmt.Errorf("form %s comes with a later version", form), Help: "--format json, or --format csv"}
	}
	return write(w, e)
}

// exported is the form json: what we write we read again, with topic IDs and epochs.
type exported struct {
	Format    int        `json:"format"`
	Command   string     `json:"command"`
	Group     string     `json:"group"`
	ClusterID string     `json:"cluster_id"`
	Meaning   string     `json:"meaning"`
	Positions []position `json:"positions"`
}

type position struct {
	Topic       string `json:"topic"`
	Partition   int32  `json:"partition"`
	Offset      int64  `json:"offset"`
	LeaderEpoch *int32 `json:"leader_epoch"` // null: not known
	TopicID     string `json:"topic_id"`     // empty: not known
}

func writeJSON(w io.Writer, e admin.Exported) error {
	out := exported{Format: 1, Command: "offsets export", Group: string(e.Group), ClusterID: e.ClusterID, Meaning: fencepost.MeaningNext.String(), Positions: []position{}}
	for _, at := range e.Positions {
		p := position{Topic: at.Topic, Partition: at.Partition, Offset: int64(at.Offset)}
		if at.LeaderEpoch != fencepost.NoEpoch {
			epoch := int32(at.LeaderEpoch)
			p.LeaderEpoch = &epoch
		}
		if at.TopicID != (fencepost.TopicID{}) {
			p.TopicID = at.TopicID.String()
		}
		out.Positions = append(out.Positions, p)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

func writeCSV(w io.Writer, e admin.Exported) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"topic", "partition", "offset"}}
	for _, at := range e.Positions {
		lines = append(lines, []string{at.Topic, fmt.Sprint(at.Partition), fmt.Sprint(int64(at.Offset))})
	}
	return out.WriteAll(lines)
}
