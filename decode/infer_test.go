package decode

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
)

func sliceOf(samples ...[]byte) iter.Seq[[]byte] { return slices.Values(samples) }

func stringsOf(samples ...string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, s := range samples {
			if !yield([]byte(s)) {
				return
			}
		}
	}
}

// lines are the inferred columns the way init writes them.
func lines(in Inference) []string {
	var s []string
	for _, c := range in.Columns {
		line := c.Column + ": " + c.Type.String()
		if c.From != "" {
			line += fmt.Sprintf(" from=%q", c.From)
		}
		if c.Missing != (Rule{}) {
			line += " missing=" + c.Missing.String()
		}
		s = append(s, line+" # "+c.Comment)
	}
	return s
}

func TestInferFlights(t *testing.T) {
	in := Infer(stringsOf(
		`{"date":"2001-01-01T00:01:00","delay":-51,"distance":56,"origin":"ATL","destination":"ORD"}`,
		`{"date":"2001-01-01T00:02:00","delay":573,"distance":2704,"origin":"ATL","destination":"LAX"}`,
	))
	if !in.IsJSON() || !in.SameFields || in.Objects != 2 {
		t.Errorf("got %+v, want 2 objects with the same fields", in)
	}
	want := []string{
		"date: timestamp # 2001-01-01T00:01:00 in the sample: no zone, read as UTC",
		"delay: int # -51 .. 573",
		"distance: int # 56 .. 2,704",
		"origin: text # 1 value, at most 3 characters",
		"destination: text # 2 values, at most 3 characters",
	}
	if diff := cmp.Diff(want, lines(in)); diff != "" {
		t.Errorf("columns differ (-want +got):\n%s", diff)
	}
}

func TestInferTypes(t *testing.T) {
	in := Infer(stringsOf(
		`{"":0,"f":1,"d":0.12345678901234567,"b":true,"z":"00501","t":"2026-11-21T03:04:05Z","day":"2026-11-21",`+
			`"big":9223372036854775808,"o":{"a":1},"m":1,"n":null,"_topic":"x","nul":"\u0000","one":"é","u":"2026-11-21T03:04:05Z"}`,
		`{"f":-1234.5,"d":7,"b":false,"z":"10001","t":"2026-11-21T03:04:06+01:00","day":"2026-11-22",`+
			`"big":1,"o":[1],"m":"1","n":null,"topic":"y","nul":"","one":"x","u":null}`,
		`{"f":0,"u":"2026-11-21 03:04:05"}`,
	))
	want := []string{
		"f: float # -1,234.5 .. 1; decimal for money",
		"d: decimal missing=null # 0.12345678901234567 .. 7; missing in 1 of 3",
		"b: bool missing=null # true 1 times, false 1 times; missing in 1 of 3",
		"z: text missing=null # 2 values, at most 5 characters; missing in 1 of 3",
		"t: timestamp missing=null # 2026-11-21T03:04:05Z in the sample; missing in 1 of 3",
		"day: text missing=null # 2 values, at most 10 characters; missing in 1 of 3",
		"big: decimal missing=null # 1 .. 9,223,372,036,854,775,808; missing in 1 of 3",
		"o: json missing=null # objects, arrays; missing in 1 of 3",
		"m: json missing=null # strings, numbers; missing in 1 of 3",
		"n: json missing=null # null in every sample; missing in 1 of 3",
		`topic: text from="\"_topic\"" missing=null # 1 value, at most 1 character; missing in 2 of 3`,
		"nul: json missing=null # strings; missing in 1 of 3",
		"one: text missing=null # 2 values, at most 1 character; missing in 1 of 3",
		"u: timestamp # 2026-11-21 03:04:05 in the sample: those without zone are read as UTC; null in 1",
		`topic_2: text from="topic" missing=null # 1 value, at most 1 character; missing in 2 of 3`,
	}
	if diff := cmp.Diff(want, lines(in)); diff != "" {
		t.Errorf("columns differ (-want +got):\n%s", diff)
	}
	if in.SameFields {
		t.Error("SameFields is true, but the third sample has other fields")
	}
}

func TestInferWhatIsNotJSON(t *testing.T) {
	cases := []struct {
		name    string
		samples [][]byte
		isJSON  bool
		reason  string
	}{
		{"none", nil, false, ""},
		{"tombstones only", [][]byte{nil, nil}, false, ""},
		{"objects and tombstones", [][]byte{nil, []byte(`{"a":1}`)}, true, ""},
		{"csv", [][]byte{[]byte("ATL,12")}, false, "value is not JSON at byte 0: ATL"},
		{"one of two", [][]byte{[]byte(`{"a":1}`), []byte(`[1]`)}, false, "value is an array, not an object"},
		{"empty value", [][]byte{{}}, false, "value is not JSON at byte 0: it is empty"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := Infer(sliceOf(c.samples...))
			if in.IsJSON() != c.isJSON || in.NotObject != c.reason {
				t.Errorf("got IsJSON %v because %q, want %v because %q", in.IsJSON(), in.NotObject, c.isJSON, c.reason)
			}
		})
	}
}

func TestInferCountsManyValues(t *testing.T) {
	in := Infer(func(yield func([]byte) bool) {
		for i := range maxValues + 5 {
			if !yield(fmt.Appendf(nil, `{"s":"%d"}`, i)) {
				return
			}
		}
	})
	want := []string{"s: text # more than 10,000 values, at most 5 characters"}
	if diff := cmp.Diff(want, lines(in)); diff != "" {
		t.Errorf("columns differ (-want +got):\n%s", diff)
	}
	if in.Columns[0].Type != fencepost.Text || in.Samples != maxValues+5 {
		t.Errorf("got %d samples of %s", in.Samples, in.Columns[0].Type)
	}
}

// H11: a number that is a time since 1970 is told as one.
func TestH11EpochsAreNamed(t *testing.T) {
	for value, want := range map[string]string{`{"at":1793491200000}`: "always 1,793,491,200,000; looks like epoch ms", `{"at":1793491200}`: "always 1,793,491,200; looks like epoch s",
		`{"at":1793491200000000}`: "always 1,793,491,200,000,000; looks like epoch us", `{"at":9007199254740993}`: "always 9,007,199,254,740,993", `{"at":12}`: "always 12"} {
		in := Infer(func(yield func([]byte) bool) { yield([]byte(value)) })
		if got := in.Columns[0].Comment; got != want {
			t.Errorf("%s: got %q, want %q", value, got, want)
		}
	}
}
