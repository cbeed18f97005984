package fencepost_test

import (
	"slices"
	"testing"

	"github.com/fencepost/fencepost"
)

// A source takes all partitions of a topic, or those that it names and that are there.
func TestTopicTaken(t *testing.T) {
	for _, c := range []struct {
		topic fencepost.Topic
		want  []int32
	}{
		{fencepost.Topic{}, nil},
		{fencepost.Topic{Partitions: 3}, []int32{0, 1, 2}},
		{fencepost.Topic{Partitions: 3, Only: []int32{2, 0}}, []int32{2, 0}},
		{fencepost.Topic{Partitions: 3, Only: []int32{1, 3, -1}}, []int32{1}},
		{fencepost.Topic{Partitions: 3, Only: []int32{}}, nil},
	} {
		if got := slices.Collect(c.topic.Taken); !slices.Equal(got, c.want) {
			t.Errorf("%d partitions, only %v: takes %v, want %v", c.topic.Partitions, c.topic.Only, got, c.want)
		}
		for p := range c.topic.Taken { // who has seen enough is not asked again
			if p != c.want[0] {
				t.Errorf("the first of %v is %d", c.want, p)
			}
			break
		}
	}
}
