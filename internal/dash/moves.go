package dash

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// moves is the page of a pipeline's history.
type moves struct {
	frame
	Answers []answer
	Causes  []link
	Spans   []link
	Days    []day
	Cause   string
	Since   string
	Filter  string
	Left    string // how many are not shown
	None    string
	Command string
}

// day is the moves of one day, the newest first.
type day struct {
	Name  string
	Moves []move
}

// move is one of them.
type move struct {
	Time, Day string
	Class     string
	Cause     string
	Place     link
	Says      string
	Loss      string
	Why, Who  string
	Held      string
	Next      string
}

// mostMoves is how many moves a page has.
const mostMoves = 500

func (d *Dashboard) moves(r request, w *watcher) (content, error) {
	done, err := d.ask(r)
	if err != nil {
		return content{}, err
	}
	defer done()
	now := time.Now()
	since, cause := r.values.Get("since"), r.values.Get("cause")
	if since == "" {
		since = "7d"
	}
	f := admin.Filter{Gaps: cause == "losses", Commits: cause == "commits"}
	if since != "all" {
		if f.Since, err = text.ParsePast(since, now); err != nil {
			return content{}, &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf("since=%s is neither a duration nor a time", printable(since)), Help: "since=24h, since=2026-11-21T03:00, or since=all"}
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), w.timeout)
	defer cancel()
	told, err := admin.Moves(ctx, w.Resources, f)
	if err != nil {
		return content{}, w.named(err, ledgerSilent)
	}
	all := view.NewMoves(told, w.Resources.Group, f, now)
	m, _ := w.now()
	page := &moves{frame: d.framed(w, m, "Moves"), Cause: cause, Since: since, Filter: strings.TrimSpace(r.values.Get("q"))}
	page.Live = "as of " + all.Clock.TimeOfDay(now)
	page.answer(w, m, all)
	at := groupURL(w.Resources.Group) + "/moves"
	for _, c := range []struct{ word, text string }{{"", "all but commits"}, {"losses", "losses only"}, {"commits", "commits too"}} {
		page.Causes = append(page.Causes, link{c.text, at + query("cause", c.word, "since", r.values.Get("since"), "q", page.Filter), c.word == cause})
	}
	for _, s := range []string{"24h", "7d", "all"} {
		page.Spans = append(page.Spans, link{s, at + query("cause", cause, "since", s, "q", page.Filter), s == since})
	}
	page.fill(all, w.Resources.Group)
	page.Command = "fencepost moves " + text.Shell(w.File) + map[bool]string{true: " --gaps"}[f.Gaps] + map[bool]string{true: " --commits"}[f.Commits]
	if since != "all" {
		page.Command += " --since " + text.Shell(since)
	}
	return content{all, "moves", page}, nil
}

// query is an address's query of names and values; empty ones are left out.
func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// answer sums the moves.
func (page *moves) answer(w *watcher, m *moment, all view.Moves) {
	lost := func(of *view.Moves, span string) answer {
		a := answer{Question: "Records lost, " + span, Says: unknown}
		if of == nil {
			return a
		}
		if a.Says = atMost(of.AtMost); len(of.Unknown) > 0 {
			a.Says, a.More = unknown, of.NeverApplied()
			return a
		}
		if a.More = "no gap, no skip"; len(of.Moves) > 0 {
			a.More = text.Plural(len(of.Moves), "move")
		}
		return a
	}
	var day, week *view.Moves
	if m != nil {
		day, week = m.Day, m.Week
	}
	again, rewinds := fencepost.Offset(0), 0
	for _, one := range all.Moves {
		if one.Held != nil && one.Next != nil && one.Next.Offset < one.Held.Offset {
			again, rewinds = again+one.Held.Offset-one.Next.Offset, rewinds+1
		}
	}
	shown := answer{Question: "Moves here", Says: text.Count(len(all.Moves)), More: "since " + page.Since}
	if page.Since == "all" {
		shown.More = "since the first"
	}
	repeated := answer{Question: "Applied again, here", Says: text.Count(again), More: text.Plural(rewinds, "rewind")}
	folded := answer{Question: "Commits, here", Says: text.Count(all.Folded), More: "folded"}
	if page.Cause == "commits" {
		folded.Says, folded.More = "shown", "as the ledger kept them"
	}
	if page.Cause == "losses" {
		repeated.Says, repeated.More, folded.Says, folded.More = unknown, "losses alone were asked for", unknown, "losses alone were asked for"
	}
	page.Answers = []answer{lost(day, "24h"), lost(week, "7d"), repeated, folded, shown}
}

// fill lays the moves out by day, the newest first; the same move of neighbouring partitions is one line.
func (page *moves) fill(all view.Moves, g fencepost.Group) {
	var list []move
	runs := all.Runs()
	slices.Reverse(runs)
	for _, run := range runs {
		one := moveOf(run.Move, all.Clock, g)
		one.Place.Text = run.Name
		words := strings.ToLower(run.Name + " " + one.Cause + " " + one.Who + " " + one.Why)
		if page.Filter != "" && !strings.Contains(words, strings.ToLower(page.Filter)) {
			continue
		}
		list = append(list, one)
	}
	if more := len(list) - mostMoves; more > 0 {
		page.Left = text.Count(more) + " older moves are not shown: csv and json have all"
		list = list[:mostMoves]
	}
	for _, one := range list {
		if n := len(page.Days); n == 0 || page.Days[n-1].Name != one.Day {
			page.Days = append(page.Days, day{Name: one.Day})
		}
		last := &page.Days[len(page.Days)-1]
		last.Moves = append(last.Moves, one)
	}
	if len(list) == 0 {
		page.None = "no move"
		if page.Cause == "losses" {
			page.None = "no gap, no skip: nothing was lost"
		}
	}
}

// moveOf is a move as pages show it.
func moveOf(m view.Move, clock text.Clock, g fencepost.Group) move {
	when := clock.Time(m.Time.Time)
	out := move{Time: clock.TimeOfDay(m.Time.Time), Day: when[:min(len(when), len("2006-01-02"))], Cause: m.Cause, Why: printable(string(m.Why)), Who: printable(string(m.Who)), Held: "absent", Next: "absent",
		Place: link{Text: fmt.Sprintf("%s:%d", m.Topic, m.Partition), URL: partitionURL(g, fencepost.TopicPartition{Topic: m.Topic, Partition: m.Partition})}}
	if m.Held != nil {
		out.Held = m.Held.String()
	}
	if m.Next != nil {
		out.Next = m.Next.String()
	}
	out.Says = out.Held + " to " + out.Next
	if m.Held != nil && m.Next != nil && m.Next.Offset < m.Held.Offset {
		out.Says += ", applies " + text.Count(m.Held.Offset-m.Next.Offset) + " again"
	}
	if m.Commits > 1 {
		out.Cause = text.Plural(m.Commits, "commit")
	}
	switch {
	case m.AtMostUnknown:
		out.Loss = "loses an unknown number"
	case m.AtMost > 0:
		out.Loss = "loses at most " + text.Count(m.AtMost)
	}
	switch m.Cause {
	case "rewind", "gap", "skip", "start":
		out.Class = m.Cause
	default:
		out.Class = "event"
	}
	return out
}
