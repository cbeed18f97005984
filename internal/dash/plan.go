package dash

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

const (
	planFor   = 10 * time.Minute
	mostPlans = 200
	waitFor   = 2 * time.Second // how long the answer to Execute waits for the outcome
)

// plan is a deed that somebody may execute, once.
//
//	planned --Execute--> running --> done (verified)
//	                            |--> stale: nothing was changed, next is the plan as it would be now
//	                            '--> failed: fault says what is known
//
// It is kept for 10 minutes from when it was made, or was executed.
type plan struct {
	id    string // 130 bits that nobody guesses
	user  string
	wish  wish
	deed  *deed
	made  time.Time
	w     *watcher
	ended chan struct{} // closed by the end of its execution

	mu struct {
		sync.Mutex
		is progress
	}
}

// progress is how far a plan is, and what came of it.
type progress struct {
	stage stage
	since time.Time
	out   outcome
	fault *fencepost.UserError
	// untouched: it has failed before anything was tried. What else is known, fault says.
	untouched bool
	moved     []string             // of a stale one: who moved what
	next      string               // of a stale one: the ID of the plan as it is now; empty: there is none
	none      *fencepost.UserError // why there is none
}

// stage is how far a plan is.
type stage uint8

const (
	isPlanned stage = iota
	isRunning
	isDone
	isStale
	isFailed
)

// plans are those that are kept.
type plans struct {
	mu struct {
		sync.Mutex
		all map[string]*plan // :: ID -> plan
	}
}

// keep adds a plan; the oldest give way.
func (s *plans) keep(p *plan) {
	p.id, p.made = strings.ToLower(rand.Text()), time.Now()
	p.ended, p.mu.is = make(chan struct{}), progress{since: p.made}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.all == nil {
		s.mu.all = map[string]*plan{}
	}
	oldest := ""
	for id, one := range s.mu.all {
		switch {
		case one.old():
			delete(s.mu.all, id)
		case oldest == "" || one.made.Before(s.mu.all[oldest].made):
			oldest = id
		}
	}
	if len(s.mu.all) >= mostPlans {
		delete(s.mu.all, oldest)
	}
	s.mu.all[p.id] = p
}

// find is the plan of an ID, if it is kept yet.
func (s *plans) find(id string, w *watcher) *plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.mu.all[id]
	if p == nil || p.w != w || p.old() {
		return nil
	}
	return p
}

// beside lists the plans of others that are not executed and concern the same partitions or letters, the newest first.
func (s *plans) beside(p *plan) (list []*plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.mu.all {
		if other.w == p.w && other.user != p.user && !other.old() && other.now().stage == isPlanned && len(shared(p.deed.Subjects, other.deed.Subjects)) > 0 {
			list = append(list, other)
		}
	}
	slices.SortFunc(list, func(a, b *plan) int { return b.made.Compare(a.made) })
	return list
}

// shared is what two lists have both.
func shared(a, b []string) (both []string) {
	has := map[string]bool{}
	for _, one := range b {
		has[one] = true
	}
	for _, one := range a {
		if has[one] {
			both = append(both, one)
		}
	}
	return both
}

func (p *plan) now() progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.is
}

// old reports whether the plan is kept no longer. One that runs is.
func (p *plan) old() bool {
	now := p.now()
	return now.stage != isRunning && time.Since(now.since) > planFor
}

// begin takes the plan for its one execution.
func (p *plan) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.is.stage != isPlanned {
		return false
	}
	p.mu.is.stage, p.mu.is.since = isRunning, time.Now()
	return true
}

// end says how it went.
func (p *plan) end(as progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	as.since = time.Now()
	p.mu.is = as
	close(p.ended)
}

// postPlan makes a plan of a form: POST /p/G/plan.
func (d *Dashboard) postPlan(out http.ResponseWriter, r request, w *watcher) {
	want := wishOf(r.PostForm)
	done, err := d.ask(r)
	if err != nil {
		d.fail(out, r, err)
		return
	}
	defer done()
	p, err := d.newPlan(r.Context(), w, r.user, want)
	if err != nil {
		fault := w.named(err, brokersSilent)
		if want.Do == doSet { // the form says what is wrong, with all that was filled in
			d.setAgain(out, r, w, want, fault)
			return
		}
		d.fail(out, r, fault)
		return
	}
	seeOther(out, p.at())
}

