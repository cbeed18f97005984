package kafka

import (
	"testing"

	"github.com/fencepost/fencepost"
)

// Of 50 partitions, by what java.lang.String.hashCode and Kafka's Utils.abs make of a name.
func TestOffsetsPartition(t *testing.T) {
	for group, want := range map[fencepost.Group]int32{
		"a":                  47,
		"hello world":        2,  // 1794106052
		"Hello World":        26, // -862545276
		"polygenelubricants": 0,  // -2147483648
	} {
		if got := offsetsPartition(group, 50); got != want {
			t.Errorf("group %s: partition %d, want %d", group, got, want)
		}
	}
}
