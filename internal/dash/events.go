package dash

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/watch"
)

const (
	eachSend = time.Second     // parts are sent so often at most
	eachBeat = 5 * time.Second // how old a page is, is sent so often at least
	sendFor  = 10 * time.Second

	// A browser has six connections to one host, whatever it asks there, so that streams may not take them all: a seventh page would not
	// even load. So many of one browser stay open; a page beyond them gets its whole state and is to ask again, which takes a
	// connection for a moment.
	mostHeld = 3
	eachPoll = 2 * time.Second
)

// part is a piece of a page with an id, which is sent when its text changes.
type part struct {
	id, template string
	data         any
}

// alive is a page that changes while it is open.
type alive interface {
	page
	parts() []part                   // without rows
	rows() (whole part, each []part) // a table's body, and its rows; none where there is no table
}

// feed is the address of a page's live parts.
func feed(path string, values url.Values) string {
	at := path
	if q := values.Encode(); q != "" {
		at += "?" + q
	}
	return "/events?page=" + url.QueryEscape(at)
}

func (p *overview) parts() []part {
	return []part{{"notes", "notes", p}, {"five", "five", p}, {"items", "items", p}, {"total", "overview-total", p}}
}

func (p *overview) rows() (part, []part) {
	var each []part
	for _, r := range p.Rows {
		each = append(each, part{r.ID, "overview-row", r})
	}
	return part{"rows", "overview-rows", p}, each
}

func (p *partitions) parts() []part {
	list := []part{{"notes", "notes", p}, {"subnav", "subnav", p}, {"five", "five", p}, {"items", "items", p}, {"total", "partitions-total", p}, {"axis", "axis-head", p},
		{"workers", "workers", p}}
	if p.Heat != nil {
		for _, l := range p.Heat.Lines {
			list = append(list, part{l.ID, "heat-line", l})
		}
		list = append(list, part{"heat-key", "heat-key", p.Heat})
	}
	return list
}

func (p *partitions) rows() (part, []part) {
	var each []part
	for _, r := range p.Table.Rows {
		each = append(each, part{r.ID, "partitions-row", r})
	}
	return part{"rows", "partitions-rows", p}, each
}

func (p *partition) parts() []part {
	return []part{{"notes", "notes", p}, {"ptitle", "partition-title", p}, {"says", "partition-says", p}, {"where", "partition-where", p}}
}

func (p *partition) rows() (part, []part) { return part{}, nil }

// remake is what makes a page anew from the newest moments, and says whether there is one yet.
type remake func() (alive, bool)

// liveOf finds the page of a stream.
func (d *Dashboard) liveOf(in *http.Request, at *url.URL) (remake, []*watcher, error) {
	parts, err := segments(at.EscapedPath())
	r := request{Request: in, values: at.Query()}
	switch {
	case err != nil:
		return nil, nil, err
	case len(parts) == 0:
		return func() (alive, bool) { return d.overviewNow(), true }, d.watchers, nil
	case len(parts) < 2 || len(parts) > 3 || parts[0] != "p":
		return nil, nil, missing{what: "that page has no live parts"}
	}
	r = d.requestOf(in)
	r.values = at.Query()
	w := d.byGroup[fencepost.Group(parts[1])]
	if w == nil {
		return nil, nil, d.noGroup(parts[1])
	}
	if len(parts) == 2 {
		want := shownBy(r.values)
		return func() (alive, bool) {
			m, _ := w.now()
			return d.partitionsOf(w, m, want), m.known()
		}, []*watcher{w}, nil
	}
	if parts[2] == "audit" {
		return func() (alive, bool) { return d.auditNow(w, r.user != "", r.code), true }, []*watcher{w}, nil
	}
	tp, ok := partitionOf(parts[2])
	if !ok {
		return nil, nil, missing{what: "that page has no live parts"}
	}
	return func() (alive, bool) {
		m, _ := w.now()
		if s, ok := m.standing(tp); ok {
			return d.partitionShort(w, m, s), true
		}
		return nil, false
	}, []*watcher{w}, nil
}

// changes is closed when one of the watchers has a newer moment than now.
func (d *Dashboard) changes(watchers []*watcher) <-chan struct{} {
	if len(watchers) == 1 {
		_, changed := watchers[0].now()
		return changed
	}
	return d.any.Next()
}

// events streams what changes on a page.
func (d *Dashboard) events(out http.ResponseWriter, in *http.Request) {
	at, err := url.Parse(in.URL.Query().Get("page"))
	if err != nil || at.Host != "" {
		http.Error(out, "page= names no page", http.StatusBadRequest)
		return
	}
	remake, watchers, err := d.liveOf(in, at)
	if err != nil {
		http.Error(out, "page= names no page with live parts", http.StatusNotFound)
		return
	}
	if in.Method == http.MethodHead {
		out.Header().Set("Content-Type", "text/event-stream")
		return
	}
	select {
	case d.streams <- struct{}{}:
		defer func() { <-d.streams }()
	default:
		out.Header().Set("Retry-After", "10")
		http.Error(out, fmt.Sprintf("%d pages are open already", mostStreams), http.StatusServiceUnavailable)
		return
	}
	held, release := d.held.take(in)
	defer release()
	for _, w := range watchers {
		if held || w.Pages() == 0 { // else it looks for the others anyway
			defer w.Open()()
		}
	}
	s := &stream{out: out, control: http.NewResponseController(out), sent: map[string]uint64{}, seed: maphash.MakeSeed(), unknown: in.URL.Query().Get("u") != ""}
	if _, _, ok := d.access.who(in); ok {
		s.signedIn = func() bool { _, _, ok := d.access.who(in); return ok }
	}
	s.begin(in)
	if !held {
		if s.write(s.first()+s.message(remake, watchers)) && s.zip != nil {
			_ = s.zip.Close() // who asked may be gone
		}
		return
	}
	s.run(in.Context(), d, remake, watchers)
}

