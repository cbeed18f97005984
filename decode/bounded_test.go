package decode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// TestElementsAreBounded: what elements make of little, by a long default, is bounded while they are read.
func TestElementsAreBounded(t *testing.T) {
	text := strings.Repeat("x", 1<<16)
	layout, err := NewLayout(Config{Explode: "lines", Fields: []Field{{Column: "text", Type: fencepost.Text, From: "lines[].t", Missing: Default(fmt.Sprintf("%q", text))}}})
	if err != nil {
		t.Fatal(err)
	}
	layout.exploded.most = 1 << 20
	d := newProjector(layout.Row())
	columns := columnsOf(d)
	err = d.Decode(&fencepost.Record{Value: []byte(`{"lines":[` + strings.Repeat("{},", 5000) + `{}]}`)}, columns)
	if want := "its rows take more than 1 MiB, with 16 elements"; err == nil || err.Error() != want {
		t.Errorf("a default of 64 KiB in 5,001 rows: got %v, want %s", err, want)
	}
}
