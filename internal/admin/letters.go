package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// LetterFilter chooses dead letters. The zero LetterFilter takes all.
type LetterFilter struct {
	Topics []string
	Code   string
	Since  time.Time     // written at that time or later
	Places []LetterPlace // these alone
	Waits  bool          // those that were discarded are left out
}

// LetterPlace names the letters of one record's place: one, or one for each incarnation of the topic.
type LetterPlace struct {
	fencepost.TopicPartition
	Offset fencepost.Offset
}

// ParsePlace reads TOPIC:PARTITION:OFFSET.
func ParsePlace(word string) (at LetterPlace, ok bool) {
	parts := strings.Split(word, ":")
	if len(parts) != 3 || parts[0] == "" {
		return at, false
	}
	partition, err := strconv.ParseInt(parts[1], 10, 32)
	n, counted := text.ParseCount(parts[2])
	return LetterPlace{fencepost.TopicPartition{Topic: parts[0], Partition: int32(partition)}, fencepost.Offset(n)}, err == nil && partition >= 0 && counted
}

// takes reports whether the filter chooses a letter.
func (f LetterFilter) takes(l ledger.Letter) bool {
	return (len(f.Topics) == 0 || slices.Contains(f.Topics, l.Topic)) && (f.Code == "" || f.Code == l.Code) && !l.At.Before(f.Since) &&
		(len(f.Places) == 0 || slices.Contains(f.Places, LetterPlace{l.TopicPartition, l.Offset})) && !(f.Waits && l.Discarded != "")
}

// Letters reads the dead letters of a group that a filter chooses, in order.
//
// Errors: *fencepost.UserError no-letters where the ledger keeps none at all; nothing-selected where a place has none.
func Letters(ctx context.Context, r Resources, f LetterFilter) (all []ledger.Letter, err error) {
	kept, err := r.letters(ctx)
	if err != nil {
		return nil, err
	}
	found := map[LetterPlace]bool{}
	for l, err := range kept.Letters(ctx, r.Group) {
		if err != nil {
			return nil, err
		}
		if f.takes(l) {
			all = append(all, l)
			found[LetterPlace{l.TopicPartition, l.Offset}] = true
		}
	}
	for _, p := range f.Places {
		if !found[p] {
			return nil, &fencepost.UserError{Code: "nothing-selected", Exit: 2, Err: fmt.Errorf("group %s has no dead letter at %s:%d that was chosen", r.Group, p.TopicPartition, p.Offset),
				Help: "fencepost dead-letters list FILE lists what there is"}
		}
	}
	if len(all) == 0 {
		return nil, r.known(ctx)
	}
	return all, nil
}

// letters is the ledger as one that keeps letters.
func (r Resources) letters(ctx context.Context) (ledger.Letters, error) {
	if err := r.exists(ctx); err != nil {
		return nil, err
	}
	kept, able := ledger.As[ledger.Letters](r.Ledger)
	if !able {
		return nil, &fencepost.UserError{Code: "no-letters", Exit: 2, Err: fmt.Errorf("the ledger of group %s keeps no dead letters", r.Group),
			Help: "they are kept by postgres, mysql, sqlite and redis, beside the rows that they write"}
	}
	return kept, nil
}

// Discard says of letters that nobody is going to replay them: their records are emptied, and who did it, when and why stays.
func Discard(ctx context.Context, r Resources, letters []ledger.Letter, why string) error {
	kept, err := r.letters(ctx)
	if err != nil || len(letters) == 0 {
		return err
	}
	ids := make([]ledger.LetterID, len(letters))
	for i, l := range letters {
		ids[i] = l.LetterID
	}
	says := fmt.Sprintf("by %s at %s", r.Who, r.now().UTC().Format(time.RFC3339))
	if why != "" {
		says += ": " + why
	}
	err = kept.Discard(ctx, ledger.Actor{Group: r.Group, Who: r.Who}, ids, says)
	if errors.Is(err, ledger.ErrLetterGone) {
		err = &fencepost.UserError{Code: "plan-stale", Exit: 4, Err: fmt.Errorf("%w; nothing was changed", err), Help: "plan again: another command was faster"}
	}
	return err
}

// Replayed is what became of one letter that was replayed.
type Replayed struct {
	ledger.Letter
	Outcome string // applied, bad or gone
	Why     string // of one that is bad
}

// ReplayLetters applies letters by the pipeline's decoder and sink, and reports each. What was applied before an error stands.
//
// Errors: *fencepost.UserError usage for a URL, which names no pipeline; those of the sink.
func ReplayLetters(ctx context.Context, r Resources, letters []ledger.Letter) (all []Replayed, err error) {
	if r.Replay == nil {
		return nil, &fencepost.UserError{Code: "usage", Exit: 2, Err: errors.New("a replay goes through a pipeline's decoder and sink, and a URL names none"), Help: "name the pipeline file"}
	}
	err = r.Replay(ctx, letters, func(one Replayed) { all = append(all, one) })
	return all, err
}
