package dash

import (
	"fmt"
	"slices"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// answer is one of the five questions that a page answers first.
type answer struct {
	Question string
	States   []state
	Says     string
	More     string
	Link     link
	Act      link // a button
}

// state is a word with its shape.
type state struct{ Class, Text string }

// class is the shape of a state.
func class(word string) string {
	switch word {
	case "running", "idle", "parked", "blocked", "waiting":
		return word
	case "retrying", "cut off":
		return "waiting"
	}
	return "toread"
}

// overview is the page of all pipelines.
type overview struct {
	frame
	Answers []answer
	Items   []item
	Rows    []pipelineRow
	Total   pipelineRow
}

// item is what needs a look.
type item struct {
	State state
	Place link
	Says  string
	Act   link
}

// pipelineRow is one pipeline in the table.
type pipelineRow struct {
	ID      string
	Name    link
	About   string
	Promise string
	Good    bool
	Bad     []state
	Rest    string
	Lag     string
	LagTime string
	Applied string
	Written string
	Workers string
	Lost    string
	Moved   string
	By      string
}

// patience is how long a page waits for a newer look than the one that there is.
const patience = 80 * time.Millisecond

// mostItems is how many lines a page has of what needs a look.
const mostItems = 8

func (d *Dashboard) overview(r request) (content, error) {
	var all []view.Pipeline
	for _, w := range d.watchers {
		all = append(all, w.summary(w.fresh(r.Context(), patience)))
	}
	return content{view.NewPipelines(time.Now(), all), "overview", d.overviewNow()}, nil
}

// overviewNow is the page of the newest moments.
func (d *Dashboard) overviewNow() *overview {
	page := &overview{frame: frame{Title: "Pipelines", Feed: feed("/", nil)}}
	now := time.Now()
	total, lost, lostDay, lostKnown := view.Totals{}, int64(0), int64(0), true
	oldest, oldestIn, workers := view.Age(0), "", 0
	pace := pace{}
	var moved *view.Standing
	var movedAt *watcher
	for _, w := range d.watchers {
		m, _ := w.now()
		row := w.short(m, now)
		page.Rows = append(page.Rows, row)
		for _, n := range w.notes(m) {
			if n.Kind != "" {
				page.Items = append(page.Items, item{State: state{"waiting", "waiting"}, Place: link{Text: string(w.Resources.Group), URL: groupURL(w.Resources.Group)},
					Says: n.Code + ": " + n.Text, Act: link{Text: "Look", URL: groupURL(w.Resources.Group)}})
			}
		}
		if !m.known() {
			total.AtLeast, lostKnown, oldest = true, false, -1
			continue
		}
		total = total.Plus(m.Positions.Totals)
		if age := m.Positions.LagTime(); age < 0 || oldest < 0 {
			oldest = -1
		} else if age > oldest {
			oldest, oldestIn = age, string(w.Resources.Group)
		}
		if workers >= 0 && m.Positions.Workers != nil {
			workers += len(m.Positions.Workers)
		} else {
			workers = -1
		}
		for _, s := range m.Positions.Positions {
			pace = pace.Plus(m.Pace[fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}])
		}
		if m.Week == nil || m.Day == nil || len(m.Week.Unknown)+len(m.Day.Unknown) > 0 {
			lostKnown = false
		} else {
			lost, lostDay = lost+m.Week.AtMost, lostDay+m.Day.AtMost
		}
		for _, it := range w.items(m) {
			if len(d.watchers) > 1 && w.Topics != string(w.Resources.Group) {
				it.Says = string(w.Resources.Group) + ": " + it.Says
			}
			page.Items = append(page.Items, it)
		}
		if s, ok := m.Positions.LastMoved(); ok && (moved == nil || s.Moved.At.After(moved.Moved.At)) {
			moved, movedAt = &s, w
		}
	}
	worstFirst(page.Items)
	if more := len(page.Items) - mostItems; more > 0 {
		page.Items = append(page.Items[:mostItems], item{State: state{"toread", "more"}, Says: text.Plural(more, "other") + ": the pages of the pipelines have them"})
	}
	page.Answers = []answer{standsAnswer(total, workers), {Question: "What lags", Says: lagSays(total), More: lagMore(oldest, oldestIn, pace)}}
	losses := answer{Question: "What was lost", Says: unknown, More: "of the last 24h and 7d"}
	if lostKnown {
		losses.Says, losses.More = atMost(lostDay)+" in 24h", atMost(lost)+" in 7d"
	}
	page.Answers = append(page.Answers, losses, movedAnswer(moved, movedAt, now))
	page.Answers = append(page.Answers, actAnswer(total.Parked, page.Items))
	page.Total = pipelineRow{About: text.Count(len(page.Rows)), Lag: lagSays(total), LagTime: known(oldest), Applied: perSecond(pace.Applied), Written: perSecond(pace.Written)}
	return page
}

