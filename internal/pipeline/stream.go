package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/decode/registry"
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

// describe keeps the schema that stands beside an event: that of the last one, since a schema changes with time.
func (s *sampled) describe(r *fencepost.Record) {
	if s.file.Envelope != debeziumSchema || r.Value == nil {
		return
	}
	if d, ok := debezium.OfRecord(r.Value); ok {
		s.described = d
	}
}

// stream compares the columns with the schema beside the events.
func (s *sampled) stream(t tableFacts) (found []fencepost.Finding, notes []string) {
	fields := s.file.fields()
	misfits := append(debezium.Compare(s.described, fields), debezium.Doubts(s.described, fields, t.store)...)
	return ofColumns("records", misfits), debezium.Notes(s.described, fields, t.store)
}

// ofColumns are the findings of columns that a change stream does not fill as the source has them.
func ofColumns(subject string, misfits []debezium.Misfit) (found []fencepost.Finding) {
	for _, m := range misfits {
		found = append(found, fencepost.Finding{Subject: subject, Code: "bad-value", Key: "schema." + m.Column, Text: fmt.Sprintf("column %s: %s", m.Column, m.Reason), Help: m.Help})
	}
	return found
}

// ofStream says what the source of a change stream does to values, by the schemas of a registry: in the registry's line what no pipeline can undo, and as
// findings of their own the columns that hold more than is sent.
func (o *Opened) ofStream(found []fencepost.Finding, schemas []*registry.Schema) []fencepost.Finding {
	line := slices.IndexFunc(found, func(f fencepost.Finding) bool { return f.OK && f.Subject == "registry" })
	if line < 0 || !o.File.enveloped() || o.File.Decode != "avro" {
		return nil
	}
	fields, t := o.File.fields(), factsOf(found)
	var doubts []fencepost.Finding
	for _, s := range schemas {
		d, _ := debezium.OfAvro(s.Text)
		for _, note := range debezium.Notes(d, fields, t.store) {
			found[line].Text += "; " + note
		}
		doubts = append(doubts, ofColumns("registry", debezium.Doubts(d, fields, t.store))...)
	}
	return doubts
}

// tableFacts are what the sink found of the table: names of its columns.
type tableFacts struct {
	notNull []string
	store   debezium.Store
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
		t.store = debezium.Store{Unsigned: set("unsigned"), Decimals: set("decimals"), Millis: set("millis")}
	}
	return t
}
