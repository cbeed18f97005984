package dash

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// letters is the page of a pipeline's dead letters.
type letters struct {
	frame
	Codes   []link
	Rows    []letterRow
	Left    string
	None    string
	Says    string
	Action  string
	Code    string       // that the list is of; empty: all
	Waiting bool         // a letter of the list waits
	One     []*letterBox // the letter that was asked for: one for each incarnation of its topic
	Command string
}

// letterRow is one letter in the list.
type letterRow struct {
	Time, Code, Reason, Bytes, Discarded string
	Place                                link
	Name                                 string // as forms take it; empty: it was discarded
	Here                                 bool
}

// letterBox is one letter whole.
type letterBox struct {
	recordBox
	Letter                    []fact
	Replay, Discard, GoneSays string
	At                        string // as forms take it
}

const mostLetters = 200

func (d *Dashboard) letters(r request, w *watcher) (content, error) {
	done, err := d.ask(r)
	if err != nil {
		return content{}, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), w.timeout)
	defer cancel()
	code := r.values.Get("code")
	m, _ := w.now()
	page := &letters{frame: d.framed(w, m, "Dead letters"), Command: "fencepost dead-letters list " + text.Shell(w.File),
		Action: groupURL(w.Resources.Group) + "/plan", Code: code}
	found, err := admin.Letters(ctx, w.Resources, admin.LetterFilter{Code: code})
	if err != nil {
		fault := w.named(err, ledgerSilent)
		if fault.Code != "no-letters" {
			return content{}, fault
		}
		page.None = fault.Error() + ": " + fault.Help
	}
	now := time.Now()
	all := view.NewLetters("dead-letters list", w.Resources.Group, found, now)
	page.Live = "as of " + all.Clock.TimeOfDay(now)
	at := groupURL(w.Resources.Group) + "/dead-letters"
	page.Codes = append(page.Codes, link{"all codes", at, code == ""})
	for _, c := range all.Codes {
		page.Codes = append(page.Codes, link{fmt.Sprintf("%s (%s)", c.Code, text.Count(c.Count)), at + query("code", c.Code), c.Code == code})
	}
	want := r.values.Get("at")
	for i := len(all.Letters) - 1; i >= 0; i-- {
		one := all.Letters[i]
		if len(page.Rows) == mostLetters {
			page.Left = text.Count(i+1) + " older letters are not shown: csv and json have all"
			break
		}
		name := one.Name()
		if one.Discarded != "" {
			name = ""
		}
		page.Waiting = page.Waiting || name != ""
		page.Rows = append(page.Rows, letterRow{Name: name, Time: all.Clock.Time(one.Written.Time), Code: printable(one.Code), Reason: printable(string(one.Reason)), Bytes: text.Count(one.Bytes),
			Discarded: printable(string(one.Discarded)), Place: link{Text: fmt.Sprintf("%s:%d at %s", printable(one.Topic), one.Partition, text.Count(one.Offset)),
				URL: at + query("code", code, "at", one.Name()) + "#letter"}, Here: one.Name() == want})
	}
	switch {
	case page.None != "":
	case len(all.Letters) == 0:
		page.None = "No dead letter. Records that cannot be applied park their partition, unless on_error keeps them here."
	default:
		page.Says = text.Plural(all.Waiting, "dead letter") + " wait" + map[bool]string{true: "s"}[all.Waiting == 1] + ", " + text.Count(all.Discarded) + " discarded. Each record was kept whole, in the commit of its batch."
	}
	if want != "" && !d.cfg.NoRecords {
		if err := page.show(ctx, w, want, now); err != nil {
			return content{}, err
		}
	}
	return content{all, "letters", page}, nil
}

// show adds the letters of one place.
func (page *letters) show(ctx context.Context, w *watcher, place string, now time.Time) error {
	i := strings.LastIndexByte(place, ':')
	tp, ok := partitionOf(place[:max(i, 0)])
	at, err := strconv.ParseInt(place[i+1:], 10, 64)
	if !ok || err != nil {
		return &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf("at=%s is not TOPIC:PARTITION:OFFSET", printable(place)), Help: "choose a letter of the list"}
	}
	found, err := admin.Letters(ctx, w.Resources, admin.LetterFilter{Places: []admin.LetterPlace{{TopicPartition: tp, Offset: fencepost.Offset(at)}}})
	if err != nil {
		return w.named(err, ledgerSilent)
	}
	for _, one := range view.NewShownLetters(w.Resources.Group, found, w.Resources.Decode, now).Letters {
		b := &letterBox{recordBox: *w.box(*one.Record, tp)}
		b.Letter = []fact{{Name: "code", Text: printable(one.Code)}, {Name: "reason", Text: printable(string(one.Reason))},
			{Name: "dead since", Text: text.ClockAt(now).Time(one.Written.Time) + ", by " + printable(string(one.Who))}}
		command := func(verb string) string {
			return fmt.Sprintf("fencepost dead-letters %s %s %s --execute", verb, text.Shell(w.File), text.Shell(one.Name()))
		}
		b.Replay, b.Discard = command("replay"), command("discard")
		b.At = one.Name()
		if one.Discarded != "" {
			b.GoneSays = "discarded " + printable(string(one.Discarded))
		}
		page.One = append(page.One, b)
	}
	return nil
}
