package ledger

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
)

// Letters is an optional ability of a Ledger: beside a group's positions it keeps dead letters, which are records that could not
// be applied, as they were read. A lane of the ledger's own sink writes them in the commit that passes their records
// (sink.Commit.Dead), and takes them out in the commit that applies them after all (sink.Commit.Removed).
type Letters interface {
	// PrepareLetters makes the place for letters where there is none and this user may. It is called before a run that may
	// write letters, and changes nothing the second time.
	//
	// Errors: *fencepost.UserError dead-letters-missing with the remedy, where there is none and this user may not make it.
	PrepareLetters(context.Context, fencepost.Group) error
	// Letters yields the group's letters by topic, partition, offset, and then by the topic's ID. One that is written or removed
	// meanwhile may be among them or not. It makes nothing in the store; where there is no place for letters, there are none.
	Letters(context.Context, fencepost.Group) iter.Seq2[Letter, error]
	// LetterCounts counts the group's letters that wait, those that were discarded left out. It makes nothing in the store.
	LetterCounts(context.Context, fencepost.Group) (map[fencepost.TopicPartition]int64, error)
	// LettersFrom names the group's letters at or past these offsets, discarded ones too: a commit that passes their records
	// again takes them out. It makes nothing in the store.
	LettersFrom(context.Context, fencepost.Group, map[fencepost.TopicPartition]fencepost.Offset) ([]LetterID, error)
	// Discard says of letters that nobody is going to replay them: key, value and headers are emptied, and place, code,
	// reason and times remain, with who discarded them and why. All of them or none.
	//
	// Errors: ErrLetterGone where one is not there, or is discarded already.
	Discard(ctx context.Context, w Actor, ids []LetterID, why string) error
}

// LetterChecker is an optional ability of a Letters: it says beforehand what PrepareLetters would.
type LetterChecker interface {
	// CheckLetters looks whether there is a place for letters that this user may write, or whether they may make one. It changes nothing.
	//
	// Errors: those of PrepareLetters.
	CheckLetters(context.Context, fencepost.Group) error
}

// ErrLetterGone says that a letter that was to be removed or discarded is not there any more: another replay was faster.
// Returned, wrapped, by Letters.Discard and by sink.Lane.Commit of a commit without moves; nothing happened.
var ErrLetterGone = errors.New("the dead letter is not there any more")

// LetterID names a letter within its group. A topic that was recreated has the same offsets again, so that the ID of the topic
// belongs to the name.
type LetterID struct {
	fencepost.TopicPartition
	TopicID fencepost.TopicID // zero: the brokers had none
	Offset  fencepost.Offset
}

// DeadLetter is one record that could not be applied, as it was read, and why.
type DeadLetter struct {
	LetterID
	Timestamp  int64  // of the record, Unix milliseconds
	Key, Value []byte // nil: the record has none
	Headers    []fencepost.Header
	Code       string // record-undecodable, record-refused
	Reason     string // for people
}

// Letter is a DeadLetter as a ledger keeps it.
type Letter struct {
	DeadLetter
	At        time.Time // when it was written, by the clock of the store or of the worker
	Who       string    // the worker that wrote it
	Discarded string    // who discarded it, when and why; empty: it waits
}

// mostLetterReason bounds the reason of a letter, in bytes: a decoder may quote a whole value in it.
const mostLetterReason = 2000

// Bounded is the letter with a code and a reason that every store keeps: of a bounded length, in UTF-8, without zero bytes. A
// decoder may quote a value in them, which the letter holds as it is.
func (l DeadLetter) Bounded() DeadLetter {
	l.Code, l.Reason = printable(l.Code), cut(printable(l.Reason), mostLetterReason)
	return l
}

func printable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\\0")
}