// stream is one page's stream.
type stream struct {
	out      http.ResponseWriter
	control  *http.ResponseController
	zip      *gzip.Writer      // nil: it is not compressed
	sent     map[string]uint64 // :: id -> digest of what the page has
	ids      []string          // of the rows that the page has
	seed     maphash.Seed
	signedIn func() bool // nil: nobody had signed in when it began
	unknown  bool        // the page was made before anything was known: it has to be loaded again
}

func (s *stream) begin(in *http.Request) {
	h := s.out.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	if strings.Contains(in.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		s.zip, _ = gzip.NewWriterLevel(s.out, gzip.StatelessCompression) // keeps no window between writes, and so no memory
	}
	s.out.WriteHeader(http.StatusOK)
}

// first is what a stream begins with: how long a page waits before it asks again.
func (s *stream) first() string {
	return "retry: " + strconv.FormatInt(eachPoll.Milliseconds(), 10) + "\n\n"
}

// holders counts the streams that stay open, by who has them.
type holders struct {
	mu struct {
		sync.Mutex
		open map[string]int // :: machine and browser -> streams
	}
}

// take has a stream stay open, where its browser has a connection left for it; release gives the place back. By HTTP/2 all streams share one
// connection. Two browsers of one kind on one machine count as one: their pages are as live, and ask more often.
func (h *holders) take(in *http.Request) (held bool, release func()) {
	if in.ProtoMajor >= 2 {
		return true, func() {}
	}
	host, _, _ := net.SplitHostPort(in.RemoteAddr)
	who := host + " " + in.UserAgent()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.open[who] >= mostHeld {
		return false, func() {}
	}
	if h.mu.open == nil {
		h.mu.open = map[string]int{}
	}
	h.mu.open[who]++
	return true, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.mu.open[who]--; h.mu.open[who] == 0 {
			delete(h.mu.open, who)
		}
	}
}

// run sends what changed, at most once a second, until the page is closed.
func (s *stream) run(ctx context.Context, d *Dashboard, again remake, watchers []*watcher) {
	beat := time.NewTicker(eachBeat)
	defer beat.Stop()
	first := s.first()
	for {
		changed := d.changes(watchers)
		if s.signedIn != nil && !s.signedIn() { // the page is somebody else's now
			s.write("event: reload\ndata:\n\n")
			return
		}
		message := first + s.message(again, watchers)
		first = ""
		if !s.write(message) {
			return
		}
		enough := time.NewTimer(eachSend)
		select {
		case <-ctx.Done():
			enough.Stop()
			return
		case <-enough.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-beat.C:
		}
	}
}

// message is the parts that changed.
func (s *stream) message(again remake, watchers []*watcher) string {
	var b strings.Builder
	page, known := again()
	switch {
	case s.unknown && known:
		return "event: reload\ndata:\n\n"
	case known:
		parts := page.parts()
		whole, rows := page.rows()
		has := ids(rows)
		if whole.id != "" && !slices.Equal(has, s.ids) {
			parts = append(parts, whole)
			for _, r := range rows {
				s.note(r)
			}
			s.ids = has
		} else {
			parts = append(parts, rows...)
		}
		for _, p := range parts {
			if html, changed := s.note(p); changed || p.id == "rows" {
				fmt.Fprintf(&b, `<hx-partial hx-target="#%s" hx-swap="outerMorph">%s</hx-partial>`, p.id, html)
			}
		}
	}
	fmt.Fprintf(&b, `<hx-partial hx-target="#live" hx-swap="outerMorph">%s</hx-partial>`, rendered(part{"live", "live", liveness(watchers)}))
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		out.WriteString("data: " + strings.TrimRight(line, "\n") + "\n")
	}
	out.WriteString("\n")
	return out.String()
}

// note renders a part, and says whether it is another than the page has.
func (s *stream) note(p part) (html string, changed bool) {
	html = rendered(p)
	sum := maphash.String(s.seed, html)
	changed = s.sent[p.id] != sum
	s.sent[p.id] = sum
	return html, changed
}

// ids are those of rows, whatever their order is: rows stay where they are while a page is open.
func ids(rows []part) (list []string) {
	for _, r := range rows {
		list = append(list, r.id)
	}
	slices.Sort(list)
	return list
}

func rendered(p part) string {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, p.template, p.data); err != nil {
		return "" // a template of ours that does not fit its model: the page itself would have failed before
	}
	return b.String()
}

// liveState is how old the oldest is that a page shows.
type liveState struct {
	Text  string
	Stale bool
}

func liveness(watchers []*watcher) liveState {
	var moments []*watch.Moment
	for _, w := range watchers {
		m, _ := w.Now()
		moments = append(moments, m)
	}
	says, stale := watch.Freshness(time.Now(), moments)
	return liveState{says, stale}
}

// write sends a message; false: who listened is gone, or too slow.
func (s *stream) write(message string) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(sendFor)) // a writer without one is a test's
	var err error
	if s.zip != nil {
		if _, err = s.zip.Write([]byte(message)); err == nil {
			err = s.zip.Flush()
		}
	} else {
		_, err = s.out.Write([]byte(message))
	}
	return err == nil && s.control.Flush() == nil
}