// newPlan plans, and keeps the plan.
func (d *Dashboard) newPlan(ctx context.Context, w *watcher, user string, want wish) (*plan, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	res := w.Resources
	res.Who = recorded(user)
	deed, err := d.planned(ctx, w, res, want)
	if err != nil {
		return nil, err
	}
	p := &plan{user: user, wish: want, deed: deed, w: w}
	d.plans.keep(p)
	return p, nil
}

func (p *plan) at() string { return groupURL(p.w.Resources.Group) + "/plan/" + p.id }

// postExecute executes a plan, once: POST /p/G/plan/ID. A second press gets the first one's result.
func (d *Dashboard) postExecute(out http.ResponseWriter, r request, w *watcher, id string) {
	p := d.plans.find(id, w)
	switch {
	case p == nil:
		d.fail(out, r, noPlan)
		return
	case p.user != r.user:
		d.refuse(out, r, "plan-of-another", "this plan is "+p.user+"'s; nothing was changed", "make one of your own")
		return
	case p.deed.Loss != "" && r.PostFormValue("sure") == "":
		d.refuse(out, r, "not-agreed", p.deed.Loss+": that has to be agreed to; nothing was changed", "go back, and mark the box")
		return
	case p.deed.Nothing:
		d.refuse(out, r, "nothing-to-do", "there is nothing to do; nothing was changed", "")
		return
	}
	if p.begin() {
		select {
		case d.jobs <- func(ctx context.Context) { d.execute(ctx, p) }:
		case <-r.Context().Done():
			p.end(progress{stage: isFailed, fault: &fencepost.UserError{Code: "unexpected", Err: errors.New("the dashboard has not begun with it; nothing was changed")}})
			return
		}
	}
	enough := time.NewTimer(waitFor)
	defer enough.Stop()
	select {
	case <-p.ended:
	case <-enough.C:
	case <-r.Context().Done():
	}
	seeOther(out, p.at())
}

// noPlan is a plan that is not kept, or never was.
var noPlan = missing{what: "there is no such plan: one is kept for 10 minutes. The page of moves says what was done"}

// execute does what a plan says, if it is still true. Begun, it is brought to an end whatever becomes of who asked for it.
func (d *Dashboard) execute(ctx context.Context, p *plan) {
	p.w.executing.Lock() // one at a time: a replay has the sink's lane
	defer p.w.executing.Unlock()
	res := p.w.Resources
	res.Who = recorded(p.user)
	ends := replayFor
	if p.wish.Do != doReplay { // which is many commits, and may end between two
		ctx, ends = context.WithoutCancel(ctx), executeFor
	}
	ctx, cancel := context.WithTimeout(ctx, p.w.timeout+ends)
	defer cancel()
	moved, err := p.deed.still(ctx, res)
	untouched := err != nil
	var out outcome
	if err == nil {
		out, err = p.deed.do(ctx, res)
		if isStalePlan(err) { // who was faster moved it between the two
			moved, _ = p.deed.still(ctx, res)
		}
	}
	p.w.Hurry()
	what := p.deed.Verb + ": " + p.deed.Summary + " of " + string(res.Group)
	if err == nil {
		d.says(p.user, what+": verified")
		p.end(progress{stage: isDone, out: out})
		return
	}
	fault := p.w.named(err, ledgerSilent)
	d.says(p.user, what+": "+fault.Code)
	if !isStalePlan(err) {
		p.end(progress{stage: isFailed, out: out, fault: fault, untouched: untouched})
		return
	}
	next, err := d.newPlan(ctx, p.w, p.user, p.wish)
	as := progress{stage: isStale, fault: fault, moved: moved}
	if err != nil {
		as.none = p.w.named(err, brokersSilent)
	} else {
		as.next = next.id
	}
	p.end(as)
}

// How long an execution may take beside what ledger and brokers may take to answer: a lost answer is asked for again meanwhile.
const (
	executeFor = time.Minute
	replayFor  = 10 * time.Minute
)

// isStalePlan reports whether an error says that a plan is not true any more, so that nothing was changed.
func isStalePlan(err error) bool {
	f, ok := errors.AsType[*fencepost.UserError](err)
	return ok && (f.Code == "plan-stale" || f.Code == "out-of-bounds" || f.Code == "set-refused" || f.Code == "skip-refused" || f.Code == "nothing-selected")
}

// planPage is a plan, and then what became of it.
type planPage struct {
	frame
	Heading string
	Facts   []fact
	Text    string
	Step    int // 2 confirm, 3 execute, 4 verified
	Loss    string
	Button  string
	Sink    string
	Follows string // what a worker's commit meanwhile does
	Nothing bool
	Others  []string
	Action  string
	Back    string
	Made    string
	Mine    bool
	Command string

	Running bool
	Done    *doneBox
	Refused *staleBox // it was stale
	Failed  *notice
	Result  string // what was done before an error
	None    bool   // nothing was changed
}

