package foreign

import "slices"

// Meaning says what a number stands for that another program stored. The same bytes are written as either of them, so
// the number does not show which: the user who imports one has to know.
type Meaning uint8

// The meanings. The zero Meaning is unset and resumes nowhere.
const (
	MeaningUnset         Meaning = iota
	MeaningNext                  // next to read: Spark's range.untilOffset, a Kafka group's committed offset
	MeaningBatchStart            // saved before the results: that batch is repeated
	MeaningLastProcessed         // a record's own offset: the next is one further
)

var meanings = [...]string{"unset", "next", "batch-start", "last-processed"}

// String is the word of the command line.
func (m Meaning) String() string { return meanings[m] }

// ParseMeaning reads the word of the command line; ok is false for any other word, "unset" too.
func ParseMeaning(s string) (m Meaning, ok bool) {
	for m := MeaningNext; int(m) < len(meanings); m++ {
		if meanings[m] == s {
			return m, true
		}
	}
	return MeaningUnset, false
}

// Meanings are the words that [ParseMeaning] reads.
func Meanings() []string { return slices.Clone(meanings[MeaningNext:]) }
