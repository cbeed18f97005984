package admin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// Selection chooses partitions. The zero Selection is all.
type Selection struct {
	partitions map[string][]int32 // :: topic -> partitions; nil: all of it
	texts      []string
}

// ParseSelection reads `topic` and `topic:0,2-4`.
func ParseSelection(texts []string) (s Selection, err error) {
	s.partitions, s.texts = map[string][]int32{}, texts
	for _, chosen := range texts {
		topic, list, some := strings.Cut(chosen, ":")
		if topic == "" || some && list == "" {
			return s, fmt.Errorf("%q: neither TOPIC nor TOPIC:P,P-P", chosen)
		}
		had, again := s.partitions[topic]
		if !some {
			s.partitions[topic] = nil
			continue
		}
		if again && had == nil {
			continue // all of it already
		}
		for part := range strings.SplitSeq(list, ",") {
			first, last, ok := text.ParseSpan(part)
			if !ok || last-first > 100_000 {
				return s, fmt.Errorf("%q: %q is no partition and no range of them", chosen, part)
			}
			for n := range last - first + 1 {
				s.partitions[topic] = append(s.partitions[topic], first+n)
			}
		}
	}
	return s, nil
}

// All reports whether nothing was chosen, which is everything.
func (s Selection) All() bool { return len(s.partitions) == 0 }

// Has reports whether a partition is chosen.
func (s Selection) Has(tp fencepost.TopicPartition) bool {
	if s.All() {
		return true
	}
	list, ok := s.partitions[tp.Topic]
	return ok && (list == nil || slices.Contains(list, tp.Partition))
}

// check refuses a selection that names what the group does not have: a mistyped name must not read as "nothing to do".
func (s Selection) check(v View) error {
	have := map[fencepost.TopicPartition]bool{}
	topics := map[string]bool{}
	for _, st := range v.Standings {
		have[st.TopicPartition], topics[st.Topic] = true, true
	}
	for topic, list := range s.partitions {
		if !topics[topic] {
			return nothing(fmt.Sprintf("group %s has no topic %s", v.Group, topic))
		}
		for _, p := range list {
			if tp := (fencepost.TopicPartition{Topic: topic, Partition: p}); !have[tp] {
				return nothing(fmt.Sprintf("group %s has no partition %s", v.Group, tp))
			}
		}
	}
	return nil
}

func nothing(what string) error {
	return &fencepost.UserError{Code: "nothing-selected", Exit: 2, Err: fmt.Errorf("%s; nothing was changed", what),
		Help: "fencepost offsets show FILE --all lists what there is"}
}
