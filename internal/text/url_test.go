package text

import "testing"

// H12: a password with special characters is noticed before a part of it is taken for a host.
func TestH12UnencodedPasswords(t *testing.T) {
	for url, want := range map[string]bool{
		"postgres://app:p@ss/w:rd#1@db/shop":             true,
		"postgres://app:pass/word@db/shop":               true,
		"postgres://app:pass#word@db/shop":               true,
		"postgres://app:pass?word@db/shop":               true,
		"postgres://app:p@ss@db/shop":                    false, // the last @ ends it, to each of our drivers
		"postgres://app:p%40ss%2Fw%3Ard%231@db/shop":     false,
		"postgres://db/shop?application_name=a@b":        false,
		"postgres:///shop?host=/run/postgresql&user=a@b": false,
		"postgres://db?user=a@b":                         false,
		"postgres://app@db":                              false,
		"host=db password=p@ss/w:rd#1":                   false,
		"app:p@ss/w@tcp(db:3306)/shop":                   false,
		"":                                               false,
	} {
		if got := UnencodedPassword(url); got != want {
			t.Errorf("UnencodedPassword(%q): %v, want %v", url, got, want)
		}
	}
}
