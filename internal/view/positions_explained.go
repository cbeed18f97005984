package view

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// TopicLines names the topics, with another incarnation that the ledger knows.
func (p Positions) TopicLines() (lines []string) {
	nameWidth := 0
	for _, topic := range p.Topics {
		nameWidth = max(nameWidth, len(topic.Name))
	}
	for _, topic := range p.Topics {
		line := fmt.Sprintf("%-*s    %s   topic ID %s", nameWidth, topic.Name, text.Plural(topic.Partitions, "partition"), topic.ID)
		if topic.Ledger != topic.ID && topic.Ledger != (fencepost.TopicID{}) {
			line += "   (ledger: " + topic.Ledger.String() + ")"
		}
		if topic.Unread {
			line += "   not read by this file"
		}
		lines = append(lines, line)
	}
	return lines
}

// mostWorkers is how many workers a line names.
const mostWorkers = 4

// WorkersLine says who is at work; empty: nobody, or it is not known.
func (p Positions) WorkersLine() string {
	if len(p.Workers) == 0 {
		return ""
	}
	var who []string
	for i, w := range p.Workers {
		if i == mostWorkers {
			who = append(who, fmt.Sprintf("%d more", len(p.Workers)-i))
			break
		}
		who = append(who, w.Who+" since "+p.Clock.Time(w.Since.Time))
	}
	return text.Plural(len(p.Workers), "worker") + " running: " + strings.Join(who, ", ")
}

// Explained is a name, and prose about it.
type Explained struct{ Name, Text string }

// Notice is what needs a look: partitions of which the same is said.
type Notice struct {
	Explained
	State Word
	First fencepost.TopicPartition // of them
	More  int                      // partitions besides the first
}

// Notices is why each partition is odd, or held back; those of which the same is said are one notice, whose state is the first one's.
func (p Positions) Notices() (list []Notice) {
	ordered, odd := p.Ordered()
	at := map[string]int{} // :: reason -> its notice
	var of [][]fencepost.TopicPartition
	for i, s := range ordered {
		if i >= odd && s.Transaction == nil {
			continue
		}
		why := cmp.Or(s.Told, string(s.Reason))
		if why == "" {
			continue
		}
		n, said := at[why]
		if !said {
			n = len(list)
			at[why], of = n, append(of, nil)
			list = append(list, Notice{Explained: Explained{Text: why}, State: s.State})
		}
		of[n] = append(of[n], fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition})
	}
	for n, tps := range of {
		list[n].Name, list[n].First, list[n].More = named(tps, 3), tps[0], len(tps)-1
	}
	return list
}

// elsewhere names the partitions that another program moved in the Kafka group; empty: there is none.
func (p Positions) elsewhere() string {
	var tps []fencepost.TopicPartition
	var first Standing
	for _, s := range p.Positions {
		if s.CommittedElsewhere == nil {
			continue
		}
		if len(tps) == 0 {
			first = s
		}
		tps = append(tps, fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition})
	}
	if len(tps) == 0 {
		return ""
	}
	return fmt.Sprintf("another program moved Kafka's group %s: %s, the first to %s where the ledger holds %s; the ledger decides, and offsets set moves it",
		p.Group, named(tps, 3), text.Count(*first.CommittedElsewhere), first.Position)
}

// Explained explains what is odd, what was moved within a day, and what is so of the whole.
func (p Positions) Explained() (lines []Explained) {
	for _, n := range p.Notices() {
		lines = append(lines, n.Explained)
	}
	for _, s := range p.Positions {
		if m := s.Moved; m != nil && !m.Adopts() && p.Time.Sub(m.At) < 24*time.Hour {
			says := fmt.Sprintf("%s by %s %s, %s -> %s", m.Cause, m.Who, Ago(p.Time.Time, m.At), position(m.Held), text.Count(m.Next.Offset))
			if why := m.Reason(); why != "" {
				says += ": " + why
			}
			lines = append(lines, Explained{s.Name(), says})
		}
	}
	if note := p.elsewhere(); note != "" {
		lines = append(lines, Explained{"note", note})
	}
	for _, topic := range p.Topics {
		if topic.Unread {
			lines = append(lines, Explained{"note", "this file does not read " + topic.Name + ", which the group has read once: fencepost offsets forget FILE --topic " + topic.Name + " leaves it behind"})
		}
	}
	if p.Layout != nil {
		for _, note := range p.Layout.Notes {
			lines = append(lines, Explained{"note", note})
		}
	}
	if p.Bare {
		lines = append(lines, Explained{"note", "it holds no topic IDs: a recreated topic would not show"})
	}
	if p.Reported != nil && !*p.Reported {
		lines = append(lines, Explained{"note", "this ledger does not keep what its workers know: the log of a worker alone says what the sink refuses; fencepost ddl FILE makes the place for it"})
	}
	if p.Refused != nil {
		lines = append(lines, Explained{"ledger", "no worker can commit, nor report why: " + p.Refused.Code + ": " + p.Refused.Reason})
	}
	if p.Lost {
		lines = append(lines, Explained{"ledger", fmt.Sprintf("it is empty, but the group has run: Kafka holds %d offsets of it; restore it", p.Mirrored)})
	}
	return lines
}
