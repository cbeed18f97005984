package dash

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/internal/watch"
)

// partitions is the page of one pipeline.
type partitions struct {
	frame
	Answers []answer
	Items   []item
	Axis    axis
	Other   link // the other scale
	Table   table
	Heat    *heat
	Workers []workerRow
	Nobody  string // why there is no row of a worker
	Words   string
	Because string
	Good    bool
	Empty   string // what to do, where there is no partition
}

// table is the rows that are shown, and how many are not.
type table struct {
	ID     string
	Rows   []row
	Count  string
	Lag    string
	Oldest string
	Pace   string
	Hidden string
	More   []link
	Filter string
	All    int
}

// row is one partition.
type row struct {
	ID      string
	Name    link
	State   state
	Verdict string // where it is not ok
	Calm    bool   // nothing is wrong with it
	Offset  string
	Bar     bar
	End     string
	Lag     string
	LagTime string
	Applied string
	Written string
	Move    string
	Who     string
}

// workerRow is one worker.
type workerRow struct{ Who, Up, Since, Member, Instance string }

const (
	foldAbove = 40 // rows, above which those that are well are shown by the page
	pageRows  = 60
	mostRows  = 20_000
	heatAbove = 100
)

// shown is which rows a page wants.
type shown struct {
	filter string
	rows   int
	linear bool
}

func shownBy(v url.Values) shown {
	s := shown{filter: strings.TrimSpace(v.Get("q")), rows: pageRows, linear: v.Get("scale") == "linear"}
	if v.Get("rows") == "all" {
		s.rows = mostRows
	} else if n, err := strconv.Atoi(v.Get("rows")); err == nil && n > 0 {
		s.rows = min(n, mostRows)
	}
	return s
}

