package dash

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// partition is the page of one partition.
type partition struct {
	frame
	Name       string
	State      state
	Verdict    string
	Since      string
	Says       notice // why it stands as it does; without text: there is nothing to say
	Chain      chain
	Facts      []fact
	Record     *recordBox
	RecordsURL string
	Choices    []choice
	Form       *repairForm // nil: nothing can be chosen
	Left       string      // why there is no choice
	Moves      []move
}

// fact is a name and what it is.
type fact struct {
	Name, Text string
	Mono       string // behind the text: bytes, IDs
}

// choice is one thing that can be done, and what it costs.
type choice struct {
	Pick, Chosen                               bool // it can be planned; it is marked
	Choice, What, Offset, Next, Repeats, Loses string
	Loss                                       bool
	Command                                    string
}

// repairForm is the form by which a choice becomes a plan.
type repairForm struct{ Action, Topic, Whole, Why string }

// chain is the log around a position, linear: so many offsets to each side.
type chain struct {
	Title           string
	Applied, Unread []stretch
	Posts           []stretch
	Left, At, Right string
}

// around is how many offsets of the log a chain has on each side of the position.
const around = 3000

func (d *Dashboard) partition(r request, w *watcher, tp fencepost.TopicPartition) (content, error) {
	m := w.fresh(r.Context(), patience)
	if !m.known() {
		return content{}, d.unknownYet(w, m)
	}
	s, ok := m.standing(tp)
	if !ok {
		return content{}, w.noPartition(m, tp)
	}
	only := m.Positions
	only.Positions = []view.Standing{s}
	if r.form != asPage {
		return content{data: only}, nil
	}
	done, err := d.ask(r)
	if err != nil {
		return content{}, err
	}
	defer done()
	page := d.partitionOf(r.Context(), w, m, s)
	if page.Form != nil {
		page.Form.Why = r.values.Get("why")
	}
	for i := range page.Choices {
		page.Choices[i].Chosen = page.Choices[i].Pick && page.Choices[i].Choice == r.values.Get("choice")
	}
	page.Feed = feed(partitionURL(w.Resources.Group, tp), nil)
	return content{only, "partition", page}, nil
}

// standing is one partition of a moment.
func (m *moment) standing(tp fencepost.TopicPartition) (view.Standing, bool) {
	return (*watch.Moment)(m).Standing(tp)
}

// unknownYet is why there is nothing to show of a pipeline.
func (d *Dashboard) unknownYet(w *watcher, m *moment) error {
	if m != nil && m.Ledger != nil {
		return m.Ledger.Fault
	}
	return &fencepost.UserError{Code: ledgerSilent, Err: fmt.Errorf("the ledger of %s has not answered yet", w.Resources.Group), Help: "load the page again in 2s"}
}

// noPartition is a partition that the group does not have.
func (w *watcher) noPartition(m *moment, tp fencepost.TopicPartition) error {
	var names []string
	for _, s := range m.Positions.Positions {
		names = append(names, s.Name())
	}
	return missing{what: fmt.Sprintf("group %s has no partition %s", w.Resources.Group, printable(tp.String())), near: text.Nearest(tp.String(), names)}
}

// partitionOf is the page of a moment, with what has to be asked for.
func (d *Dashboard) partitionOf(ctx context.Context, w *watcher, m *moment, s view.Standing) *partition {
	page := d.partitionShort(w, m, s)
	tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	if s.Person && s.Position != nil && s.Bounds != nil && s.Verdict.String() == "ok" && !d.cfg.NoRecords {
		page.Record = d.recordAt(ctx, w, tp, s.Position.Offset)
	}
	if s.Person && m.Brokers == nil && m.Ledger == nil {
		w.choose(ctx, m, tp, page)
	}
	for _, one := range w.lastMoves(ctx, m, tp) {
		page.Moves = append(page.Moves, moveOf(one, m.Positions.Clock, w.Resources.Group))
	}
	return page
}

