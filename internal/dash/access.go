package dash

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/text"
)

const (
	signedInFor  = 8 * time.Hour
	mostSessions = 256
	mostName     = 64
	mostBody     = 64 << 10
)

// session is a person who has signed in. It is never changed.
type session struct {
	name  string
	until time.Time
	token listen.Digest // by which it was begun: it ends with the token
}

// access is who may do what: a token lets somebody in, who says a name that his changes are recorded under.
//
//	no cookie --GET /sign-in--> form cookie + a code made of it in the form --POST, token holds--> session cookie
//	session --expires, signs out, token is taken out of the file--> no cookie
//
// Each form has a code that is made of the cookie, so that no page of elsewhere can send one.
type access struct {
	tokens *listen.Tokens // nil: nobody signs in, and nothing is changed
	secret []byte         // makes the codes
	cookie string         // its name: two dashboards on one host have two
	cross  *http.CrossOriginProtection

	mu struct {
		sync.Mutex
		sessions map[[sha256.Size]byte]session // :: digest of the cookie -> who
	}
}

func newAccess(tokens *listen.Tokens) *access {
	a := &access{tokens: tokens, secret: []byte(rand.Text()), cookie: "fencepost-" + strings.ToLower(rand.Text()[:8]), cross: http.NewCrossOriginProtection()}
	a.mu.sessions = map[[sha256.Size]byte]session{}
	return a
}

// code is what a form has, of whoever has this cookie.
func (a *access) code(cookie string) string {
	m := hmac.New(sha256.New, a.secret)
	m.Write([]byte(cookie)) // never fails (hash.Hash)
	return hex.EncodeToString(m.Sum(nil))
}

// coded reports whether a form has the code of this cookie.
func (a *access) coded(in *http.Request, cookie string) bool {
	return cookie != "" && hmac.Equal([]byte(in.PostFormValue("csrf")), []byte(a.code(cookie)))
}

// formCookie is the name of the cookie of who has not signed in yet.
func (a *access) formCookie() string { return a.cookie + "-form" }

func valueOf(in *http.Request, name string) string {
	c, err := in.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// who is the session that a request belongs to. had says that it has a cookie of one, which may have ended.
func (a *access) who(in *http.Request) (s session, had, ok bool) {
	value := valueOf(in, a.cookie)
	if a.tokens == nil || value == "" {
		return s, false, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok = a.mu.sessions[sha256.Sum256([]byte(value))]
	return s, true, ok && a.lives(s)
}

// lives reports whether a session goes on.
func (a *access) lives(s session) bool { return time.Now().Before(s.until) && a.tokens.Has(s.token) }

// begin signs somebody in.
func (a *access) begin(out http.ResponseWriter, in *http.Request, name, token string) {
	value := rand.Text()
	s := session{name: name, until: time.Now().Add(signedInFor), token: listen.DigestOf(token)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.mu.sessions) >= mostSessions {
		oldest, at := [sha256.Size]byte{}, time.Time{}
		for key, one := range a.mu.sessions {
			if at.IsZero() || one.until.Before(at) {
				oldest, at = key, one.until
			}
		}
		delete(a.mu.sessions, oldest)
	}
	a.mu.sessions[sha256.Sum256([]byte(value))] = s
	a.set(out, in, a.cookie, value, signedInFor)
	a.set(out, in, a.formCookie(), "", -1)
}

// end signs out.
func (a *access) end(out http.ResponseWriter, in *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.mu.sessions, sha256.Sum256([]byte(valueOf(in, a.cookie))))
	a.set(out, in, a.cookie, "", -1)
}

func (a *access) set(out http.ResponseWriter, in *http.Request, name, value string, lasts time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(lasts / time.Second), HttpOnly: true, Secure: in.TLS != nil, SameSite: http.SameSiteStrictMode}
	if lasts < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(out, c)
}

// signIn is the page on which somebody signs in.
type signIn struct {
	frame
	To      string
	Expired bool
	Wrong   string
	Name    string
	Printed bool // the token is the one that the program has printed
}

