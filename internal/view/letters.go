package view

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Letters is the answer of the verbs about dead letters: what they are about, and what became of it.
type Letters struct {
	Head
	Group     string       `json:"group"`
	Executed  bool         `json:"executed"` // replay, discard: it was done; else it is a plan
	Waiting   int          `json:"waiting"`
	Discarded int          `json:"discarded"`
	Codes     []LetterCode `json:"codes"` // of those that wait
	Letters   []Letter     `json:"letters"`
	Clock     text.Clock   `json:"-"`
}

// LetterCode counts letters of one code.
type LetterCode struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

// Letter is one dead letter without its record, or with it in show.
type Letter struct {
	Topic     string           `json:"topic"`
	Partition int32            `json:"partition"`
	Offset    fencepost.Offset `json:"offset"`
	TopicID   Word             `json:"topic_id"`
	Code      string           `json:"code"`
	Reason    Word             `json:"reason"`
	Written   Instant          `json:"written"`
	Who       Word             `json:"who"`
	Bytes     int              `json:"bytes"` // of key, value and headers
	Discarded Word             `json:"discarded"`
	Outcome   Word             `json:"outcome"` // of replay --execute: applied, bad or gone
	Record    *Record          `json:"record,omitempty" csv:"-"`
}

// NewLetters makes the answer of list, or a plan.
func NewLetters(command string, group fencepost.Group, letters []ledger.Letter, now time.Time) Letters {
	out := Letters{Head: head(command), Group: string(group), Codes: []LetterCode{}, Letters: []Letter{}, Clock: text.ClockAt(now)}
	counts := map[string]int{}
	for _, l := range letters {
		one := letter(l)
		if out.Letters = append(out.Letters, one); l.Discarded != "" {
			out.Discarded++
			continue
		}
		out.Waiting++
		counts[l.Code]++
	}
	for _, code := range slices.Sorted(maps.Keys(counts)) {
		out.Codes = append(out.Codes, LetterCode{code, counts[code]})
	}
	return out
}

// NewReplayed makes the answer of a replay that was done.
func NewReplayed(group fencepost.Group, all []admin.Replayed, now time.Time) Letters {
	letters := make([]ledger.Letter, len(all))
	for i, r := range all {
		letters[i] = r.Letter
	}
	out := NewLetters("dead-letters replay", group, letters, now)
	out.Executed, out.Waiting, out.Codes = true, 0, []LetterCode{}
	for i, r := range all {
		out.Letters[i].Outcome = Word(r.Outcome)
		if r.Why != "" {
			out.Letters[i].Reason = Word(r.Why)
			out.Waiting++
		}
	}
	return out
}

// NewShownLetters makes the answer of show: letters with their records, and what the schema makes of them.
func NewShownLetters(group fencepost.Group, letters []ledger.Letter, decode func(*fencepost.Record) ([]fencepost.Column, error), now time.Time) Letters {
	out := NewLetters("dead-letters show", group, letters, now)
	for i, l := range letters {
		p := admin.Peeked{Record: fencepost.Record{TopicPartition: l.TopicPartition, Offset: l.Offset, Timestamp: l.Timestamp, Key: l.Key, Value: l.Value, Headers: l.Headers}}
		if decode != nil && l.Discarded == "" {
			p.Columns, p.Bad = decode(&p.Record)
		}
		r := record(p)
		out.Letters[i].Record = &r
	}
	return out
}

func letter(l ledger.Letter) Letter {
	bytes := len(l.Key) + len(l.Value)
	for _, h := range l.Headers {
		bytes += len(h.Key) + len(h.Value)
	}
	return Letter{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, TopicID: Word(l.TopicID.String()), Code: l.Code, Reason: Word(l.Reason),
		Written: Instant{l.At}, Who: Word(l.Who), Bytes: bytes, Discarded: Word(l.Discarded)}
}

// Rows are the letters.
func (l Letters) Rows() any { return l.Letters }

// Exit is 3 where a letter that was replayed is as bad as before.
func (l Letters) Exit() int {
	return found(slices.ContainsFunc(l.Letters, func(one Letter) bool { return one.Outcome == "bad" }))
}

// Table is the letters in a table.
func (l Letters) Table() screen.Table {
	table := screen.Table{Columns: []screen.Column{{Name: "RECORD"}, {Name: "WRITTEN"}, {Name: "BYTES", Right: true, Hide: 1}, {Name: "CODE"}}}
	if l.Executed && l.Command == "dead-letters replay" {
		table.Columns = append(table.Columns, screen.Column{Name: "OUTCOME"})
	}
	table.Columns = append(table.Columns, screen.Column{Name: "REASON", Cut: true})
	for _, one := range l.Letters {
		cells := []string{one.Name(), l.Clock.Time(one.Written.Time), text.Count(one.Bytes), one.Code}
		if l.Executed && l.Command == "dead-letters replay" {
			cells = append(cells, string(one.Outcome))
		}
		reason := string(one.Reason)
		if one.Discarded != "" {
			reason = "discarded " + string(one.Discarded) + "; " + reason
		}
		table.Rows = append(table.Rows, screen.Row{Cells: append(cells, screen.Printable(reason)), Style: screen.Yellow, Paint: one.Outcome == "bad"})
	}
	return table
}

// Name is TOPIC:PARTITION:OFFSET, as the verbs take it.
func (l Letter) Name() string {
	return partition(l.Topic, l.Partition) + ":" + strconv.FormatInt(int64(l.Offset), 10)
}

// Lines are the letter and its record for people.
func (l Letter) Lines() []Explained {
	lines := l.Record.Lines()
	lines = append(lines, Explained{"letter", l.Code + ": " + screen.Printable(string(l.Reason))}, Explained{"written", l.Written.String() + " by " + screen.Printable(string(l.Who))})
	if l.Discarded != "" {
		lines = append(lines, Explained{"discarded", screen.Printable(string(l.Discarded))})
	}
	return lines
}
