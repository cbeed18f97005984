package pipeline

import (
	"fmt"

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
func (s *sampled) stream() (found []fencepost.Finding, notes []string) {
	fields := s.file.fields()
	for _, m := range debezium.Compare(s.described, fields) {
		found = append(found, fencepost.Finding{Subject: "records", Code: "bad-value", Key: "schema." + m.Column, Text: fmt.Sprintf("column %s: %s", m.Column, m.Reason), Help: m.Help})
	}
	return found, debezium.Notes(s.described, fields)
}

// streamNotes are what the source of a change stream does to values, by a schema of a registry.
func (f *File) streamNotes(s *registry.Schema) []string {
	if !f.enveloped() || f.Decode != "avro" {
		return nil
	}
	d, _ := debezium.OfAvro(s.Text)
	return debezium.Notes(d, f.fields())
}