// query is the same as an address has it.
func (s shown) query(rows string, linear bool) string {
	v := url.Values{}
	if s.filter != "" {
		v.Set("q", s.filter)
	}
	if rows != "" {
		v.Set("rows", rows)
	}
	if linear {
		v.Set("scale", "linear")
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// takes reports whether a filter chooses a partition: by its name, its state, its verdict, or who moved it.
func (s shown) takes(one view.Standing) bool {
	if s.filter == "" {
		return true
	}
	words := strings.ToLower(one.Name() + " " + stateOf(one.State) + " " + one.Verdict.String())
	if m := one.LastMove; m != nil {
		words += " " + strings.ToLower(string(m.Who))
	}
	return strings.Contains(words, strings.ToLower(s.filter))
}

func (d *Dashboard) partitions(r request, w *watcher) (content, error) {
	m := w.fresh(r.Context(), patience)
	page := d.partitionsOf(w, m, shownBy(r.values))
	page.Feed = feed(groupURL(w.Resources.Group), r.values)
	if !m.known() {
		page.Feed += "&u=1"
	}
	if !m.known() && r.form != asPage {
		if m != nil && m.Ledger != nil {
			return content{}, m.Ledger.Fault
		}
		return content{}, &fencepost.UserError{Code: ledgerSilent, Err: fmt.Errorf("the ledger of %s has not answered yet", w.Resources.Group), Help: "ask again in 2s"}
	}
	var data any
	if m != nil {
		data = m.Positions
	}
	return content{data, "partitions", page}, nil
}

// partitionsOf is the page of a moment.
func (d *Dashboard) partitionsOf(w *watcher, m *moment, want shown) *partitions {
	page := &partitions{frame: d.framed(w, m, "Partitions"), Words: w.Promise.Words, Because: w.Promise.Because, Good: w.Promise.Words == "exactly once"}
	g := w.Resources.Group
	if !m.known() {
		page.Answers = []answer{{Question: "What stands", Says: unknown}, {Question: "What lags", Says: unknown}, {Question: "What was lost", Says: unknown},
			{Question: "Who moved it", Says: unknown}, {Question: "What to do", Says: "wait", More: "neither ledger nor brokers have answered"}}
		page.Nobody, page.Table.Count = unknown, "0"
		return page
	}
	p, now := m.Positions, m.Positions.Time.Time
	if len(p.Positions) == 0 {
		page.Empty = "The ledger of " + string(g) + " has no position yet. fencepost run " + text.Shell(w.File) + " starts every partition."
	}
	page.Items = w.items(m)
	if more := len(page.Items) - mostItems; more > 0 {
		page.Items = append(page.Items[:mostItems], item{State: state{"toread", "more"}, Says: text.Plural(more, "other") + ": the table has them first"})
	}
	page.Axis = newAxis(p.Positions, want.linear)
	page.Other = link{Text: "Linear", URL: groupURL(g) + want.query(rowsWord(want.rows), true)}
	if want.linear {
		page.Other = link{Text: "Logarithmic", URL: groupURL(g) + want.query(rowsWord(want.rows), false)}
	}
	sum := pace{}
	for _, one := range m.Pace {
		sum = sum.Plus(one)
	}
	page.Table = w.table(m, want, page.Axis, sum)
	if len(p.Positions) > heatAbove {
		page.Heat = newHeat(g, p)
	}
	page.answer(w, m, sum)
	for _, one := range p.Workers {
		page.Workers = append(page.Workers, workerRow{Who: printable(one.Who), Up: view.Age(now.Sub(one.Since.Time)).String(), Since: p.Clock.Time(one.Since.Time),
			Member: cmp.Or(printable(string(one.Member)), "not joined"), Instance: cmp.Or(printable(string(one.Instance)), "none")})
	}
	switch {
	case p.Workers == nil:
		page.Nobody = "Which workers run is unknown: this ledger has no signs of life."
	case len(p.Workers) == 0:
		page.Nobody = "No worker is alive. fencepost run " + text.Shell(w.File) + " starts one."
	}
	return page
}

func rowsWord(n int) string {
	switch n {
	case pageRows:
		return ""
	case mostRows:
		return "all"
	}
	return strconv.Itoa(n)
}

// answer answers the five questions.
func (page *partitions) answer(w *watcher, m *moment, sum pace) {
	p, now := m.Positions, m.Positions.Time.Time
	g := w.Resources.Group
	workers := -1
	if p.Workers != nil {
		workers = len(p.Workers)
	}
	lost := answer{Question: "What was lost", Says: unknown}
	switch {
	case m.Day == nil || m.Week == nil:
	case len(m.Day.Unknown) > 0:
		lost.Link = link{Text: m.Day.NeverApplied(), URL: groupURL(g) + "/moves?cause=losses"}
	default:
		lost.Says = atMost(m.Day.AtMost) + " in 24h"
	}
	if m.Week != nil && lost.Link.URL == "" {
		says := atMost(m.Week.AtMost) + " in 7d"
		if len(m.Week.Unknown) > 0 {
			says = m.Week.NeverApplied() + ", in 7d"
		}
		if n := len(m.Week.Moves); n > 0 {
			says += ", " + text.Plural(n, "move")
		}
		lost.Link = link{Text: says, URL: groupURL(g) + "/moves?cause=losses"}
	}
	var moved *view.Standing
	if s, ok := p.LastMoved(); ok {
		moved = &s
	}
	act := answer{Question: "What to do", Says: "nothing", More: "all goes on by itself"}
	for _, s := range p.Positions {
		if s.Person && m.Brokers == nil {
			tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
			act.Says, act.More = "", text.Plural(p.Totals.Parked, "partition")+" wait"+map[bool]string{true: "s"}[p.Totals.Parked == 1]+" for a person"
			act.Act = link{Text: "Choose for " + s.Name(), URL: partitionURL(g, tp)}
			if p.Totals.Parked == 0 {
				act.More = stateOf(s.State)
				act.Act.Text = "Look at " + s.Name()
			}
			break
		}
	}
	switch {
	case act.Act.URL != "":
	case m.Brokers != nil:
		act.Says, act.More = "see to the brokers", "nothing is lost meanwhile"
	case workers == 0 && p.Totals.Lag > 0:
		act.Says, act.More = "start a worker", "fencepost run "+text.Shell(w.File)
	}
	page.Answers = []answer{standsAnswer(p.Totals, workers), {Question: "What lags", Says: lagSays(p.Totals), More: lagMore(p.LagTime(), "", sum)}, lost,
		movedAnswer(moved, w, now), act}
}

// table is the rows that are wanted: what needs a look first, then in partition order. Above 40 the page has 60 of them.
func (w *watcher) table(m *moment, want shown, a axis, sum pace) table {
	p := m.Positions
	g := w.Resources.Group
	notes := marked(m)
	t := table{ID: "rows", Filter: want.filter, All: len(p.Positions), Lag: lagSays(p.Totals), Oldest: known(p.LagTime()), Pace: perSecond(sum.Applied) + " / " + perSecond(sum.Written)}
	most := want.rows
	if len(p.Positions) <= foldAbove {
		most = max(most, foldAbove)
	}
	chosen := 0
	for _, s := range ordered(p) {
		if !want.takes(s) {
			continue
		}
		if chosen++; chosen > most {
			continue
		}
		t.Rows = append(t.Rows, w.row(m, s, a, notes[fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}]))
	}
	t.Count = text.Count(len(p.Positions))
	if want.filter != "" {
		t.Count = fmt.Sprintf("%s of %s", text.Count(chosen), text.Count(len(p.Positions)))
	}
	if hidden := chosen - len(t.Rows); hidden > 0 {
		t.Hidden = text.Count(hidden) + " more"
		t.More = []link{{Text: fmt.Sprintf("%d more rows", min(pageRows, hidden)), URL: groupURL(g) + want.query(strconv.Itoa(most+pageRows), want.linear)},
			{Text: "all", URL: groupURL(g) + want.query("all", want.linear)}}
	}
	return t
}

// marked is the places of the logs that moves of a week passed, and those that rewinds of a day have applied again.
func marked(m *moment) map[fencepost.TopicPartition][]watch.Mark { return (*watch.Moment)(m).Marks() }

// row is one partition's.
func (w *watcher) row(m *moment, s view.Standing, a axis, notes []watch.Mark) row {
	tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	word := stateOf(s.State)
	r := row{ID: rowID("r", tp), Name: link{Text: s.Name(), URL: partitionURL(w.Resources.Group, tp)}, State: state{class(word), word}, Calm: !s.Odd && s.Transaction == nil,
		Offset: "absent", Bar: a.newBar(s, notes), End: unknown, Lag: known(s.Lag), LagTime: known(s.LagTime), Move: "none"}
	if s.Position != nil {
		r.Offset = s.Position.String()
	}
	if s.Bounds != nil {
		r.End = text.Count(s.Bounds.End)
	}
	if v := s.Verdict.String(); v != "ok" && v != "-" && (s.Bounds != nil || s.Odd) && !(v == "unknown" && word == "waiting") {
		r.Verdict = v
	}
	p := m.Pace[tp]
	r.Applied, r.Written = perSecond(p.Applied), perSecond(p.Written)
	if p.Applied < 0 && p.Written < 0 {
		r.Applied, r.Written = unknown, ""
	}
	if mv := s.LastMove; mv != nil {
		r.Move, r.Who = mv.Cause+" "+ago(m.Positions.Time.Time, mv.Time.Time), printable(string(mv.Who))
	}
	return r
}
