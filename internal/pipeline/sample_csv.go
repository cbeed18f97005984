package pipeline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// inferCSV fills the Draft of records that are lines of CSV: all of them have the same number of fields, of two or more, by one delimiter. Where
// the first record names them, its words are the columns. ok is false for records of something else. The types are guessed by the
// rules of JSON, of rows that are made JSON first.
func (s *Sampled) inferCSV(records []fencepost.Record) (about string, ok bool) {
	delimiter, rows := delimited(records)
	if rows == nil {
		return "", false
	}
	names, header := headerOf(rows)
	if header {
		rows = rows[1:]
	}
	numbers := numeric(rows)
	in := decode.Infer(func(yield func([]byte) bool) {
		for _, row := range rows {
			if !yield(object(names, numbers, row)) {
				return
			}
		}
	})
	s.Decode = "csv"
	if delimiter != ',' {
		s.CSV = fmt.Sprintf("{delimiter: %q}", delimiter)
	}
	for _, c := range in.Columns {
		s.Columns = append(s.Columns, keys.DraftColumn{Name: c.Column, Type: c.Type, Seen: c.Comment})
	}
	about = fmt.Sprintf("all CSV of %s", text.Plural(len(names), "field"))
	if header {
		about += "; the first record is a header, which names the columns and parks: offsets repair --record skip passes it"
	}
	return about, true
}

// delimited are the records as rows, by the delimiter that gives them the most fields; nil: none gives all of them as many.
func delimited(records []fencepost.Record) (delimiter rune, rows [][]string) {
	for _, d := range ",;\t|" {
		if found := rowsBy(records, d); len(found) > 0 && (rows == nil || len(found[0]) > len(rows[0])) {
			delimiter, rows = d, found
		}
	}
	return delimiter, rows
}

// rowsBy are the records as rows by a delimiter; nil: they are none.
func rowsBy(records []fencepost.Record, delimiter rune) (rows [][]string) {
	for i := range records {
		if records[i].Value == nil {
			continue
		}
		r := csv.NewReader(bytes.NewReader(records[i].Value))
		r.Comma, r.FieldsPerRecord = delimiter, -1
		row, err := r.Read()
		if _, end := r.Read(); err != nil || end != io.EOF || len(row) < 2 || !utf8.Valid(records[i].Value) || len(rows) > 0 && len(row) != len(rows[0]) {
			return nil
		}
		rows = append(rows, row)
	}
	return rows
}

// nameText is a field of a header.
var nameText = regexp.MustCompile(`^\s*[\pL_][\pL\pN_ .-]*$`)

// headerOf are the names of the fields. header: the first row has them. It is one if each field of it is a name of its own, and no other row
// has any of them in its place.
func headerOf(rows [][]string) (names []string, header bool) {
	taken := map[string]bool{}
	header = len(rows) > 1
	for i, field := range rows[0] {
		header = header && nameText.MatchString(field) && !taken[field]
		taken[field] = true
		for _, row := range rows[1:] {
			header = header && row[i] != field
		}
	}
	if header {
		return rows[0], true
	}
	for i := range rows[0] {
		names = append(names, fmt.Sprintf("field_%d", i+1))
	}
	return names, false
}

// numeric says of each field whether it is a number in all rows that have it: 00501 is none.
func numeric(rows [][]string) []bool {
	all := make([]bool, len(rows[0]))
	for i := range all {
		all[i] = true
		for _, row := range rows {
			var n json.Number
			all[i] = all[i] && (row[i] == "" || row[i][0] != '"' && row[i] != "null" && json.Unmarshal([]byte(row[i]), &n) == nil)
		}
	}
	return all
}

// object is a row as JSON: an empty field is null, one of numbers is a number, and any other is a text.
func object(names []string, numbers []bool, row []string) []byte {
	b := []byte{'{'}
	for i, field := range row {
		name, _ := json.Marshal(names[i]) // of texts they always marshal
		value, _ := json.Marshal(field)
		switch {
		case field == "":
			value = []byte("null")
		case numbers[i]:
			value = []byte(field)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}')
}