// admitted lets a request through to a page, or answers it: with the page on which to sign in, or with what programs are told.
func (d *Dashboard) admitted(out http.ResponseWriter, r request) bool {
	if !d.cfg.Private || r.user != "" || r.carries {
		return true
	}
	if r.Header.Get("Authorization") != "" {
		d.access.tokens.Asked(http.NotFoundHandler()).ServeHTTP(out, r.Request) // a wrong one waits
		return false
	}
	if last := r.URL.Path; strings.HasSuffix(last, ".json") || strings.HasSuffix(last, ".csv") || last == "/events" {
		out.Header().Set("WWW-Authenticate", `Bearer realm="fencepost"`)
		http.Error(out, "a token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
		return false
	}
	d.toSignIn(out, r, r.URL.RequestURI())
	return false
}

// toSignIn leads to the page on which to sign in, and from there back to a page.
func (d *Dashboard) toSignIn(out http.ResponseWriter, r request, back string) {
	at := "/sign-in" + query("to", back)
	if r.had {
		at = "/sign-in" + query("to", back, "ended", "1")
	}
	out.Header().Set("Location", at)
	out.WriteHeader(http.StatusSeeOther)
}

// local is a page of this dashboard; anything else is /.
func local(at string) string {
	u, err := url.Parse(at)
	if err != nil || u.Host != "" || u.Scheme != "" || u.Opaque != "" || !strings.HasPrefix(at, "/") || strings.HasPrefix(at, "//") || strings.ContainsAny(at, "\\\r\n\t") {
		return "/"
	}
	return at
}

// signInPage is the form; GET changes nothing but the cookie that the form is bound to.
func (d *Dashboard) signInPage(out http.ResponseWriter, r request, page *signIn, status int) {
	page.frame.Title = "Sign in"
	page.Printed = !d.cfg.Private
	r.cookie = valueOf(r.Request, d.access.formCookie())
	if r.cookie == "" {
		r.cookie = rand.Text()
		d.access.set(out, r.Request, d.access.formCookie(), r.cookie, signedInFor)
	}
	page.CSRF = d.access.code(r.cookie)
	d.write(out, r, content{template: "sign-in", page: page}, status)
}

// signingIn takes the form: POST /sign-in.
func (d *Dashboard) signingIn(out http.ResponseWriter, r request) {
	page := &signIn{To: local(r.PostFormValue("to")), Name: r.PostFormValue("name")}
	if !d.access.coded(r.Request, valueOf(r.Request, d.access.formCookie())) {
		page.Wrong = "this form is of another visit: send it again"
		d.signInPage(out, r, page, http.StatusForbidden)
		return
	}
	if page.Wrong = wrongName(page.Name); page.Wrong != "" {
		d.signInPage(out, r, page, http.StatusBadRequest)
		return
	}
	token := strings.TrimSpace(r.PostFormValue("token"))
	switch err := d.access.tokens.Try(r.Context(), token); {
	case err == nil:
		d.access.begin(out, r.Request, page.Name, token)
		d.says(page.Name, "signed in")
		out.Header().Set("Location", page.To)
		out.WriteHeader(http.StatusSeeOther)
	case errors.Is(err, listen.ErrTooManyWrong):
		page.Wrong = err.Error() + ": try again in some seconds"
		d.signInPage(out, r, page, http.StatusTooManyRequests)
	case errors.Is(err, context.Canceled):
	default:
		page.Wrong = "that is not the token"
		d.signInPage(out, r, page, http.StatusForbidden)
	}
}

// wrongName is what is wrong with a name under which changes are recorded; empty: nothing.
func wrongName(name string) string {
	switch {
	case name == "":
		return "say who you are: your changes are recorded under that name"
	case len(name) > mostName:
		return "a name has at most " + text.Count(mostName) + " bytes"
	case strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
	}):
		return "a name has no blanks and no control characters"
	}
	return ""
}

// recorded is who a change is by, in the history: oncall@ui.
func recorded(user string) string { return user + "@ui" }

// says tells whoever runs the dashboard who did what.
func (d *Dashboard) says(user, what string) {
	if d.cfg.Says != nil {
		d.cfg.Says(recorded(user), what)
	}
}

// post answers a form. What it changes is recorded under the name of who has signed in.
func (d *Dashboard) post(out http.ResponseWriter, in *http.Request, parts []string) {
	r := d.requestOf(in)
	in.Body = http.MaxBytesReader(out, in.Body, mostBody)
	if err := in.ParseForm(); err != nil {
		d.fail(out, r, &fencepost.UserError{Code: "usage", Exit: 2, Err: errors.New("this form cannot be read, or is longer than 64 KiB"), Help: "load the page again"})
		return
	}
	if err := d.access.cross.Check(in); err != nil {
		d.refuse(out, r, "cross-origin", "this form is of another place", "load the page here, and send it again")
		return
	}
	switch {
	case len(parts) == 1 && parts[0] == "sign-in":
		d.signingIn(out, r)
		return
	case r.user == "":
		d.toSignIn(out, r, d.pageBefore(parts, in))
		return
	case !d.access.coded(in, r.cookie):
		d.refuse(out, r, "form-old", "this form is of another sign-in; nothing was changed", "load the page again")
		return
	case len(parts) == 1 && parts[0] == "sign-out":
		d.access.end(out, in)
		d.says(r.user, "signed out")
		seeOther(out, "/")
		return
	}
	var w *watcher
	if len(parts) >= 3 && parts[0] == "p" {
		w = d.byGroup[fencepost.Group(parts[1])]
	}
	switch {
	case w == nil:
		d.fail(out, r, missing{what: "there is no such form"})
	case len(parts) == 3 && parts[2] == "audit":
		d.postAudit(out, r, w)
	case parts[2] != "plan" || len(parts) > 4:
		d.fail(out, r, missing{what: "there is no such form"})
	case !d.cfg.Changes:
		d.refuse(out, r, "read-only", "this dashboard changes nothing", "fencepost ui --allow-changes; or the command that the page shows")
	case len(parts) == 3:
		d.postPlan(out, r, w)
	default:
		d.postExecute(out, r, w, parts[3])
	}
}

// pageBefore is the page whose form was sent by somebody whose sign-in has ended: there all that was filled in stands again.
func (d *Dashboard) pageBefore(parts []string, in *http.Request) string {
	switch {
	case len(parts) == 4 && parts[0] == "p" && parts[2] == "plan", len(parts) == 3 && parts[0] == "p" && parts[2] == "audit":
		return in.URL.EscapedPath()
	case len(parts) == 3 && parts[0] == "p" && parts[2] == "plan":
		return wishOf(in.PostForm).page(fencepost.Group(parts[1]))
	}
	return "/"
}

// refuse answers what must not be done.
func (d *Dashboard) refuse(out http.ResponseWriter, r request, code, says, help string) {
	d.write(out, r, content{template: "failure", page: &failure{frame: frame{Title: "Refused"}, Code: code, Text: says, Help: help}}, http.StatusForbidden)
}

func seeOther(out http.ResponseWriter, at string) {
	out.Header().Set("Location", at)
	out.WriteHeader(http.StatusSeeOther)
}
