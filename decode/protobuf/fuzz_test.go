package protobuf_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost/decode"
)

// fuzzedColumns take something of each kind of field.
const fuzzedColumns = "n:int o:int s:text s:json color:text many:json many[1]:int map:json map.a:int in:json in.in.b:text w:int x:int y:text z:json z.a:int ts:timestamp " +
	"ts:json u:decimal zig:int raw:uuid free:json any:json took:text took:decimal mask:text small:float list:json list[0].a:int byid:json byid.1.b:text"

// Whatever bytes a record has, the decoder says what its twin says.
func FuzzTwin(f *testing.F) {
	for _, seed := range []string{"", "0801", "3a050a01611001", "6a0408011005", "8a01120a070a0161120208000a070a016212022001", "42050805120178", "32020506", "b20103120178", "6203120178", "0b0c", "0880"} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	s := schema(f, factsText)
	m, err := s.Message("f.M")
	if err != nil {
		f.Fatal(err)
	}
	fields := fieldsOf(f, fuzzedColumns)
	for i := range fields { // a row with an error says nothing of its other columns
		fields[i].Missing, fields[i].Mismatch = decode.Null(), decode.Null()
	}
	factory := bare(f, factsText, "f.M", decode.Config{Fields: fields})
	f.Fuzz(func(t *testing.T, value []byte) {
		d := factory()
		value = append([]byte{}, value...)
		want, wantErr := twin(m, fields, value)
		got, gotErr := decoded(d, columnsOf(d), value)
		if errors.Is(wantErr, errNoTwin) || gotErr != nil && strings.Contains(gotErr.Error(), "nested too deep") {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" || !sameFault(wantErr, gotErr) {
			t.Fatalf("value %x\nrow (-twin +decoder):\n%serror: %v, twin %v", value, diff, gotErr, wantErr)
		}
	})
}
