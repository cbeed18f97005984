package decode

import (
	"testing"

	"github.com/fencepost/fencepost"
)

// FuzzJSON holds the scanner to its twin: the same values taken, with the same columns, and the same refused.
func FuzzJSON(f *testing.F) {
	for _, c := range readCases(f, "testdata/json.txt") {
		f.Add([]byte(c.value), []byte(`{}`), uint8(0b0101))
	}
	f.Add([]byte(`{"i":-0,"f":-0.0,"s":"\ud83d\ude00é","b":true,"t":"2001-01-01T00:01:00","d":"-12.50e-1","\u00e9\"":[{}],"x":"AQI="}`),
		[]byte(` { "x" : null , "i" : 12345678901234567890 , "t" : 978307260000 } `), uint8(0b101010))
	f.Fuzz(func(t *testing.T, first, second []byte, rules uint8) {
		c := everything(rules)
		make, err := JSON(c)
		if err != nil {
			t.Fatal(err)
		}
		d := make()
		columns := columnsOf(d)
		// Two values, and the first again: what the decoder learned of one record must not change the next.
		compare(t, c, d, columns, first)
		compare(t, c, d, columns, second)
		compare(t, c, d, columns, first)
	})
}

// FuzzRaw holds the validation of whole values to the same twin.
func FuzzRaw(f *testing.F) {
	f.Add([]byte(`[1,{"a":null}]`))
	make, err := Raw(fencepost.ColumnSpec{Name: "value", Type: fencepost.JSON})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if value == nil {
			value = []byte{}
		}
		d := make()
		columns := columnsOf(d)
		got, err := decodeRow(d, columns, &fencepost.Record{Value: value})
		wantErr := twinValid(value)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("value %q: got error %v, the twin says %v", value, err, wantErr)
		}
		if err == nil && got[0] != string(value) {
			t.Fatalf("value %q: got %q", value, got[0])
		}
	})
}
