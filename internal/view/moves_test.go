package view

import "testing"

// What was passed is named as what it was: a number, records of an old topic, or an unknown number of a topic's.
func TestNeverApplied(t *testing.T) {
	for want, moves := range map[string]Moves{
		"at most 10,801 records were never applied":                                                            {AtMost: 10_801},
		"at most 7 records were never applied, and an unknown number of the old topic weather":                 {AtMost: 7, Unknown: []string{"weather"}, Old: []string{"weather"}},
		"an unknown number of records of topic trips were never applied":                                       {Unknown: []string{"trips"}},
		"an unknown number of records of the old topic a were never applied, and an unknown number of topic b": {Unknown: []string{"b", "a"}, Old: []string{"a"}},
	} {
		if got := moves.NeverApplied(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