func standsAnswer(t view.Totals, workers int) answer {
	a := answer{Question: "What stands"}
	a.States, a.More = standing(t)
	if len(a.States) == 0 {
		a.Says = "nothing"
	}
	if t.Partitions == 0 {
		a.Says, a.More = unknown, "nothing has answered yet"
	}
	switch {
	case workers > 0:
		a.More += "; " + text.Plural(workers, "worker")
	case workers == 0 && t.Partitions > 0:
		a.More += "; no worker"
	}
	return a
}

func lagMore(oldest view.Age, in string, p pace) string {
	says := "records; oldest " + known(oldest)
	if in != "" {
		says += ", in " + in
	}
	if trend := p.Trend(); trend != "" {
		says += "; " + trend
	}
	return says
}

// actAnswer is what to do: where so many partitions are parked, a person chooses, for the first of items that is.
func actAnswer(parked int, items []item) answer {
	a := answer{Question: "What to do", Says: "nothing", More: "all goes on by itself"}
	if parked == 0 {
		return a
	}
	a.Says, a.More = "", text.Plural(parked, "partition")+" wait"+map[bool]string{true: "s"}[parked == 1]+" for a person"
	if i := slices.IndexFunc(items, func(it item) bool { return it.State.Class == "parked" }); i >= 0 {
		a.Act = link{Text: "Choose for " + items[i].Place.Text, URL: items[i].Place.URL}
	}
	return a
}

func movedAnswer(s *view.Standing, w *watcher, now time.Time) answer {
	a := answer{Question: "Who moved it", Says: "nobody", More: "only starts and commits"}
	if s == nil {
		return a
	}
	m := s.Moved
	a.Says, a.More = printable(m.Who), ""
	says := fmt.Sprintf("%s %s, %s", s.Name(), m.Cause, ago(now, m.At))
	if why := m.Reason(); why != "" {
		says += ": " + printable(why)
	}
	a.Link = link{Text: says, URL: groupURL(w.Resources.Group) + "/moves"}
	return a
}

// short is a pipeline's row.
func (w *watcher) short(m *moment, now time.Time) pipelineRow {
	g := w.Resources.Group
	r := pipelineRow{ID: rowID("g", fencepost.TopicPartition{Topic: string(g)}), Name: link{Text: string(g), URL: groupURL(g)}, Promise: w.Promise.Words,
		Good: w.Promise.Words == "exactly once", About: "topic " + w.Topics + ", to " + w.Into,
		Lag: unknown, LagTime: unknown, Applied: unknown, Written: unknown, Workers: unknown, Lost: unknown, Moved: unknown}
	if !m.known() {
		r.Rest = unknown
		return r
	}
	p := m.Positions
	r.About = "topic " + w.Topics + ", " + text.Plural(p.Totals.Partitions, "partition") + ", to " + w.Into
	r.Bad, r.Rest = standing(p.Totals)
	r.Lag, r.LagTime = lagSays(p.Totals), known(p.LagTime())
	sum := pace{}
	for _, one := range m.Pace {
		sum = sum.Plus(one)
	}
	r.Applied, r.Written = perSecond(sum.Applied), perSecond(sum.Written)
	if p.Workers != nil {
		r.Workers = text.Count(len(p.Workers))
	}
	if m.Week != nil && len(m.Week.Unknown) == 0 {
		r.Lost = atMost(m.Week.AtMost)
	}
	r.Moved = "none"
	if s, ok := p.LastMoved(); ok {
		r.Moved, r.By = s.Moved.Cause.String()+" "+ago(now, s.Moved.At), printable(s.Moved.Who)
	}
	return r
}

