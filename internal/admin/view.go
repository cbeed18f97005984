package admin

import (
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Odd reports whether a partition needs an explanation.
func (s Standing) Odd() bool {
	settled := s.Settled() && !s.Halted()
	begins := s.Decision.Verdict == ledger.New || s.Decision.Verdict == ledger.Added && s.State != Parked
	return !settled && !begins
}

// HoldsTopicIDs reports whether a position says which incarnation of its topic it is about. Other programs' do not.
func (v View) HoldsTopicIDs() bool {
	for _, p := range v.Snapshot.Positions {
		if p.TopicID != (fencepost.TopicID{}) {
			return true
		}
	}
	return false
}

// Bare reports whether the positions are another program's and would not show a recreated topic.
func (v View) Bare() bool { return v.Foreign && !v.HoldsTopicIDs() }

// Only is the view of the chosen partitions.
//
// Errors: *fencepost.UserError nothing-selected.
func (v View) Only(sel Selection) (View, error) {
	if err := sel.check(v); err != nil {
		return v, err
	}
	v.Standings = slices.DeleteFunc(slices.Clone(v.Standings), func(s Standing) bool { return !sel.Has(s.TopicPartition) })
	return v, nil
}

// Lost reports whether the ledger is empty and the group has run all the same.
func (v View) Lost() bool { return v.Snapshot.Empty() && v.Mirrored > 0 }

// ViewTopic is one topic of a View.
type ViewTopic struct {
	Name       string
	Partitions int32
	ID         fencepost.TopicID // that the brokers name
	Ledger     fencepost.TopicID // that the topics names
	Unread     bool              // the pipeline does not read it
}

// Topics is the topics of the standings, by name.
func (v View) Topics() (topics []ViewTopic) {
	for _, s := range v.Standings {
		if n := len(topics); n == 0 || topics[n-1].Name != s.Topic {
			_, read := v.About.Topics[s.Topic]
			_, asked := v.About.Errs[s.Topic]
			topics = append(topics, ViewTopic{Unread: !read && !asked && !v.Foreign, Name: s.Topic, Ledger: v.Snapshot.Topics[s.Topic].TopicID, ID: v.About.Topics[s.Topic].ID})
		}
		last := &topics[len(topics)-1]
		last.Partitions++
		if s.Bounds.Err == nil {
			last.ID = s.Bounds.TopicID
		}
	}
	return topics
}
