package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// Lines of CSV become columns, named by a header where the first of them is one; and what is no CSV does not.
func TestInferCSV(t *testing.T) {
	for _, c := range []struct {
		what, lines, want string
	}{
		{"a header", "origin,delay,at|ATL,12,2001-02-03T04:05:06Z|JFK,-3,2001-02-03T04:05:07Z", "csv  origin:text delay:int at:timestamp; all CSV of 3 fields; the first record is a header"},
		{"none", "ATL,12|JFK,-3", "csv  field_1:text field_2:int; all CSV of 2 fields"},
		{"semicolons, and a comma in a number", "a;b|1,5;x|2,5;y", `csv {delimiter: ';'} a:text b:text; all CSV of 2 fields; the first record is a header`},
		{"leading zeros are no number", "zip,n|00501,1|10001,2.5", "csv  zip:text n:float; all CSV of 2 fields; the first record is a header"},
		{"empty fields", "a,b|,1|x,", "csv  a:text b:int; all CSV of 2 fields; the first record is a header"},
		{"quotes", "name,said|\"o, n\",\"x\"\"y\"|p,q", "csv  name:text said:text; all CSV of 2 fields; the first record is a header"},
		{"a reserved name", "_key,b|x,1|y,2", "csv  key:text b:int; all CSV of 2 fields; the first record is a header"},
		{"texts alone, whose first is no header", "ATL,JFK|ATL,ORD", "csv  field_1:text field_2:text; all CSV of 2 fields"},
		{"another number of fields", "a,b|1", ""},
		{"one field", "a|b", ""},
		{"an open quote", "a,\"b|1,2", ""},
		{"not UTF-8", "a,b|\xff,2", ""},
	} {
		var records []fencepost.Record
		for line := range strings.SplitSeq(c.lines, "|") {
			records = append(records, fencepost.Record{Value: []byte(line)})
		}
		s, got := &Sampled{}, ""
		if about, ok := s.inferCSV(append(records, fencepost.Record{})); ok {
			var columns []string
			for _, column := range s.Columns {
				columns = append(columns, fmt.Sprintf("%s:%s", column.Name, column.Type))
			}
			about, _, _ = strings.Cut(about, ", which")
			got = fmt.Sprintf("%s %s %s; %s", s.Decode, s.CSV, strings.Join(columns, " "), about)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}