// doneBox is what was done, as it was read back.
type doneBox struct {
	Text  string
	Bad   string
	Links []link
}

// staleBox is why a plan was refused, and what it would be now.
type staleBox struct {
	Notice notice
	Moved  []string
	Next   string // the address of the new plan; empty: there is none
	Text   string // of the new plan
	None   *notice
}

// planShown is the page of a plan: /p/G/plan/ID.
func (d *Dashboard) planShown(r request, w *watcher, id string) (content, error) {
	p := d.plans.find(id, w)
	if r.user == "" && d.access.tokens != nil && !r.carries { // also where there is no such plan
		return content{}, errSignIn
	}
	if p == nil {
		return content{}, noPlan
	}
	m, _ := w.now()
	page := &planPage{frame: d.framed(w, m, "Plan"), Heading: p.deed.Verb + ": " + p.deed.Summary, Text: p.deed.Text, Step: 2, Loss: p.deed.Loss, Button: p.deed.Button, Sink: p.deed.Sink,
		Nothing: p.deed.Nothing, Action: p.at(), Back: p.wish.page(w.Resources.Group), Mine: p.user == r.user, Command: p.wish.command(w.File)}
	page.Title = "Plan for " + string(w.Resources.Group)
	page.Crumbs = append(page.Crumbs, link{Text: "plan", URL: p.at(), Here: true})
	page.Made = text.ClockAt(p.made).TimeOfDay(p.made) + ", " + ago(time.Now(), p.made)
	page.Facts = []fact{{Name: "what", Text: p.deed.Summary}, {Name: "who", Text: recorded(p.user)}, {Name: "why", Text: printable(p.wish.Why)}}
	if p.wish.Why == "" {
		page.Facts[2].Text = "not said"
	}
	if p.wish.Do == doSet {
		page.Follows = "A worker that commits meanwhile is followed. A position that somebody moves makes the plan stale: it is refused then, and nothing is changed."
	} else {
		page.Follows = "Exact: refused as stale if anything of it changes before Execute."
	}
	for _, other := range d.plans.beside(p) {
		both := shared(p.deed.Subjects, other.deed.Subjects)
		what := both[0]
		if n := len(both); n > 1 {
			what += " and " + text.Count(n-1) + " more"
		}
		page.Others = append(page.Others, fmt.Sprintf("%s has planned to %s, of %s, %s and has not executed it. The plan that is executed first holds; the other one is refused as stale.",
			recorded(other.user), other.deed.Summary, what, ago(time.Now(), other.made)))
	}
	data := p.deed.data
	now := p.now()
	switch now.stage {
	case isPlanned:
	case isRunning:
		page.Running, page.Step, page.Refresh = true, 3, 1
	case isDone:
		page.Step, data = 4, now.out.data
		page.Done = &doneBox{Text: now.out.Text, Links: p.links()}
		if n := now.out.Bad; n > 0 {
			page.Done.Bad = text.Plural(n, "dead letter") + " " + is(int64(n)) + " as bad as before: mend decoder, schema or table, and replay again."
		}
	case isFailed:
		page.Step, page.Result, page.None = 3, now.out.Text, now.untouched
		page.Failed = &notice{"red", now.fault.Code, now.fault.Error(), now.fault.Help}
	case isStale:
		page.Step = 3
		page.Refused = d.stale(w, now)
	}
	return content{data: data, template: "plan", page: page}, nil
}

// stale is why a plan was refused.
func (d *Dashboard) stale(w *watcher, p progress) *staleBox {
	b := &staleBox{Notice: notice{"red", p.fault.Code, p.fault.Error(), ""}, Moved: p.moved}
	if none := p.none; none != nil {
		b.None = &notice{"", none.Code, none.Error(), none.Help}
	}
	if next := d.plans.find(p.next, w); next != nil {
		b.Next, b.Text = next.at(), next.deed.Text
	}
	return b
}

// links lead on from what was done.
func (p *plan) links() []link {
	g := groupURL(p.w.Resources.Group)
	if p.wish.Do == doReplay || p.wish.Do == doDiscard {
		return []link{{Text: "Dead letters", URL: g + "/dead-letters"}, {Text: "Partitions", URL: g}}
	}
	return []link{{Text: "The moves", URL: g + "/moves"}, {Text: "Partitions", URL: g}}
}
