package view

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
)

// A program tells a null from the text "null", and from an empty one.
func TestPeekedNullIsNoText(t *testing.T) {
	columns := make([]fencepost.Column, 4)
	for i, name := range []string{"none", "word", "empty", "beyond"} {
		columns[i] = fencepost.Column{Name: name, Type: fencepost.Text}
	}
	columns[0].AppendNull()
	columns[1].AppendText("null")
	columns[2].AppendText("")
	out, err := json.Marshal(NewPeek([]admin.Peeked{{Columns: columns}}).Records[0].Columns)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"column":"none","type":"text","value":null},{"column":"word","type":"text","value":"null"},` +
		`{"column":"empty","type":"text","value":""},{"column":"beyond","type":"text","value":null}]`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What is cut is said with how many bytes there are.
func TestPeekedLengthIsExact(t *testing.T) {
	for n, want := range map[int]string{201: "… (201 bytes)", 202: "… (202 bytes)", 203: "… (203 bytes)", 1000: "… (1,000 bytes)"} {
		if got := bytesOf([]byte(strings.Repeat("x", n))).String(); !strings.HasSuffix(got, want) {
			t.Errorf("%d bytes: %q, want it to end in %q", n, got, want)
		}
	}
}
