package shape

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// TestEachRowIsShaped: of an exploded record each row is kept or dropped by itself, and has computed columns of its own; an error in one
// makes the record bad. Rows of the record before stay as they are.
func TestEachRowIsShaped(t *testing.T) {
	lines, err := decode.JSON(decode.Config{Explode: "lines", Fields: []decode.Field{{Column: "id", Type: fencepost.Int},
		{Column: "n", Type: fencepost.Int, From: "lines[].n", Missing: decode.Null()}}})
	if err != nil {
		t.Fatal(err)
	}
	double := []Column{column("double", fencepost.Int, "n * 2"), column("line", fencepost.Int, "_index + 1")}
	for _, c := range []struct {
		where   string
		columns []Column
		value   string
		want    string
	}{
		{"", double, `{"id":1,"lines":[{"n":1},{"n":2}]}`, "1 1 0 2 1, 1 2 1 4 2"},
		{"n > 1", double, `{"id":1,"lines":[{"n":1},{"n":2},{},{"n":3}]}`, "1 2 1 4 2, 1 3 3 6 4"},
		{"double > 2", double, `{"id":1,"lines":[{"n":1},{"n":2},{},{"n":3}]}`, "1 2 1 4 2, 1 3 3 6 4"},
		{"_index == 0", nil, `{"id":1,"lines":[{"n":1},{"n":2}]}`, "1 1 0"},
		{"n > 9", double, `{"id":1,"lines":[{"n":1},{"n":2}]}`, "none"}, {"double > 99", double, `{"id":1,"lines":[{"n":1},{"n":2}]}`, "none"},
		{"n > 9", nil, `{"id":1,"lines":[]}`, "none"},
		{"", double, `{"id":1,"lines":[{"n":1},{"n":9223372036854775807}]}`, "bad: field double: the value is beyond 64 bits"},
		{"n / (n - 1) > 0", nil, `{"id":1,"lines":[{"n":2},{"n":1}]}`, "bad: where: division by zero"},
		{"n != 1", []Column{column("part", fencepost.Float, "1 / (n - 1)")}, `{"id":1,"lines":[{"n":2},{"n":1},{"n":3}]}`, "1 2 0 1, 1 3 2 0.5"},
	} {
		factory, err := New(lines, Config{Where: c.where, Columns: c.columns})
		if err != nil {
			t.Fatalf("%s: %v", c.where, err)
		}
		d := factory()
		columns := columnsOf(d)
		for k := range columns { // a row that was there before
			columns[k].AppendNull()
		}
		err = d.Decode(&fencepost.Record{Value: []byte(c.value)}, columns)
		got := fmt.Sprint(err)
		if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
			got = "bad: " + b.Reason
		} else if errors.Is(err, fencepost.ErrNoRow) {
			got = "none"
		} else if err == nil {
			got = rowsOf(columns)
		}
		if got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.where, c.value, got, c.want)
		}
		if !columns[0].Null(0) {
			t.Errorf("%s of %s: the row before is %s, and was null", c.where, c.value, text(&columns[0], 0))
		}
	}
}

// rowsOf are the rows of columns but the first.
func rowsOf(columns []fencepost.Column) string {
	var rows []string
	for i := 1; i < columns[0].Len(); i++ {
		var row []string
		for k := range columns {
			if columns[k].Len() != columns[0].Len() {
				return fmt.Sprintf("column %s has %d rows of %d", columns[k].Name, columns[k].Len(), columns[0].Len())
			}
			row = append(row, text(&columns[k], i))
		}
		rows = append(rows, strings.Join(row, " "))
	}
	return strings.Join(rows, ", ")
}