// partitionShort is the page of a moment, as far as the moment has it.
func (d *Dashboard) partitionShort(w *watcher, m *moment, s view.Standing) *partition {
	tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	g := w.Resources.Group
	word := stateOf(s.State)
	page := &partition{frame: d.framed(w, m, "Partition"), Name: s.Name(), State: state{class(word), word}, Verdict: known(s.Verdict), Chain: newChain(s)}
	page.Title, page.RecordsURL = s.Name(), partitionURL(g, tp)+"/records"
	page.Crumbs = append(page.Crumbs, link{Text: s.Name(), URL: partitionURL(g, tp), Here: true})
	now := m.Positions.Time.Time
	if rep := s.Report; rep != nil {
		page.Since = fmt.Sprintf("since %s (%s)", m.Positions.Clock.TimeOfDay(rep.Since.Time), view.Age(now.Sub(rep.Since.Time)))
		if rep.Worker != "" {
			page.Since += ", says worker " + printable(string(rep.Worker))
		}
	}
	if s.Odd || s.Transaction != nil {
		page.Says = notice{Kind: "amber", Code: string(s.Code), Text: printable(s.Told)}
		if page.Says.Text == "" {
			page.Says.Text = printable(string(s.Reason))
		}
		switch {
		case s.Person:
			page.Says.Kind = "red"
		case s.Transaction != nil:
			page.Says.Text += ". It goes on by itself, once the transaction ends; no move is offered"
		}
		if m.Brokers != nil {
			page.Says = notice{}
		}
	}
	page.Facts = w.facts(m, s)
	return page
}

// facts are the numbers of a partition.
func (w *watcher) facts(m *moment, s view.Standing) (list []fact) {
	log := fact{Name: "log", Text: unknown}
	if b := s.Bounds; b != nil {
		log.Text = fmt.Sprintf("%s .. %s, stable %s, topic ID", text.Count(b.Earliest), text.Count(b.End), text.Count(b.Stable))
		log.Mono = string(b.TopicID)
	}
	at := fact{Name: "position", Text: "absent"}
	if p := s.Position; p != nil {
		at.Text = text.Count(p.Offset)
		if p.LeaderEpoch >= 0 {
			at.Text += ", epoch " + p.LeaderEpoch.String()
		}
		if p.Fence != "" {
			at.Text += ", fence"
			at.Mono = string(p.Fence)
		}
	}
	lag := fact{Name: "lag", Text: unknown}
	if s.Lag >= 0 {
		lag.Text = s.Lag.String() + " records, oldest " + known(s.LagTime)
	}
	pace := m.Pace[fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}]
	if pace.Written >= 0 && pace.Applied >= 0 {
		lag.Text += fmt.Sprintf("; %s/s are written, %s/s applied", perSecond(pace.Written), perSecond(pace.Applied))
	}
	last := fact{Name: "last move", Text: "none"}
	if mv := s.LastMove; mv != nil {
		last.Text = fmt.Sprintf("%s %s by %s, %s", mv.Cause, m.Positions.Clock.Time(mv.Time.Time), printable(string(mv.Who)), ago(m.Positions.Time.Time, mv.Time.Time))
	}
	list = []fact{log, at, lag, last}
	if tx := s.Transaction; tx != nil {
		says := fmt.Sprintf("of producer %d", tx.ProducerID)
		if tx.TransactionalID != "" {
			says += " (" + printable(string(tx.TransactionalID)) + ")"
		}
		says += ", from " + text.Count(tx.From)
		if !tx.Since.IsZero() {
			says += ", open since " + m.Positions.Clock.Time(tx.Since.Time)
		}
		list = append(list, fact{Name: "transaction", Text: says})
	}
	if s.CommittedElsewhere != nil {
		list = append(list, fact{Name: "elsewhere", Text: "another program moved it in the Kafka group to " + text.Count(*s.CommittedElsewhere) + "; the ledger decides"})
	}
	return list
}

