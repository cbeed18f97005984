package dash

import (
	"fmt"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// heat is a cell for each partition: how old its oldest unread record is, or how it stands still.
type heat struct {
	Lines []heatLine
	Key   []heatKey
}

// heatLine is a hundred partitions of one topic.
type heatLine struct {
	ID, Label, Name string
	Cells           []cell
}

// cell is one partition.
type cell struct{ Class, URL, Title string }

// heatKey is a class, what it says, and how many cells have it.
type heatKey struct{ Class, Text, Count string }

// heats are the classes in the order of the key, and up to which age each goes.
var heats = []struct {
	class, text string
	age         time.Duration
}{
	{"h0", "up to 1s", time.Second}, {"h1", "10s", 10 * time.Second}, {"h2", "1m", time.Minute}, {"h3", "2m", 2 * time.Minute}, {"h4", "10m", 10 * time.Minute},
	{"h5", "above", 1 << 62}, {"pk", "parked", -1}, {"bl", "blocked", -1}, {"un", "waiting, or unknown", -1},
}

// heatOf is the class of a partition.
func heatOf(s view.Standing) string {
	switch {
	case s.State == "parked":
		return "pk"
	case s.State == "blocked":
		return "bl"
	case s.LagTime < 0 || s.State == "waiting" || s.State == "retrying" || s.State == "cut off":
		return "un"
	}
	for _, h := range heats {
		if time.Duration(s.LagTime) <= h.age {
			return h.class
		}
	}
	return "h5"
}

func newHeat(g fencepost.Group, p view.Positions) *heat {
	h, counts := &heat{}, map[string]int{}
	line, topic, hundred := -1, "", int32(-1)
	for _, s := range p.Positions {
		if s.Topic != topic || s.Partition/100 != hundred {
			topic, hundred = s.Topic, s.Partition/100
			label := fmt.Sprintf("%d-%d", hundred*100, hundred*100+99)
			if len(p.Topics) > 1 && hundred == 0 {
				label = topic
			}
			h.Lines = append(h.Lines, heatLine{ID: rowID("h", fencepost.TopicPartition{Topic: topic, Partition: hundred}), Label: label,
				Name: fmt.Sprintf("Partitions %d to %d of %s", hundred*100, hundred*100+99, topic)})
			line++
		}
		c := cell{Class: heatOf(s)}
		counts[c.Class]++
		switch c.Class {
		case "h0":
			c.Class = "" // what most cells are
		case "h1", "h2":
		default:
			c.URL = partitionURL(g, fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition})
			c.Title = s.Name() + " " + stateOf(s.State) + ", oldest " + known(s.LagTime)
		}
		h.Lines[line].Cells = append(h.Lines[line].Cells, c)
	}
	for _, k := range heats {
		if n := counts[k.class]; n > 0 || k.age > 0 {
			h.Key = append(h.Key, heatKey{k.class, k.text, text.Count(n)})
		}
	}
	return h
}
