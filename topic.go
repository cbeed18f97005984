package fencepost

// Topic is one incarnation of a topic.
type Topic struct {
	ID         TopicID
	Partitions int32
	Only       []int32 // the partitions that the source takes of it; nil: whatever the group gives it
}

// Taken yields the partitions of the topic that the source takes.
func (t Topic) Taken(yield func(int32) bool) {
	if t.Only == nil {
		for p := range t.Partitions {
			if !yield(p) {
				return
			}
		}
		return
	}
	for _, p := range t.Only {
		if p >= 0 && p < t.Partitions && !yield(p) {
			return
		}
	}
}