// newChain draws the log around the position.
func newChain(s view.Standing) chain {
	c := chain{Title: "nothing is known of the log"}
	if s.Position == nil || s.Bounds == nil {
		return c
	}
	p, b := s.Position.Offset, s.Bounds
	x := func(o fencepost.Offset) float64 {
		return min(100, max(0, 50+50*float64(o-p)/around))
	}
	c.Title = fmt.Sprintf("position %s; %s to %s are in the log", text.Count(p), text.Count(b.Earliest), text.Count(b.End))
	add := func(class string, from, until fencepost.Offset) {
		if from < until && x(until) > x(from) {
			c.Unread = append(c.Unread, stretch{Class: class, X: percent(x(from)), W: percent(x(until) - x(from)), Y: "34", H: "9"})
		}
	}
	if from := x(b.Earliest); p > b.Earliest {
		until := x(min(p, b.End))
		c.Applied = []stretch{{Class: "r-applied", X: percent(from), W: percent(until - from), Y: "30", H: "5"}, {Class: "r-applied", X: percent(from), W: percent(until - from), Y: "42", H: "5"}}
	}
	add("r-unread", max(p, b.Earliest), b.Stable)
	add("r-open", max(p, b.Stable), b.End)
	if p < b.Earliest {
		add("r-gap", p, b.Earliest)
	}
	for _, post := range []struct {
		at    fencepost.Offset
		class string
	}{{b.Earliest, "r-edge"}, {b.End, "r-edge"}, {p, "r-pos"}} {
		if at := x(post.at); at > 0 && at < 100 || post.at == p {
			c.Posts = append(c.Posts, stretch{Class: post.class, X: percent(at), Y: "20", W: "3", H: "37"})
		}
	}
	if s.State == "parked" {
		c.Posts = append(c.Posts, stretch{Class: "r-stop", X: "50%", Y: "32", W: "11", H: "11", Move: "translate(2 0)"})
	}
	c.At = "position " + text.Count(p) + ": next to read"
	switch {
	case b.End-p > around:
		c.Right = s.Lag.String() + " unread, to " + text.Count(b.End)
	case b.End > p:
		c.Right = "end " + text.Count(b.End)
	}
	if p-b.Earliest <= around && b.Earliest < p {
		c.Left = "earliest " + text.Count(b.Earliest)
	}
	return c
}

// choose lists what can be done about a partition that needs a person, with what each choice repeats and loses.
func (w *watcher) choose(ctx context.Context, m *moment, tp fencepost.TopicPartition, page *partition) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	chosen := tp.String()
	if s, _ := m.standing(tp); s.Verdict.String() == "recreated" { // its topic moves as a whole
		chosen = tp.Topic
	}
	sel, err := admin.ParseSelection([]string{chosen})
	if err != nil {
		page.Left = "the command line has the choices: " + printable(err.Error())
		return
	}
	v, err := m.View.Only(sel)
	if err != nil {
		page.Left = w.named(err, brokersSilent).Error()
		return
	}
	v.ReadParked(ctx, w.Resources, sel, 1)
	plan, err := admin.PlanRepair(w.Resources, v, sel, admin.Choices{Policy: w.Resources.Policy})
	if err != nil {
		page.Left = w.named(err, brokersSilent).Error()
		return
	}
	plan.Count(ctx, w.Resources)
	all := view.NewRepair(plan)
	for _, o := range all.Options {
		if o.Topic != tp.Topic || o.Partition != tp.Partition {
			continue
		}
		c := choice{Pick: o.Choice != "retry", Choice: o.Choice, What: printable(string(o.Note)), Offset: "absent", Next: text.Count(o.Next.Offset), Repeats: o.Repeats.Loss(), Loses: o.LosesAtMost.Loss(), Loss: o.LosesAtMost != 0}
		if o.Held != nil {
			c.Offset = o.Held.String()
		}
		c.Command = wish{Do: doRepair, Topics: []string{chosen}, Choice: o.Choice}.command(w.File)
		if does := whatChoice(o.Choice); c.What == "" {
			c.What = does
		} else if o.Choice == "retry" { // the note says the same in short
			c.What = does
		} else if does != "" {
			c.What = does + "; " + c.What
		}
		page.Choices = append(page.Choices, c)
	}
	page.Form = &repairForm{Action: groupURL(w.Resources.Group) + "/plan", Topic: chosen}
	if chosen == tp.Topic {
		page.Form.Whole = "The topic was recreated, and moves as a whole: a choice is for all of its partitions."
	}
	if len(page.Choices) == 0 {
		page.Form = nil
		page.Left = "No move mends it."
		if len(all.Stuck) > 0 {
			page.Left = printable(all.Stuck[0])
		}
	}
}

