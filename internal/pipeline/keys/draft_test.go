package keys

import "testing"

func TestTableName(t *testing.T) {
	for topic, want := range map[string]string{"flights": "flights", "eu.Trips-v2": "eu_trips_v2", "2001": "t_2001", "...": "t", "größe": "gr_e"} {
		if got := TableName(topic); got != want {
			t.Errorf("TableName(%q): got %q, want %q", topic, got, want)
		}
	}
}
