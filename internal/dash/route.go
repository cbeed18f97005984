package dash

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// form is how an answer is written.
type form uint8

const (
	asPage form = iota
	asJSON
	asCSV
)

// request is what was asked for.
type request struct {
	*http.Request
	form   form
	values url.Values

	user    string // who has signed in; empty: nobody
	had     bool   // there is a cookie of a sign-in, which may have ended
	carries bool   // it has a token, as programs do
	cookie  string
	code    string // that its forms have
}

// requestOf is a request, and who makes it.
func (d *Dashboard) requestOf(in *http.Request) request {
	r := request{Request: in, values: in.URL.Query()}
	if d.access.tokens == nil {
		return r
	}
	who, had, ok := d.access.who(in)
	if r.had = had; ok {
		r.user, r.cookie = who.name, valueOf(in, d.access.cookie)
		r.code = d.access.code(r.cookie)
	}
	token := listen.TokenOf(in)
	r.carries = token != "" && d.access.tokens.Has(listen.DigestOf(token))
	return r
}

// errSignIn is the error of a page that nobody may see who has not signed in.
var errSignIn = errors.New("sign in")

// content is what a page shows: the data behind it, and its template with the model.
type content struct {
	data     any // for json, and csv where it is a view.Answer; nil: there is none
	template string
	page     page
}

// page is the model of a template.
type page interface{ base() *frame }

// route answers every path. Segments are taken as they were encoded, since a group may have any character in its name.
func (d *Dashboard) route(out http.ResponseWriter, in *http.Request) {
	parts, err := segments(in.URL.EscapedPath())
	if err != nil {
		http.Error(out, "this path cannot be read", http.StatusBadRequest)
		return
	}
	switch {
	case len(parts) == 1 && parts[0] == "healthz":
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(out, "ok")
		return
	case in.Method == http.MethodPost:
		d.post(out, in, parts)
		return
	case len(parts) == 3 && parts[0] == "a" && serveAsset(out, in, parts[1], parts[2]):
		return
	}
	r := d.requestOf(in)
	switch {
	case d.access.tokens != nil && len(parts) == 1 && parts[0] == "sign-in":
		if to := local(r.values.Get("to")); r.user != "" { // it is done
			seeOther(out, to)
			return
		}
		d.signInPage(out, r, &signIn{To: local(r.values.Get("to")), Expired: r.values.Get("ended") != ""}, http.StatusOK)
		return
	case !d.admitted(out, r):
		return
	case len(parts) == 1 && parts[0] == "events":
		d.events(out, in)
		return
	}
	r, c, err := d.find(r, parts)
	switch {
	case errors.Is(err, errSignIn):
		d.toSignIn(out, r, in.URL.RequestURI())
	case err != nil:
		d.fail(out, r, err)
	default:
		d.write(out, r, c, http.StatusOK)
	}
}

// segments are the decoded parts of a path; none for /.
func segments(escaped string) (parts []string, err error) {
	rest := strings.TrimPrefix(escaped, "/")
	if rest == "" {
		return nil, nil
	}
	for one := range strings.SplitSeq(rest, "/") {
		plain, err := url.PathUnescape(one)
		if err != nil {
			return nil, err
		}
		parts = append(parts, plain)
	}
	return parts, nil
}

// missing is a page that there is not.
type missing struct{ what, near string }

// Error says what there is not.
func (m missing) Error() string { return m.what }

