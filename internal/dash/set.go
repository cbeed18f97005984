package dash

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// setPage is the page on which positions are moved: /p/G/set. With a target it has the plan beside the form.
type setPage struct {
	frame
	Wish    wish
	Picks   []pick // nil: there are too many, and the partitions are typed
	Typed   string
	Chosen  string
	Action  string
	Fault   *notice
	Plan    *deed
	Command string
	Who     string
}

// pick is a partition that can be chosen.
type pick struct {
	Name   string
	Chosen bool
}

// mostPicks is how many partitions have a box each.
const mostPicks = 60

func (d *Dashboard) set(r request, w *watcher) (content, error) {
	want := wishOf(r.values)
	want.Do = doSet
	m := w.fresh(r.Context(), patience)
	if !m.known() {
		return content{}, d.unknownYet(w, m)
	}
	page := d.setForm(w, m, want, r.user)
	var data any
	if want.To != "" {
		done, err := d.ask(r)
		if err != nil {
			return content{}, err
		}
		defer done()
		ctx, cancel := context.WithTimeout(r.Context(), w.timeout)
		defer cancel()
		deed, err := d.planned(ctx, w, w.Resources, want)
		if err != nil && r.form != asPage {
			return content{}, w.named(err, brokersSilent)
		}
		if err != nil {
			page.refused(w.named(err, brokersSilent))
		} else {
			page.Plan, data = deed, deed.data
		}
	}
	if data == nil {
		data = view.NewFailure("offsets set", view.FailureError{Code: "usage", Message: "to= says where to", Help: "earliest, latest, 1000, +1000, -1000, 2026-11-21T03:00 or -2h", Exit: 2})
	}
	return content{data: data, template: "set", page: page}, nil
}

// setForm is the page without a plan.
func (d *Dashboard) setForm(w *watcher, m *moment, want wish, user string) *setPage {
	g := w.Resources.Group
	page := &setPage{frame: d.framed(w, m, "Move"), Wish: want, Action: groupURL(g) + "/plan", Typed: strings.Join(gathered(want.Topics), " "), Who: recorded(user)}
	page.Title = "Move positions of " + string(g)
	page.Crumbs = append(page.Crumbs, link{Text: "move", URL: groupURL(g) + "/set", Here: true})
	if want.To != "" {
		page.Command = want.command(w.File)
	}
	sel, err := want.selection()
	if err != nil {
		return page
	}
	all, chosen := 0, 0
	for _, s := range m.Positions.Positions {
		has := !sel.All() && sel.Has(fencepost.TopicPartition{Topic: s.Topic, Partition: s.Partition})
		page.Picks = append(page.Picks, pick{s.Name(), has})
		if all++; has {
			chosen++
		}
	}
	if all > mostPicks {
		page.Picks = nil
	}
	page.Chosen = text.Count(chosen) + " of " + text.Count(all)
	if chosen == 0 {
		page.Chosen = "none chosen: all " + text.Count(all)
	}
	return page
}

func (page *setPage) refused(fault *fencepost.UserError) {
	page.Fault = &notice{"red", fault.Code, printable(fault.Error()), strings.ReplaceAll(fault.Help, "--clamp", "the box (--clamp)")}
}

// setAgain is the form with what is wrong with it.
func (d *Dashboard) setAgain(out http.ResponseWriter, r request, w *watcher, want wish, fault *fencepost.UserError) {
	m, _ := w.now()
	if !m.known() {
		d.fail(out, r, d.unknownYet(w, m))
		return
	}
	page := d.setForm(w, m, want, r.user)
	page.refused(fault)
	status := http.StatusBadRequest
	if !slices.Contains([]int{2, 4}, fault.Exit) {
		status = http.StatusBadGateway
	}
	d.write(out, r, content{template: "set", page: page}, status)
}
