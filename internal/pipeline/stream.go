package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// rowOf is the row in a record's value: the value itself, or what its envelope holds. nil: it holds none.
func (f *File) rowOf(value map[string]any) map[string]any {
	if !f.enveloped() {
		return value
	}
	if f.Envelope == debeziumSchema {
		value, _ = value["payload"].(map[string]any)
	}
	row, _ := value["after"].(map[string]any)
	return row
}

// describe keeps the schema that stands beside an event: of each topic that of the last one, since a schema changes with time.
func (s *sampled) describe(r *fencepost.Record) {
	if s.file.Envelope != debeziumSchema || r.Value == nil {
		return
	}
	if d, ok := debezium.OfRecord(r.Value); ok {
		s.described[r.Topic] = d
	}
}

// stream compares the columns with the schemas beside the events.
func (s *sampled) stream(t tableFacts) (found []fencepost.Finding, notes []string) {
	var described []debezium.Description
	for _, topic := range slices.Sorted(maps.Keys(s.described)) {
		d := s.described[topic]
		for _, m := range debezium.Compare(d, s.file.fields()) {
			found = append(found, fencepost.Finding{Subject: "records", Code: "bad-value", Key: "schema." + m.Column, Text: fmt.Sprintf("column %s: %s", m.Column, m.Reason), Help: m.Help})
		}
		described = append(described, d)
	}
	lost, notes := s.file.weigh("records", described, t)
	return append(found, lost...), notes
}

// weigh says what of the columns may not arrive as the source has it, by the schemas of the events: what the file does not accept is a finding, the rest a note.
func (f *File) weigh(subject string, described []debezium.Description, t tableFacts) (found []fencepost.Finding, notes []string) {
	var doubts []debezium.Doubt
	switch {
	case f.untold():
		doubts = append(doubts, debezium.Untold())
	case described == nil:
		return nil, nil
	}
	for _, d := range described {
		for _, doubt := range debezium.Doubts(d, f.fields(), t.store) {
			if !slices.Contains(doubts, doubt) {
				doubts = append(doubts, doubt)
			}
		}
	}
	refused, known := debezium.Weigh(doubts, f.Accepts)
	for _, d := range refused {
		key := "envelope"
		if column, _, _ := strings.Cut(d.Columns, ", "); column != "" {
			key = "schema." + column
		}
		found = append(found, fencepost.Finding{Subject: subject, Code: debezium.NotAccepted, Key: key, Text: fmt.Sprintf("%s: %s", d.Loss, d.Text),
			Help: fmt.Sprintf("%s; where that is so already, or the loss is taken: %s", d.Help, debezium.Line(f.Accepts, refused))})
	}
	for _, d := range known {
		notes = append(notes, d.Text)
	}
	for _, l := range f.Accepts {
		if !slices.ContainsFunc(known, func(d debezium.Doubt) bool { return d.Loss == l }) {
			notes = append(notes, fmt.Sprintf("accepts: %s concerns no column", l))
		}
	}
	return found, notes
}

// ofStream says what the source of a change stream in Avro does to values, by the schemas of the registry, or of the file: as findings of their own what the pipeline does
// not accept, and the rest in the line of these schemas.
func (o *Opened) ofStream(found []fencepost.Finding, schemas []*registry.Schema) []fencepost.Finding {
	f, t := o.File, factsOf(found)
	if !f.enveloped() || f.Decode != "avro" {
		return nil
	}
	line := slices.IndexFunc(found, func(f fencepost.Finding) bool { return f.OK && f.Subject == "registry" })
	if line >= 0 {
		var texts []string
		for _, s := range schemas {
			texts = append(texts, s.Text)
		}
		lost, notes := f.weigh("registry", eventsOf(texts), t)
		found[line].Text = strings.Join(append([]string{found[line].Text}, notes...), "; ")
		return lost
	}
	texts, err := f.Avro.Texts()
	if err != nil {
		return nil // it was read a moment ago
	}
	lost, notes := f.weigh("schema", eventsOf(texts), t)
	if notes != nil {
		lost = append(lost, fencepost.Finding{Subject: "schema", OK: true, Text: "of the file: " + strings.Join(notes, "; ")})
	}
	return lost
}

// eventsOf are the schemas of change events among those of Avro.
func eventsOf(texts []string) (described []debezium.Description) {
	for _, text := range texts {
		if d, ok := debezium.OfAvro(text); ok {
			described = append(described, d)
		}
	}
	return described
}

// losses are the words of accepts.
func losses() (words []string) {
	for _, l := range debezium.Losses() {
		words = append(words, string(l))
	}
	return words
}

// readAccepts takes the words of accepts.
func readAccepts(r *keys.Reader) (accepts []debezium.Loss) {
	words := losses()
	for i, word := range keys.Get[[]string](r, "accepts") {
		switch l := debezium.Loss(word); {
		case !slices.Contains(words, word):
			help := "one of " + strings.Join(words, ", ")
			if near := text.Nearest(word, words); near != "" {
				help = near + "; it may be " + help
			}
			r.Find("bad-value", r.ItemAt("accepts", i), help, "accepts: %s is nothing that a change stream loses", keys.Shown(word))
		case !slices.Contains(accepts, l):
			accepts = append(accepts, l)
		}
	}
	if accepts != nil && keys.Get[string](r, "envelope") == "none" {
		r.Find("bad-value", r.KeyAt("accepts"), "leave it out; or envelope: debezium", "accepts is of change streams, and there is no envelope")
	}
	return accepts
}

// tableFacts are what the sink found of the table: names of its columns.
type tableFacts struct {
	notNull []string
	store   *debezium.Store
}

// factsOf are those of the finding about the table.
func factsOf(found []fencepost.Finding) (t tableFacts) {
	for _, f := range found {
		if !f.OK || f.Subject != "database" {
			continue
		}
		set := func(fact string) map[string]bool {
			names := map[string]bool{}
			for name := range strings.SplitSeq(f.Facts[fact], "\n") {
				names[name] = true
			}
			return names
		}
		if f.Facts["not_null"] != "" {
			t.notNull = strings.Split(f.Facts["not_null"], "\n")
		}
		t.store = &debezium.Store{Decimals: set("decimals"), Millis: set("millis")}
	}
	return t
}
