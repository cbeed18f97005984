package ledgers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/fencepost/fencepost"
)

// fileScheme: without a layout it is what offsets export wrote as json; the layouts are the forms of other tools.
var fileScheme = scheme{native: openExported, layouts: map[string]layout{
	"spark-checkpoint": {}, "spark": {}, "kafka-csv": {}, "rpk": {}, "kcl": {}, "connect": {},
}}

// exportedLedger is a file that offsets export wrote: a Ledger that is read and never moved.
type exportedLedger struct{ snap fencepost.Snapshot }

// openExported reads the file at once: the group stands in it.
func openExported(_ context.Context, l *location) (*Opened, error) {
	data, err := os.ReadFile(l.path)
	if err != nil {
		return nil, &fencepost.Fault{Code: "file-not-readable", Exit: 2, Err: err, Help: "name a file that offsets export wrote"}
	}
	var e exported
	if err = json.Unmarshal(data, &e); err == nil && (e.Format != 1 || e.Command != "offsets export") {
		err = errors.New("it is not of the form that offsets export writes as json")
	}
	snap := fencepost.Snapshot{}
	if err == nil {
		snap, err = e.snapshot()
	}
	if err != nil {
		return nil, &fencepost.Fault{Code: "layout-damaged", Exit: 2, Err: fmt.Errorf("%s: %w", l.path, err), Help: "file:" + l.path + "?layout=FORM, if another tool wrote it"}
	}
	o := &Opened{Ledger: exportedLedger{snap}, Group: fencepost.Group(e.Group)}
	if g := l.params.Get("group"); g != "" {
		o.Group = fencepost.Group(g)
	}
	return o, nil
}

// snapshot checks the file's positions and makes them a ledger's.
func (e exported) snapshot() (fencepost.Snapshot, error) {
	s := fencepost.Snapshot{ClusterID: e.ClusterID, Roster: map[string]fencepost.RosterEntry{}, Positions: map[fencepost.TopicPartition]fencepost.Position{}}
	if e.Group == "" || e.Meaning != fencepost.MeaningNext.String() {
		return s, errors.New("it names no group, or its offsets are not next to read")
	}
	for _, p := range e.Positions {
		tp := fencepost.TopicPartition{Topic: p.Topic, Partition: p.Partition}
		_, twice := s.Positions[tp]
		switch {
		case p.Topic == "" || p.Partition < 0 || p.Offset < 0:
			return s, fmt.Errorf("%s at %d: no topic, or negative", tp, p.Offset)
		case twice:
			return s, fmt.Errorf("%s: twice", tp)
		}
		at := fencepost.Position{Offset: fencepost.Offset(p.Offset), LeaderEpoch: fencepost.NoEpoch, Fence: 1}
		if p.LeaderEpoch != nil {
			at.LeaderEpoch = fencepost.LeaderEpoch(*p.LeaderEpoch)
		}
		if p.TopicID != "" {
			var err error
			if at.TopicID, err = fencepost.ParseTopicID(p.TopicID); err != nil {
				return s, fmt.Errorf("%s: %w", tp, err)
			}
		}
		s.Positions[tp] = at
		roster := s.Roster[p.Topic]
		s.Roster[p.Topic] = fencepost.RosterEntry{TopicID: at.TopicID, Partitions: max(roster.Partitions, p.Partition+1)}
	}
	return s, nil
}

// Read is the file's content, whatever the group is called now.
func (l exportedLedger) Read(context.Context, fencepost.Group) (fencepost.Snapshot, error) {
	return l.snap, nil
}

// Move refuses: the file is a copy.
func (l exportedLedger) Move(context.Context, fencepost.Writer, []fencepost.Move) error {
	return &fencepost.Fault{Code: "set-refused", Exit: 4, Err: errors.New("a file of exported offsets is not moved; nothing was changed"),
		Help: "fencepost offsets import FILE, into the ledger"}
}
