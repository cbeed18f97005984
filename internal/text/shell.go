package text

import (
	"regexp"
	"strings"
)

// bare is what a shell takes as one word, as it is.
var bare = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// Shell is a word as a shell takes it: as it is, or in single quotes.
func Shell(word string) string {
	if bare.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
