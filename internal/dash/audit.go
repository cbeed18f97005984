package dash

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// audits is the audit of one pipeline: at most one runs, and the last one that ended is kept.
type audits struct {
	mu struct {
		sync.Mutex
		runs *auditRun // nil: none does
		last *auditRun // nil: none has ended
	}
}

// auditRun is one audit.
type auditRun struct {
	user  string
	began time.Time
	stop  context.CancelFunc

	mu struct {
		sync.Mutex
		far     admin.Progress
		ended   time.Time // zero: it runs
		found   view.Audit
		fault   *fencepost.UserError // of one that came to no answer
		stopped string               // by whom; empty: nobody stopped it
	}
}

// now is the audit that runs, and the last one that ended.
func (a *audits) now() (runs, last *auditRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.runs, a.mu.last
}

// begin takes the place of the one that runs; false: it is taken.
func (a *audits) begin(run *auditRun) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.runs != nil {
		return false
	}
	a.mu.runs = run
	return true
}

// end keeps an audit as the last one.
func (a *audits) end(run *auditRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.runs, a.mu.last = nil, run
}

// postAudit begins or stops an audit: POST /p/G/audit.
func (d *Dashboard) postAudit(out http.ResponseWriter, r request, w *watcher) {
	at := groupURL(w.Resources.Group) + "/audit"
	runs, _ := w.audits.now()
	switch r.PostFormValue("do") {
	case "stop":
		if runs != nil {
			runs.mu.Lock()
			runs.mu.stopped = recorded(r.user)
			runs.mu.Unlock()
			runs.stop()
		}
	case "start":
		run := &auditRun{user: r.user, began: time.Now()}
		ready := make(chan struct{})
		job := func(ctx context.Context) {
			ctx, run.stop = context.WithCancel(ctx)
			defer run.stop()
			if begun := w.audits.begin(run); !begun { // one at a time: who presses second sees the first one's
				close(ready)
				return
			}
			close(ready)
			d.audit(ctx, w, run)
		}
		select {
		case d.jobs <- job:
			<-ready
		case <-r.Context().Done():
		}
	default:
		d.fail(out, r, badWish("start, or stop", "do=%s is nothing that an audit does", printable(r.PostFormValue("do"))))
		return
	}
	seeOther(out, at)
}

// audit proves, until it is done or stopped.
func (d *Dashboard) audit(ctx context.Context, w *watcher, run *auditRun) {
	var o admin.AuditOptions
	if w.AuditOptions != nil {
		o = w.AuditOptions()
	}
	o.Progress = func(p admin.Progress) {
		run.mu.Lock()
		defer run.mu.Unlock()
		run.mu.far = p
	}
	d.says(run.user, "audit of "+string(w.Resources.Group)+" began")
	found, err := admin.Prove(ctx, w.Resources, o)
	run.mu.Lock()
	run.mu.ended = time.Now()
	if err != nil {
		run.mu.fault = w.named(err, ledgerSilent)
	} else {
		run.mu.found = view.NewAudit(found, w.Resources.Group)
	}
	run.mu.Unlock()
	w.audits.end(run)
	w.Hurry()
	d.says(run.user, "audit of "+string(w.Resources.Group)+" ended")
}

// auditPage is the page of audits: /p/G/audit.
type auditPage struct {
	frame
	Runs    *auditBox
	Last    *auditBox
	May     bool
	Action  string
	Command string
}

// auditBox is one audit.
type auditBox struct {
	Head     string
	Lines    []auditLine
	Rows     string // how far it is
	Value    string // of Max; empty: it is not known how much there is
	Max      string
	Text     string // what was found, as the command line prints it
	Kind     string
	Says     string
	Fault    *notice
	Running  bool
	MayStop  bool
	Code     string // of the form that stops it
	Action   string
	Finished string
}

// auditLine is a proof that was made already.
type auditLine struct {
	Subject string
	OK      bool
	Text    string
}

