package fencepost_test

import (
	"encoding/json"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAppendHeaders(t *testing.T) {
	cases := []struct {
		headers []fencepost.Header
		want    string
	}{
		{nil, `[]`},
		{[]fencepost.Header{{Key: "trace", Value: []byte{1, 2}}, {Key: "note"}}, `[["trace","AQI="],["note",null]]`},
		{[]fencepost.Header{{Key: "a", Value: []byte{}}, {Key: "a", Value: []byte("x")}}, `[["a",""],["a","eA=="]]`},
		{[]fencepost.Header{{Key: "q\"\\\n\x00é\xff"}}, `[["q\"\\\u000a\u0000é` + "\ufffd" + `",null]]`},
	}
	for _, c := range cases {
		got := string(fencepost.AppendHeaders([]byte("before"), c.headers))
		if got != "before"+c.want {
			t.Errorf("headers %v: got %s, want before%s", c.headers, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		key, value := rapid.String().Draw(t, "key"), rapid.SliceOf(rapid.Byte()).Draw(t, "value")
		got := fencepost.AppendHeaders(nil, []fencepost.Header{{Key: key, Value: value}})
		want, err := json.Marshal([]any{key, append([]byte{}, value...)})
		if err != nil {
			t.Fatal(err)
		}
		var gotValue, wantValue any
		if err := json.Unmarshal(got, &gotValue); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		_ = json.Unmarshal(want, &wantValue)
		if diff := cmp.Diff([]any{wantValue}, gotValue); diff != "" {
			t.Fatalf("headers differ (-want +got):\n%s", diff)
		}
	})
}
