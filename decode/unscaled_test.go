package decode

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
)

// What a decimal may be besides a number is what its field says, and nothing else: base64 of digits is not read as digits.
func TestEncodingsOfADecimal(t *testing.T) {
	const none = "none"
	for value, want := range map[string][3]string{ // :: JSON -> by Digits, Unscaled with scale 2, NumberOnly
		`1234.5`:                                {"1234.5", "1234.5", "1234.5"},
		`"1234.5"`:                              {"1234.5", none, none},
		`"1234"`:                                {"1234", "-26588.24", none},
		`"BNI="`:                                {none, "12.34", none},
		`"\/4A="`:                               {none, "-1.28", none},
		`""`:                                    {none, "0.00", none},
		`"BNI"`:                                 {none, none, none},
		`{"scale":3,"value":"BNI="}`:            {none, "1.234", none},
		`{ "value" : "BNI=" , "scale" : -2 }`:   {none, "123400", none},
		`{"scale":2046,"value":"BNI="}`:         {none, none, none},
		`{"scale":3}`:                           {none, none, none},
		`{"scale":3,"value":"BNI=","more":1}`:   {none, none, none},
		`{}`:                                    {none, none, none},
		`"` + strings.Repeat("f39/", 400) + `"`: {none, none, none},
		`{"scale":9223372036854775807,"value":"BNI="}`: {none, none, none},
		`{"scale":1e2,"value":"BNI="}`:                 {none, none, none},
		`{"scale":"2","value":"BNI="}`:                 {none, none, none},
		`true`:                                         {none, none, none},
	} {
		for e, want := range want {
			f := Field{Column: "c", Type: fencepost.Decimal, Encoding: Encoding(e), Scale: 2}
			col := fencepost.Column{Name: "c", Type: f.Type}
			var s scanner
			var tok token
			if s.whole([]byte(value), &tok) < 0 {
				t.Fatalf("%s is no JSON", value)
			}
			got := none
			if _, ok := f.append(&col, []byte(value), &tok, nil); ok {
				got = col.Text(0)
			} else if reason := f.misfit([]byte(value), &tok); reason == "" {
				t.Errorf("%s by %d: no reason", value, e)
			}
			if got != want {
				t.Errorf("%s by %d: got %s, want %s", value, e, got, want)
			}
		}
	}
}