// summary is a pipeline for programs.
func (w *watcher) summary(m *moment) view.Pipeline {
	out := view.Pipeline{Group: w.Resources.Group, Topics: w.Topics, Into: w.Into, Promise: w.Promise.Words, LagTime: -1, Workers: -1, LostIn7d: -1}
	if m == nil {
		return out
	}
	if m.Brokers != nil {
		out.Brokers = view.Word(m.Brokers.Fault.Code)
	}
	if m.Ledger != nil {
		out.LedgerSays = view.Word(m.Ledger.Fault.Code)
	}
	if !m.known() {
		return out
	}
	out.Time, out.Totals, out.LagTime = m.Positions.Time, m.Positions.Totals, m.Positions.LagTime()
	if m.Positions.Workers != nil {
		out.Workers = view.Number(len(m.Positions.Workers))
	}
	if m.Week != nil && len(m.Week.Unknown) == 0 {
		out.LostIn7d = view.Number(m.Week.AtMost)
	}
	return out
}

// items is what needs a look of one pipeline. While brokers are silent every partition waits for one reason, which a notice says.
func (w *watcher) items(m *moment) (list []item) {
	g := w.Resources.Group
	now := m.Positions.Time.Time
	if m.Brokers == nil && !m.Asking {
		for _, n := range m.Positions.Notices() {
			word := stateOf(n.State)
			it := item{State: state{class(word), word}, Place: link{Text: n.Name, URL: partitionURL(g, n.First)}, Says: printable(n.Text), Act: link{Text: "Look"}}
			if word == "parked" {
				it.Act.Text = "Choose"
			}
			it.Act.URL = it.Place.URL
			list = append(list, it)
		}
	}
	for _, s := range m.Positions.Positions {
		mv := s.Moved
		if mv == nil || mv.Adopts() || now.Sub(mv.At) >= 24*time.Hour {
			continue
		}
		says := fmt.Sprintf("%s by %s %s, %s to %s", mv.Cause, printable(mv.Who), ago(now, mv.At), heldOf(s), text.Count(mv.Next.Offset))
		if why := mv.Reason(); why != "" {
			says += ": " + printable(why)
		}
		word := stateOf(s.State)
		tp := fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition}
		list = append(list, item{State: state{class(word), word}, Place: link{Text: s.Name(), URL: partitionURL(g, tp)}, Says: says, Act: link{Text: "Moves", URL: groupURL(g) + "/moves"}})
	}
	worstFirst(list)
	return list
}

// worstFirst orders what needs a look: what waits for a person, what stands still, and then what runs.
func worstFirst(list []item) {
	rank := map[string]int{"parked": 0, "blocked": 1, "waiting": 2}
	of := func(it item) int {
		if n, ok := rank[it.State.Class]; ok {
			return n
		}
		return len(rank)
	}
	slices.SortStableFunc(list, func(a, b item) int { return of(a) - of(b) })
}

// heldOf is where a partition was before its last move.
func heldOf(s view.Standing) string {
	if s.Moved.Held.Absent() {
		return "absent"
	}
	return text.Count(s.Moved.Held.Offset)
}