// find makes what a path names. Its request is good also beside an error.
func (d *Dashboard) find(r request, parts []string) (request, content, error) {
	last := ""
	if len(parts) > 0 {
		last = parts[len(parts)-1]
	}
	exact := len(parts) == 2 && parts[0] == "p" && d.byGroup[fencepost.Group(last)] != nil
	for suffix, f := range map[string]form{".json": asJSON, ".csv": asCSV} {
		if short, ok := strings.CutSuffix(last, suffix); ok && !exact {
			r.form = f
			if parts[len(parts)-1] = short; short == "" {
				parts = parts[:len(parts)-1]
			}
			break
		}
	}
	switch {
	case len(parts) == 0:
		return d.with(r)(d.overview(r))
	case len(parts) == 1 && parts[0] == "diff":
		return d.with(r)(d.diff(r))
	case parts[0] != "p" || len(parts) < 2 || len(parts) > 4:
		return r, content{}, missing{what: "there is no such page"}
	}
	w := d.byGroup[fencepost.Group(parts[1])]
	if w == nil {
		return r, content{}, d.noGroup(parts[1])
	}
	switch {
	case len(parts) == 2:
		return d.with(r)(d.partitions(r, w))
	case len(parts) == 3 && parts[2] == "moves":
		return d.with(r)(d.moves(r, w))
	case len(parts) == 3 && parts[2] == "dead-letters":
		return d.with(r)(d.letters(r, w))
	case len(parts) == 3 && parts[2] == "set":
		return d.with(r)(d.set(r, w))
	case len(parts) == 3 && parts[2] == "audit":
		return d.with(r)(d.auditShown(r, w))
	case len(parts) == 4 && parts[2] == "plan":
		return d.with(r)(d.planShown(r, w, parts[3]))
	}
	tp, ok := partitionOf(parts[2])
	switch {
	case !ok:
		return r, content{}, missing{what: fmt.Sprintf("%s has no page %s", parts[1], parts[2]), near: "moves, dead-letters, set, audit, or a partition: trips:7"}
	case len(parts) == 3:
		return d.with(r)(d.partition(r, w, tp))
	case parts[3] == "records":
		return d.with(r)(d.records(r, w, tp))
	}
	return r, content{}, missing{what: "there is no such page"}
}

// with puts a request before what was made of it.
func (d *Dashboard) with(r request) func(content, error) (request, content, error) {
	return func(c content, err error) (request, content, error) { return r, c, err }
}

// noGroup is a group that the dashboard was not started with.
func (d *Dashboard) noGroup(name string) error {
	var names []string
	for _, w := range d.watchers {
		names = append(names, string(w.Resources.Group))
	}
	return missing{what: "no pipeline here has the group " + printable(name), near: text.Nearest(name, names)}
}

// partitionOf reads TOPIC:PARTITION.
func partitionOf(word string) (tp fencepost.TopicPartition, ok bool) {
	i := strings.LastIndexByte(word, ':')
	if i <= 0 {
		return tp, false
	}
	n, err := strconv.ParseInt(word[i+1:], 10, 32)
	return fencepost.TopicPartition{Topic: word[:i], Partition: int32(n)}, err == nil && n >= 0
}

// fail answers with an error: as a page, or as the object that verbs print.
func (d *Dashboard) fail(out http.ResponseWriter, r request, err error) {
	status, f := http.StatusInternalServerError, frame{Title: "Something is wrong"}
	page := &failure{Code: "unexpected", Text: err.Error()}
	if m, ok := errors.AsType[missing](err); ok {
		status, f.Title = http.StatusNotFound, "Not found"
		page.Code, page.Text, page.Near = "not-found", m.what, m.near
		for _, w := range d.watchers {
			page.Links = append(page.Links, link{Text: string(w.Resources.Group), URL: groupURL(w.Resources.Group)})
		}
	} else if fault, ok := errors.AsType[*fencepost.UserError](err); ok {
		page.Code, page.Text, page.Help = fault.Code, fault.Error(), fault.Help
		switch {
		case fault.Exit == 2 || fault.Exit == 4:
			status = http.StatusBadRequest
		case fault.Code == "too-many-requests":
			status = http.StatusServiceUnavailable
			out.Header().Set("Retry-After", "2")
		default:
			status = http.StatusBadGateway
		}
	}
	page.frame = f
	var data any
	if r.form != asPage {
		r.form, data = asJSON, view.NewFailure("ui", view.FailureError{Code: page.Code, Message: page.Text, Help: page.Help, Exit: 1})
	}
	d.write(out, r, content{data, "failure", page}, status)
}

// ask takes a place for a request that asks ledger or brokers; without one it is refused.
func (d *Dashboard) ask(r request) (done func(), err error) {
	wait := time.NewTimer(2 * time.Second)
	defer wait.Stop()
	select {
	case d.asking <- struct{}{}:
		return func() { <-d.asking }, nil
	case <-wait.C:
	case <-r.Context().Done():
	}
	return nil, &fencepost.UserError{Code: "too-many-requests", Err: fmt.Errorf("%d requests ask ledger and brokers already", mostAsking), Help: "ask again in 2s"}
}
