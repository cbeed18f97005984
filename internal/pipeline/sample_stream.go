package pipeline

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// inferStream fills the Draft of change events in JSON: the columns of the row by the schema beside the events, or else by the rows themselves; the key of the
// records; and what the source may lose. ok is false for records of something else.
func (s *Sampled) inferStream(records []fencepost.Record) (about string, ok bool) {
	var described debezium.Description
	var rows [][]byte
	for i := range records {
		value := records[i].Value
		if value == nil {
			continue
		}
		if d, is := debezium.OfRecord(value); is {
			described, s.Envelope = d, debeziumSchema
			continue
		}
		var event struct {
			Before, After, Source json.RawMessage
			Op                    string
		}
		if json.Unmarshal(value, &event) != nil || event.Op == "" || event.Source == nil || event.After == nil && event.Before == nil {
			s.Envelope = ""
			return "", false
		}
		if len(event.After) > 0 && event.After[0] == '{' {
			rows = append(rows, event.After)
		}
	}
	switch {
	case described.Fields != nil && rows == nil:
		s.describedBy(described)
	case rows != nil && described.Fields == nil:
		s.Envelope, s.Accepts = debeziumPlain, []debezium.Loss{debezium.NoSchema}
		s.columnsOf(decode.Infer(func(yield func([]byte) bool) {
			for _, row := range rows {
				if !yield(row) {
					return
				}
			}
		}))
	default: // some have a schema beside them, and some have none; or none has a row
		s.Envelope = ""
		return "", false
	}
	s.Decode = "json"
	for i := range records {
		if s.keyedBy(keyFields(records[i].Key)); s.Key != nil {
			break
		}
	}
	return "all change events, rows of " + text.Plural(len(s.Columns), "field"), true
}

// describedBy fills the Draft's columns, and what the file has to accept, by the schema of events.
func (s *Sampled) describedBy(d debezium.Description) {
	s.Columns = nil
	var fields []decode.Field
	for _, c := range debezium.Columns(d) {
		column := keys.DraftColumn{Name: c.Column, Type: c.Type, From: c.From, Unit: c.Unit.String(), Seen: c.Comment}
		if c.Type == fencepost.Decimal {
			column.Scale = strconv.Itoa(c.Scale)
		}
		s.Columns, fields = append(s.Columns, column), append(fields, c.Field)
	}
	s.Accepts = nil
	for _, doubt := range debezium.Doubts(d, fields, &debezium.Store{}) {
		if doubt.Loss != "" {
			s.Accepts = append(s.Accepts, doubt.Loss)
		}
	}
}

// keyFields are the names of a key's fields, in JSON with its schema or without; nil: it has none.
func keyFields(key []byte) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(key, &fields) != nil {
		return nil
	}
	if payload, beside := fields["payload"]; beside && fields["schema"] != nil {
		fields = nil
		_ = json.Unmarshal(payload, &fields) // a payload that is no object has no fields
	}
	return fields
}

// keyedBy makes the columns of these fields the key, where all of them are columns.
func (s *Sampled) keyedBy(fields map[string]json.RawMessage) {
	var names []string
	for _, c := range s.Columns {
		if _, is := fields[c.Name]; is && c.From == "" {
			names = append(names, c.Name)
		}
	}
	if len(names) == len(fields) {
		s.Key = names
	}
}

// acceptLines are the lines below accepts.
func (d Draft) acceptLines() (lines []keys.Line) {
	for _, l := range d.Accepts {
		lines = append(lines, keys.Line{Text: fmt.Sprintf("- %s", l), Doc: l.Brief()})
	}
	return lines
}