// whatChoice says what a choice does, where the plan has no note about it.
func whatChoice(choice string) string {
	switch choice {
	case "retry":
		return "A worker reads it again, and parks again unless decoder, schema or table was mended"
	case "skip":
		return "Pass the record. It is never applied; the move keeps its place and why"
	case "earliest":
		return "Go on at the first offset that the log has"
	case "latest":
		return "Go on at the end of the log"
	case "divergence":
		return "Go on where the logs part"
	case "mirror":
		return "Go on where the Kafka group was"
	}
	return ""
}

const lastMoves = 6

// lastMoves is the newest moves of one partition, newest first, as far as the ledger says. Commits are those that it keeps.
func (w *watcher) lastMoves(ctx context.Context, m *moment, tp fencepost.TopicPartition) []view.Move {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	told, err := admin.Moves(ctx, w.Resources, admin.Filter{})
	if err != nil {
		return nil
	}
	all := view.NewMoves(told, w.Resources.Group, admin.Filter{}, m.Positions.Time.Time)
	var out []view.Move
	for i := len(all.Moves) - 1; i >= 0 && len(out) < lastMoves; i-- {
		if one := all.Moves[i]; one.Topic == tp.Topic && one.Partition == tp.Partition {
			out = append(out, one)
		}
	}
	return out
}

// recordBox is one record, with what the pipeline's schema makes of it.
type recordBox struct {
	Name, Offset   string
	Fault          string // why there is no record
	Facts          []fact
	Value          string
	Columns        []column
	Error          string
	Before, Behind string // addresses of the pages of its neighbours; empty: there is none
	Bytes          string
	Command        string
}

// column is one column of a row.
type column struct{ Name, Type, Value string }

// recordAt reads a record for a page.
func (d *Dashboard) recordAt(ctx context.Context, w *watcher, tp fencepost.TopicPartition, at fencepost.Offset) *recordBox {
	all, err := admin.Peek(ctx, w.Resources, tp, at, 1)
	if err != nil {
		return &recordBox{Name: tp.String(), Offset: text.Count(at), Fault: printable(w.named(err, brokersSilent).Error())}
	}
	return w.box(view.NewPeek(all).Records[0], tp)
}

// box is a record as a page shows it.
func (w *watcher) box(rec view.Record, tp fencepost.TopicPartition) *recordBox {
	at := partitionURL(w.Resources.Group, tp) + "/records?at="
	b := &recordBox{Name: tp.String(), Offset: text.Count(rec.Offset), Error: printable(string(rec.Error)), Behind: at + strconv.FormatInt(int64(rec.Offset)+1, 10),
		Command: fmt.Sprintf("fencepost offsets peek %s %s:%d", text.Shell(w.File), text.Shell(tp.String()), rec.Offset)}
	if rec.Offset > 0 {
		b.Before = at + strconv.FormatInt(int64(rec.Offset)-1, 10)
	}
	b.Facts = []fact{{Name: "written", Text: written(rec.Timestamp)}, {Name: "key", Mono: shownBytes(rec.Key)}}
	for _, h := range rec.Headers {
		b.Facts = append(b.Facts, fact{Name: "header", Mono: printable(h.Name) + ": " + shownBytes(h.Value)})
	}
	b.Value = shownBytes(rec.Value)
	b.Bytes = sizeOf(rec.Value)
	for _, c := range rec.Columns {
		value := "not read"
		if c.Shown != "-" {
			value = printable(c.Shown)
		}
		b.Columns = append(b.Columns, column{printable(c.Column), c.Type, value})
	}
	return b
}

// written is a time with its offset.
func written(t view.Instant) string {
	clock := text.ClockAt(time.Now())
	return clock.Time(t.Time) + " " + clock.String()
}

// shownBytes is a key or a value as text, or in base64 where it is none.
func shownBytes(b view.Bytes) string {
	switch {
	case b.Base64 == nil:
		return "null"
	case b.Text != nil:
		return printable(*b.Text)
	}
	return "base64 " + printable(*b.Base64)
}

// sizeOf is how long a value is.
func sizeOf(b view.Bytes) string {
	switch {
	case b.Base64 == nil:
		return "null"
	case b.Text != nil:
		return text.Plural(len(*b.Text), "byte")
	}
	n := len(*b.Base64) / 4 * 3
	for i := len(*b.Base64) - 1; i >= 0 && (*b.Base64)[i] == '='; i-- {
		n--
	}
	return text.Plural(n, "byte")
}
