package dash

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// records is the page of some records of a partition.
type records struct {
	frame
	Name    string
	At      string
	Records []*recordBox
	Before  string
	Behind  string
	Command string
}

// mostRecords is how many records a page has.
const mostRecords = 10

func (d *Dashboard) records(r request, w *watcher, tp fencepost.TopicPartition) (content, error) {
	if d.cfg.NoRecords {
		return content{}, missing{what: "this dashboard shows no records: --no-records"}
	}
	m := w.fresh(r.Context(), patience)
	if !m.known() {
		return content{}, d.unknownYet(w, m)
	}
	s, ok := m.standing(tp)
	switch {
	case !ok:
		return content{}, w.noPartition(m, tp)
	case s.Bounds == nil:
		return content{}, &fencepost.UserError{Code: brokersSilent, Err: fmt.Errorf("the brokers do not say what the log of %s has", tp), Help: "fencepost check " + text.Shell(w.File)}
	}
	done, err := d.ask(r)
	if err != nil {
		return content{}, err
	}
	defer done()
	at, err := recordAsked(r, s)
	if err != nil {
		return content{}, err
	}
	n := 1
	if r.values.Get("n") != "" {
		n = mostRecords
	}
	ctx, cancel := context.WithTimeout(r.Context(), w.timeout)
	defer cancel()
	all, err := admin.Peek(ctx, w.Resources, tp, at, n)
	if err != nil {
		return content{}, w.named(err, brokersSilent)
	}
	answer := view.NewPeek(all)
	page := &records{frame: d.framed(w, m, "Records"), Name: tp.String(), At: text.Count(at)}
	page.Title = tp.String() + " at " + page.At
	g := w.Resources.Group
	page.Crumbs = append(page.Crumbs, link{Text: tp.String(), URL: partitionURL(g, tp)}, link{Text: "records", URL: partitionURL(g, tp) + "/records", Here: true})
	for _, rec := range answer.Records {
		page.Records = append(page.Records, w.box(rec, tp))
	}
	last := answer.Records[len(answer.Records)-1].Offset
	here := partitionURL(g, tp) + "/records"
	if last+1 < s.Bounds.End {
		page.Behind = here + query("at", fmt.Sprint(int64(last+1)), "n", r.values.Get("n"))
	}
	if first := answer.Records[0].Offset; first > s.Bounds.Earliest {
		page.Before = here + query("at", fmt.Sprint(int64(max(s.Bounds.Earliest, first-fencepost.Offset(n)))), "n", r.values.Get("n"))
	}
	page.Command = fmt.Sprintf("fencepost offsets peek %s %s:%d", text.Shell(w.File), text.Shell(tp.String()), at)
	if n > 1 {
		page.Command += fmt.Sprint(" --records ", n)
	}
	return content{answer, "records", page}, nil
}

// recordAsked is the offset that a request names; without one the position, or the last record where all is read.
func recordAsked(r request, s view.Standing) (fencepost.Offset, error) {
	b := s.Bounds
	if word := r.values.Get("at"); word != "" {
		n, ok := text.ParseCount(word)
		if !ok {
			return 0, &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf("at=%s is no offset", printable(word)), Help: "at=204394798"}
		}
		return fencepost.Offset(n), nil
	}
	if s.Position != nil && s.Position.Offset >= b.Earliest && s.Position.Offset < b.End {
		return s.Position.Offset, nil
	}
	return max(b.Earliest, b.End-1), nil
}