func (d *Dashboard) auditShown(r request, w *watcher) (content, error) {
	page := d.auditNow(w, r.user != "", r.code)
	page.Feed = feed(groupURL(w.Resources.Group)+"/audit", nil)
	var data any = view.NewFailure("audit", view.FailureError{Code: "not-audited", Message: "no audit has ended here yet", Help: page.Command, Exit: 1})
	if _, last := w.audits.now(); last != nil {
		last.mu.Lock()
		defer last.mu.Unlock()
		if data = last.mu.found; last.mu.fault != nil {
			data = view.NewFailure("audit", view.FailureError{Code: last.mu.fault.Code, Message: last.mu.fault.Error(), Help: last.mu.fault.Help, Exit: 1})
		}
	}
	return content{data: data, template: "audit", page: page}, nil
}

// auditNow is the page as it is now. may says that who looks may begin one; code is that of his forms.
func (d *Dashboard) auditNow(w *watcher, may bool, code string) *auditPage {
	m, _ := w.now()
	g := w.Resources.Group
	page := &auditPage{frame: d.framed(w, m, "Audit"), May: may, Action: groupURL(g) + "/audit", Command: "fencepost audit " + text.Shell(w.File)}
	page.Title = "Audit of " + string(g)
	page.CSRF = code
	page.Crumbs = append(page.Crumbs, link{Text: "audit", URL: page.Action, Here: true})
	runs, last := w.audits.now()
	if runs != nil {
		page.Runs = runs.box(w)
		page.Runs.MayStop, page.Runs.Code, page.Runs.Action = may, code, page.Action
	}
	if last != nil {
		page.Last = last.box(w)
	}
	return page
}

// box is an audit as a page shows it.
func (run *auditRun) box(w *watcher) *auditBox {
	run.mu.Lock()
	defer run.mu.Unlock()
	clock := text.ClockAt(run.began)
	b := &auditBox{Head: "since " + clock.TimeOfDay(run.began) + " by " + recorded(run.user), Running: run.mu.ended.IsZero()}
	if !b.Running {
		b.Finished = fmt.Sprintf("%s by %s, took %s", clock.Time(run.began), recorded(run.user), view.Age(run.mu.ended.Sub(run.began).Round(time.Millisecond)))
		switch {
		case run.mu.stopped != "":
			b.Says = "stopped by " + run.mu.stopped + ": nothing is proven but what stands here"
		case run.mu.fault != nil:
			b.Fault = &notice{"red", run.mu.fault.Code, run.mu.fault.Error(), run.mu.fault.Help}
		default:
			found := run.mu.found
			b.Text = printable(view.Plain(func(s view.Sheet) { s.Help = w.Remedy; found.Print(s) }))
			says, _ := found.Proof()
			b.Kind, b.Says = "green", says+"."
			if found.Faults > 0 {
				b.Kind = "red"
			} else if !found.Proven {
				b.Kind = "amber"
			}
			return b
		}
	}
	far := run.mu.far
	for _, f := range far.Findings {
		b.Lines = append(b.Lines, auditLine{f.Subject, f.OK, printable(f.Text)})
	}
	switch {
	case far.Rows < 0 || far.Until < 0 || far.Moves == 0 && far.Rows == 0 && far.Until == 0:
		b.Rows = "chain: " + text.Plural(far.Moves, "move") + " so far"
	default:
		b.Rows = "rows: " + text.Count(far.Rows) + " of " + text.Plural(far.Until, "record")
		b.Value, b.Max = strconv.FormatInt(min(far.Rows, far.Until), 10), strconv.FormatInt(far.Until, 10)
		if took := time.Since(run.began).Seconds(); b.Running && took > 1 && far.Rows > 0 {
			b.Rows += ", " + text.Count(int64(float64(far.Rows)/took)) + "/s"
		}
	}
	return b
}

func (p *auditPage) parts() []part {
	return []part{{"notes", "notes", p}, {"audits", "audits", p}}
}

func (p *auditPage) rows() (part, []part) { return part{}, nil }
