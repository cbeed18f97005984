package fencepost_test

import (
	"fmt"
	"testing"

	"github.com/fencepost/fencepost"
)

func TestParsePlace(t *testing.T) {
	for _, test := range []struct {
		text string
		want fencepost.Place
	}{
		{"7572312875143250001/2", fencepost.Place{System: "7572312875143250001", Timeline: 2}},
		{"s/18446744073709551615", fencepost.Place{System: "s", Timeline: 1<<64 - 1}},
		{"", fencepost.Place{}},
		{"/2", fencepost.Place{}},
		{"s", fencepost.Place{}},
		{"s/", fencepost.Place{}},
		{"s/-1", fencepost.Place{}},
		{"s/1/2", fencepost.Place{}},
		{"a b/1", fencepost.Place{}},
	} {
		got := fencepost.ParsePlace(test.text)
		if got != test.want {
			t.Errorf("%q is read as %+v, want %+v", test.text, got, test.want)
		}
		if back := fencepost.ParsePlace(got.String()); back != got {
			t.Errorf("%+v comes back as %+v", got, back)
		}
	}
}

func ExamplePlace_Before() {
	old := fencepost.Place{System: "7572312875143250001", Timeline: 1}
	promoted := fencepost.ParsePlace("7572312875143250001/2")
	elsewhere := fencepost.ParsePlace("7572318800000000000/9")
	fmt.Println(old.Before(promoted), promoted.Before(old), old.Before(elsewhere), fencepost.Place{}.Before(promoted))
	// Output: true false false false
}
