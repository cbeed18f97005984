package admin

import (
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// PlanForget plans to leave the positions of topics behind: each is moved in place, with a reason that says so, and does not
// count from then on. A worker that reads the topic again goes on from there.
//
// Errors: *fencepost.UserError nothing-selected; forget-refused for a topic that the pipeline reads.
func PlanForget(r Resources, v View, topics []string) (*Plan, error) {
	p := &Plan{Group: r.Group, Ledger: v.Snapshot.Ledger, ClusterID: v.About.ClusterID, Made: v.At, Exact: true}
	for _, topic := range topics {
		if r.reads(topic) {
			return nil, &fencepost.UserError{Code: "forget-refused", Exit: 4, Err: fmt.Errorf("this pipeline reads %s, and would go on with it; nothing was changed", topic),
				Help: "take " + topic + " out of source.topics first"}
		}
		if _, known := v.Snapshot.Topics[topic]; !known {
			help := "fencepost offsets show FILE --all lists what there is"
			var names []string
			for name := range v.Snapshot.Topics {
				names = append(names, name)
			}
			if near := text.Nearest(topic, names); near != "" {
				help = "--topic " + near
			}
			return nil, &fencepost.UserError{Code: "nothing-selected", Exit: 2, Err: fmt.Errorf("group %s has no topic %s; nothing was changed", v.Group, topic), Help: help}
		}
	}
	for _, s := range v.Standings {
		if !slices.Contains(topics, s.Topic) || s.Position.Absent() {
			p.Stay++
			continue
		}
		p.Lines = append(p.Lines, Line{TopicPartition: s.TopicPartition, Held: s.Position, Next: s.Position, Cause: ledger.CauseRewind, mends: true, forgets: true})
	}
	return p, nil
}

// reads reports whether the pipeline reads a topic. A URL does not say, and reads none.
func (r Resources) reads(topic string) bool { return r.Reads != nil && r.Reads(topic) }

// leaveForgotten takes out of the view what was left behind, unless the pipeline reads it again.
func (v *View) leaveForgotten(r Resources, last map[fencepost.TopicPartition]ledger.LastMoves) {
	v.Standings = slices.DeleteFunc(v.Standings, func(s Standing) bool {
		gone := !s.Position.Absent() && last[s.TopicPartition].Forgotten(s.Position) && !r.reads(s.Topic)
		if gone {
			v.Forgotten++
		}
		return gone
	})
}
