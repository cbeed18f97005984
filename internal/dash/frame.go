package dash

import (
	"hash/fnv"
	"net/url"
	"strconv"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// frame is what every page has around its content.
type frame struct {
	Title   string
	Crumbs  []link
	Feed    string // of its live parts; empty: the page has none
	JSON    string
	CSV     string
	Version string
	Zone    string
	Clock   string
	Live    string // how old it is
	Sub     *sub   // of a pipeline's page
	Notes   []notice
	Stale   bool

	User    string // who has signed in; empty: nobody
	May     bool   // who has signed in may change something
	CSRF    string // the code that forms have
	SignIn  string // where to sign in; empty: nobody can, or it is done
	Refresh int    // the page loads itself again after so many seconds; 0: it does not
}

func (f *frame) base() *frame { return f }

// link is a place to go to.
type link struct {
	Text, URL string
	Here      bool
}

// sub is the pages of one pipeline.
type sub struct {
	Group, About, Promise, PromiseURL string
	Good                              bool
	Links                             []link
}

// notice is what stands above a page: what is wrong with what it shows.
type notice struct {
	Kind string // red, amber, green or nothing
	Code string
	Text string
	Help string
}

// failure is the page of an error.
type failure struct {
	frame
	Code, Text, Near, Help string
	Links                  []link
}

// dress adds what is the same on all pages.
func (d *Dashboard) dress(r request, f *frame) {
	now := time.Now()
	clock := text.ClockAt(now)
	f.Version, f.Zone, f.Clock = d.cfg.Version, clock.String(), clock.TimeOfDay(now)
	f.JSON, f.CSV = suffixed(r.URL, ".json"), suffixed(r.URL, ".csv")
	if f.Live == "" {
		f.Live = "as of " + f.Clock
	}
	f.User, f.May = r.user, d.cfg.Changes && r.user != ""
	switch {
	case r.user != "":
		f.CSRF = r.code
	case d.access.tokens != nil && r.URL.Path != "/sign-in":
		f.SignIn = "/sign-in" + query("to", r.URL.RequestURI())
	}
}

// suffixed is the address of the data behind a page.
func suffixed(u *url.URL, suffix string) string {
	at := url.URL{Path: u.Path + suffix, RawQuery: u.RawQuery}
	if u.RawPath != "" {
		at.RawPath = u.RawPath + suffix
	}
	return at.String()
}

func groupURL(g fencepost.Group) string { return "/p/" + url.PathEscape(string(g)) }

func partitionURL(g fencepost.Group, tp fencepost.TopicPartition) string {
	return groupURL(g) + "/" + url.PathEscape(tp.String())
}

// rowID is the id of a partition's row, whatever its topic is named.
func rowID(kind string, tp fencepost.TopicPartition) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(tp.String())) // it takes all
	return kind + strconv.FormatUint(h.Sum64(), 36)
}

// framed is the frame of a pipeline's page.
func (d *Dashboard) framed(w *watcher, m *moment, here string) frame {
	g := w.Resources.Group
	at := groupURL(g)
	f := frame{Title: string(g), Crumbs: []link{{Text: string(g), URL: at, Here: here == "Partitions"}}}
	partitions := 0
	letters := view.Number(-1)
	if m.known() {
		partitions, letters = m.Positions.Totals.Partitions, m.Positions.DeadLetters
		f.Live = "as of " + text.ClockAt(time.Now()).TimeOfDay(m.Positions.Time.Time)
	}
	s := &sub{Group: string(g), Promise: w.Promise.Words, PromiseURL: at + "#promise", Good: w.Promise.Words == "exactly once"}
	s.About = "topic " + w.Topics + ", " + text.Plural(partitions, "partition") + ", to " + w.Into
	dead := "Dead letters"
	if letters >= 0 {
		dead += " " + letters.String()
	}
	s.Links = []link{{"Partitions", at, here == "Partitions"}, {"Moves", at + "/moves", here == "Moves"}, {dead, at + "/dead-letters", here == "Dead letters"}}
	if len(d.watchers) > 1 {
		s.Links = append(s.Links, link{"Diff", "/diff?a=" + url.QueryEscape(string(g)), here == "Diff"})
	}
	s.Links = append(s.Links, link{"Audit", at + "/audit", here == "Audit"}, link{"Move positions", at + "/set", here == "Move"})
	f.Sub, f.Notes, f.Stale = s, w.notes(m), m != nil && m.Ledger != nil
	return f
}
