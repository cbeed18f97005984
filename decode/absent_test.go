package decode

import (
	"testing"

	"github.com/fencepost/fencepost"
)

// V25: a field that is not there is left to the table where the schema says so; one that is null is a null.
func TestV25MissingIsNoNull(t *testing.T) {
	factory, err := JSON(Config{Fields: []Field{{Column: "n", Type: fencepost.Int, Missing: Absent()}, {Column: "a", Type: fencepost.Text, Missing: Absent()}}})
	if err != nil {
		t.Fatal(err)
	}
	d := factory()
	columns := make([]fencepost.Column, 2)
	for i, c := range d.Columns() {
		if !c.Default {
			t.Errorf("column %s has no Default", c.Name)
		}
		columns[i] = fencepost.Column{Name: c.Name, Type: c.Type, Default: c.Default}
	}
	for _, value := range []string{`{"n":0,"a":""}`, `{"a":"x"}`, `{"n":null}`, `{}`} {
		if err := d.Decode(&fencepost.Record{Value: []byte(value)}, columns); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
	}
	for k, want := range [][]string{{"value", "absent", "null", "absent"}, {"value", "value", "absent", "absent"}} {
		for row, want := range want {
			got, c := "value", &columns[k]
			switch {
			case c.Absent(row) && c.Null(row):
				got = "absent"
			case c.Null(row):
				got = "null"
			}
			if got != want {
				t.Errorf("column %s, row %d: got %s, want %s", c.Name, row, got, want)
			}
		}
	}
	columns[0].Truncate(1)
	columns[0].AppendNull()
	if columns[0].Absent(1) || !columns[0].Null(1) {
		t.Error("a null behind rows that were dropped is absent")
	}
	if _, err := JSON(Config{Fields: []Field{{Column: "n", Type: fencepost.Int, Mismatch: Absent()}}}); err == nil {
		t.Error("a value that does not fit was left to the table")
	}
}
