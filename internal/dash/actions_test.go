package dash_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/dash"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// aToken is a line of a token file.
const aToken = "a-token-of-16-letters-0001"

// verified is what a page says whose deed was read back.
const verified = "<strong>Verified</strong>"

// tokensOf is a file of tokens.
func tokensOf(t testing.TB, lines ...string) (tokens *listen.Tokens, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := listen.OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	return tokens, path
}

// acting is a dashboard that may change what is in a world.
func acting(t testing.TB, worlds ...*world) (*dash.Dashboard, *httptest.Server) {
	t.Helper()
	tokens, _ := tokensOf(t, aToken)
	cfg := dash.Config{Tokens: tokens, Changes: true}
	for _, w := range worlds {
		cfg.Pipelines = append(cfg.Pipelines, w.pipeline())
	}
	return serve(t, cfg)
}

// person is a browser without a script.
type person struct {
	t    testing.TB
	at   string
	jar  http.CookieJar
	http *http.Client
}

func newPerson(t testing.TB, s *httptest.Server) *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	if s.TLS != nil {
		client.Transport = s.Client().Transport
	}
	return &person{t, s.URL, jar, client}
}

// answered is what a page answered, behind redirections.
type answered struct {
	status int
	path   string // with its query
	body   string
	header http.Header
}

func (p *person) do(in *http.Request) answered {
	p.t.Helper()
	resp, err := p.http.Do(in)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Request.URL.RequestURI(), string(b), resp.Header}
}

func (p *person) get(path string) answered {
	p.t.Helper()
	in, err := http.NewRequest("GET", p.at+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(in)
}

// send sends a form as a browser does.
func (p *person) send(path string, form url.Values) answered {
	p.t.Helper()
	in, err := http.NewRequest("POST", p.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	in.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	in.Header.Set("Sec-Fetch-Site", "same-origin")
	return p.do(in)
}

var csrfField = regexp.MustCompile(`name="csrf" value="([0-9a-f]{64})"`)

// code is what the forms of a page have.
func code(body string) string {
	if m := csrfField.FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}

// form sends a form of a page: the page's code, and these fields.
func (p *person) form(page, path string, fields ...string) answered {
	p.t.Helper()
	v := url.Values{"csrf": {code(p.get(page).body)}}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return p.send(path, v)
}

func (p *person) signIn(name, token string) answered {
	p.t.Helper()
	return p.form("/sign-in?to=%2Fp%2Ftrips", "/sign-in", "name", name, "token", token, "to", "/p/trips")
}

// signedIn is somebody who has signed in.
func signedIn(t testing.TB, s *httptest.Server, name string) *person {
	t.Helper()
	p := newPerson(t, s)
	if got := p.signIn(name, aToken); got.status != http.StatusOK || got.path != "/p/trips" || !strings.Contains(got.body, "Sign out") {
		t.Fatalf("%s signs in: %d %s", name, got.status, got.path)
	}
	return p
}

// TestSignIn: a name and a token lead back to the page; a wrong token, no name and another visit's form do not. The cookie is for this server's pages alone.
func TestSignIn(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := acting(t, w)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	p := newPerson(t, s)
	if got := p.get("/p/trips/trips:7"); got.status != http.StatusOK || !strings.Contains(got.body, "Sign in to choose") || strings.Contains(got.body, `method="post"`) {
		t.Errorf("a page without a sign-in: %d\n%s", got.status, words(got.body))
	}
	for _, c := range []struct{ name, token, says string }{
		{"ada", "wrong-token-000000000", "that is not the token"}, {"", aToken, "say who you are"}, {"a b", aToken, "no blanks"}, {strings.Repeat("a", 65), aToken, "at most 64 bytes"},
		{"ada\u202e", aToken, "no control characters"},
	} {
		got := p.signIn(c.name, c.token)
		if got.status < 400 || !strings.Contains(got.body, c.says) || strings.Contains(got.body, c.token) {
			t.Errorf("%q with %q: %d, want a refusal that says %q; it says:\n%s", c.name, c.token, got.status, c.says, words(got.body))
		}
	}
	if got := p.send("/sign-in", url.Values{"name": {"ada"}, "token": {aToken}, "csrf": {strings.Repeat("0", 64)}}); got.status != http.StatusForbidden {
		t.Errorf("a form of another visit: %d, want 403", got.status)
	}
	for _, to := range []string{"//evil.example/", "///evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/\tx"} {
		q := newPerson(t, s)
		q.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if got := q.form("/sign-in", "/sign-in", "name", "ada", "token", aToken, "to", to); got.status != http.StatusSeeOther || got.header.Get("Location") != "/" {
			t.Errorf("back to %q: %d %s, want /", to, got.status, got.header.Get("Location"))
		}
	}
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got := p.signIn("ada", aToken)
	if got.status != http.StatusSeeOther {
		t.Fatalf("sign-in: %d", got.status)
	}
	cookie := got.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q has no %s", cookie, want)
		}
	}
	if got := p.get("/p/trips/trips:7"); !strings.Contains(got.body, `value="skip"`) || !strings.Contains(got.body, "ada") {
		t.Errorf("signed in, nothing can be chosen:\n%s", words(got.body))
	}
	p.form("/p/trips", "/sign-out")
	if got := p.get("/p/trips"); strings.Contains(got.body, "Sign out") {
		t.Error("signed out, and in")
	}
}

// TestEveryFormIsGuarded: no form is taken from elsewhere, without the code of who has signed in, or from who has not.
func TestEveryFormIsGuarded(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := acting(t, w)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	p, other := signedIn(t, s, "ada"), signedIn(t, s, "bob")
	plan := p.form("/p/trips/trips:7", "/p/trips/plan", "do", "repair", "topic", "trips:7", "choice", "skip").path
	before := w.position(7)
	good := code(p.get("/p/trips/set").body)
	for _, path := range []string{"/p/trips/plan", plan, "/p/trips/audit", "/sign-out"} {
		fields := url.Values{"csrf": {good}, "do": {"start"}, "sure": {"1"}}
		for name, change := range map[string]func(*http.Request, url.Values){
			"of elsewhere":               func(in *http.Request, _ url.Values) { in.Header.Set("Sec-Fetch-Site", "cross-site") },
			"of another port":            func(in *http.Request, _ url.Values) { in.Header.Set("Sec-Fetch-Site", "same-site") },
			"of another origin":          func(in *http.Request, _ url.Values) { in.Header.Set("Origin", "http://127.0.0.1:1") },
			"without a code":             func(_ *http.Request, v url.Values) { v.Del("csrf") },
			"with another person's code": func(_ *http.Request, v url.Values) { v.Set("csrf", code(other.get("/p/trips/set").body)) },
			"with a host of elsewhere":   func(in *http.Request, _ url.Values) { in.Host = "evil.example" },
		} {
			v := url.Values{}
			for k := range fields {
				v.Set(k, fields.Get(k))
			}
			in, _ := http.NewRequest("POST", s.URL+path, nil)
			in.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			change(in, v)
			in.Body, in.ContentLength = io.NopCloser(strings.NewReader(v.Encode())), int64(len(v.Encode()))
			if got := p.do(in); got.status != http.StatusForbidden {
				t.Errorf("POST %s %s: %d, want 403", path, name, got.status)
			}
		}
		if got := newPerson(t, s).send(path, fields); !strings.HasPrefix(got.path, "/sign-in") && got.status != http.StatusForbidden {
			t.Errorf("POST %s without a sign-in: %d %s", path, got.status, got.path)
		}
	}
	if got := other.form("/p/trips/set", plan, "sure", "1"); got.status != http.StatusForbidden || !strings.Contains(got.body, "this plan is ada") {
		t.Errorf("bob executes ada's plan: %d", got.status)
	}
	if got := p.send(plan, url.Values{"csrf": {good}}); got.status != http.StatusForbidden || !strings.Contains(got.body, "has to be agreed to") {
		t.Errorf("a loss that was not agreed to: %d", got.status)
	}
	if got := p.send("/p/trips/plan", url.Values{"csrf": {good}, "why": {strings.Repeat("x", 70<<10)}}); got.status != http.StatusBadRequest {
		t.Errorf("a form of 70 KiB: %d, want 400", got.status)
	}
	if now := w.position(7); now != before {
		t.Errorf("the position was %+v, and is %+v", before, now)
	}
	tokens, _ := tokensOf(t, aToken)
	_, looks := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}, Tokens: tokens})
	until(t, looks.URL+"/p/trips", "Choose for trips:7")
	q := signedIn(t, looks, "ada")
	if got := q.form("/p/trips", "/p/trips/plan", "do", "repair", "topic", "trips:7", "choice", "skip"); got.status != http.StatusForbidden || !strings.Contains(got.body, "--allow-changes") {
		t.Errorf("a plan where nothing may be changed: %d", got.status)
	}
}

// TestSetFromAPage: choose, confirm, execute, verified; the move is recorded under the name, with why, and a second press changes nothing.
func TestSetFromAPage(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := acting(t, w)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	p := signedIn(t, s, "ada")
	at := w.position(0).Offset
	preview := p.get("/p/trips/set?topic=trips:0&topic=trips:3&to=-1000&why=wrong+rate")
	for _, want := range []string{"plan for trips: rewind 2 partitions, 10 stay. Safe while workers run: they obey the Fence", "fencepost offsets set trips.yaml --topic trips:0,3 --to -1000 --why &#39;wrong rate&#39; --execute",
		text.Count(at - 1000), "2 of 12"} {
		if !strings.Contains(preview.body, want) {
			t.Errorf("the preview does not say %q:\n%s", want, words(preview.body))
		}
	}
	if w.position(0).Offset != at {
		t.Fatal("a preview moved")
	}
	plan := p.form("/p/trips/set", "/p/trips/plan", "topic", "trips:0", "topic", "trips:3", "to", "-1000", "why", "wrong rate")
	if !strings.HasPrefix(plan.path, "/p/trips/plan/") || !strings.Contains(plan.body, "Execute: rewind 2 partitions") || !strings.Contains(plan.body, "repeats are noted") || w.position(0).Offset != at {
		t.Fatalf("the plan is at %s and says:\n%s", plan.path, words(plan.body))
	}
	w.commit(3, w.position(3).Offset+5) // a worker is followed
	done := p.form(plan.path, plan.path)
	if done.path != plan.path || !strings.Contains(done.body, verified) || !strings.Contains(done.body, "2 of 2 partitions hold the new Fence") {
		t.Fatalf("the result is at %s and says:\n%s", done.path, words(done.body))
	}
	is := w.position(0)
	if is.Offset != at-1000 {
		t.Errorf("trips:0 is at %d, want %d", is.Offset, at-1000)
	}
	m := lastMove(t, w, 0)
	if m.Who != "ada@ui" || m.Why != "wrong rate" || m.Cause != ledger.CauseRewind {
		t.Errorf("the move is recorded as %s by %q: %q", m.Cause, m.Who, m.Why)
	}
	if again := p.form(plan.path, plan.path); !strings.Contains(again.body, verified) || w.position(0) != is {
		t.Errorf("a second press: %d, and the position is %+v", again.status, w.position(0))
	}
	if _, body, _ := getAs(t, p, plan.path+".json"); !strings.Contains(body, `"verified": true`) || !strings.Contains(body, `"command": "offsets set"`) {
		t.Errorf("json of what was done: %s", body)
	}
	for fields, says := range map[string]string{"to=": "say where to", "to=yesterday": "no target", "to=1&topic=trips:0": "outside the log", "topic=nix&to=latest": "has no topic nix"} {
		v, _ := url.ParseQuery(fields)
		v.Set("csrf", code(p.get("/p/trips/set").body))
		if got := p.send("/p/trips/plan", v); got.status != http.StatusBadRequest || !strings.Contains(got.body, says) || !strings.Contains(got.body, "What") && !strings.Contains(got.body, "Target") {
			t.Errorf("%s: %d, and not %q:\n%s", fields, got.status, says, words(got.body))
		}
	}
	if got := p.form("/p/trips/set", "/p/trips/plan", "topic", "trips:0", "to", "1", "clamp", "1"); !strings.Contains(got.path, "/plan/") {
		t.Errorf("a target that is clamped: %d %s\n%s", got.status, got.path, words(got.body))
	}
}

func getAs(t testing.TB, p *person, path string) (int, string, http.Header) {
	t.Helper()
	got := p.get(path)
	return got.status, got.body, got.header
}

func lastMove(t testing.TB, w *world, n int32) ledger.Recorded {
	t.Helper()
	var last ledger.Recorded
	for m, err := range w.store.Moves(context.Background(), w.group) {
		if err != nil {
			t.Fatal(err)
		}
		if m.TopicPartition == tp(n) && m.Cause != ledger.CauseCommit {
			last = m
		}
	}
	return last
}

// TestRepairFromAPage: the record that parks is shown with what each choice loses; it is skipped once that is agreed to.
func TestRepairFromAPage(t *testing.T) {
	t.Parallel()
	w, many := trips(t), clicks(t)
	_, s := acting(t, w, many)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	until(t, s.URL+"/p/clicks", "Choose for trips:650")
	p := signedIn(t, s, "ada")
	at := w.position(7).Offset
	page := p.get("/p/trips/trips:7")
	if !strings.Contains(page.body, "NaN") || !strings.Contains(page.body, `name="choice" value="skip"`) || strings.Contains(page.body, `name="choice" value="retry"`) {
		t.Fatalf("the page of a parked partition:\n%s", words(page.body))
	}
	plan := p.send("/p/trips/plan", url.Values{"csrf": {code(page.body)}, "do": {"repair"}, "topic": {"trips:7"}, "choice": {"skip"}, "why": {"INC-4412"}})
	for _, want := range []string{"Execute: skip 1 record", "1 record is never applied: trips:7 at " + text.Count(at), "record     trips:7  at ", "fencepost offsets repair trips.yaml --topic trips:7 --record skip --why INC-4412 --execute", "ada@ui"} {
		if !strings.Contains(plan.body, want) {
			t.Errorf("the plan does not say %q:\n%s", want, words(plan.body))
		}
	}
	done := p.form(plan.path, plan.path, "sure", "1")
	if !strings.Contains(done.body, verified) || w.position(7).Offset != at+1 {
		t.Errorf("skipped: at %d, want %d\n%s", w.position(7).Offset, at+1, words(done.body))
	}
	if m := lastMove(t, w, 7); m.Who != "ada@ui" || m.Cause != ledger.CauseSkip || !strings.Contains(m.Reason(), "INC-4412") {
		t.Errorf("recorded as %s by %s: %s", m.Cause, m.Who, m.Reason())
	}
	lost := p.form("/p/clicks/trips:650", "/p/clicks/plan", "do", "repair", "topic", "trips:650", "choice", "earliest")
	if !strings.Contains(lost.body, "At most 1,000 records are never applied") {
		t.Errorf("a log that aged out: %d %s\n%s", lost.status, lost.path, words(lost.body))
	}
	done = p.form(lost.path, lost.path, "sure", "1")
	if !strings.Contains(done.body, verified) || many.position(650).Offset != 2000 {
		t.Errorf("a gap: at %d, want 2000\n%s", many.position(650).Offset, words(done.body))
	}
	for choice, says := range map[string]string{"": "take one of the choices", "divergence": "is no choice here", "skip": "no record parks"} {
		if got := p.form("/p/clicks/trips:650", "/p/clicks/plan", "do", "repair", "topic", "trips:651", "choice", choice); choice != "divergence" && !strings.Contains(got.body, says) {
			t.Errorf("choice %q: %d\n%s", choice, got.status, words(got.body))
		}
	}
}

// TestTwoOperators: each sees that the other has planned; the first one holds, and the second one's plan is refused with who moved it, and what it would be now.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := acting(t, w)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	ada, bob := signedIn(t, s, "ada"), signedIn(t, s, "bob")
	at := w.position(0).Offset
	first := ada.form("/p/trips/set", "/p/trips/plan", "topic", "trips:0", "to", "-10", "why", "INC-1")
	second := bob.form("/p/trips/set", "/p/trips/plan", "to", "-100", "why", "INC-2")
	for who, one := range map[*person]answered{ada: first, bob: second} {
		if body := who.get(one.path).body; !strings.Contains(body, "has planned to rewind") {
			t.Errorf("%s says nothing of the other one's plan:\n%s", one.path, words(body))
		}
	}
	if got := ada.form(first.path, first.path); !strings.Contains(got.body, verified) {
		t.Fatalf("the first: %s", words(got.body))
	}
	before := w.position(1)
	got := bob.form(second.path, second.path)
	text0 := words(got.body)
	for _, want := range []string{"plan-stale", "nothing was changed", "trips:0 was at " + text.Count(at) + ", now at " + text.Count(at-10) + " (rewind by ada@ui, ", "s ago: INC-1)", "Look at the new plan", "rewind 12 partitions"} {
		if !strings.Contains(text0, want) {
			t.Errorf("the stale plan does not say %q:\n%s", want, text0)
		}
	}
	if w.position(0).Offset != at-10 || w.position(1) != before {
		t.Error("a stale plan moved something")
	}
	next := regexp.MustCompile(`href="(/p/trips/plan/[a-z0-9]+)" data-next`).FindStringSubmatch(got.body)
	if next == nil {
		t.Fatalf("no new plan: %s", text0)
	}
	if got := bob.form(next[1], next[1]); !strings.Contains(got.body, verified) || w.position(0).Offset != at-110 {
		t.Errorf("the new plan: trips:0 is at %d, want %d\n%s", w.position(0).Offset, at-110, words(got.body))
	}
}

// TestStaleRepairs: what was moved, mended or recreated since makes a repair stale; nothing is changed.
func TestStaleRepairs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world){
		"moved":  func(w *world) { w.to(7, w.position(7).Offset+1, ledger.CauseSkip, 1, "eve@laptop", "INC-9") },
		"mended": func(w *world) { w.cluster.set(func() { w.cluster.value = nil }) },
		"recreated": func(w *world) {
			w.cluster.set(func() { b := w.cluster.bounds[tp(7)]; b.TopicID = fencepost.TopicID{9}; w.cluster.bounds[tp(7)] = b })
		},
		"aged further": func(w *world) { w.log(7, w.position(7).Offset+50, 204_941_259, 204_941_259) },
	} {
		t.Run(name, func(t *testing.T) {
			w := trips(t)
			_, s := acting(t, w)
			until(t, s.URL+"/p/trips", "Choose for trips:7")
			p := signedIn(t, s, "ada")
			plan := p.form("/p/trips/trips:7", "/p/trips/plan", "do", "repair", "topic", "trips:7", "choice", "skip")
			change(w)
			before := w.position(7)
			got := p.form(plan.path, plan.path, "sure", "1")
			if strings.Contains(got.body, verified) || w.position(7) != before || !strings.Contains(words(got.body), "nothing was changed") {
				t.Errorf("%+v became %+v, and the page says:\n%s", before, w.position(7), words(got.body))
			}
		})
	}
}

// TestOutcomes: an answer that was lost is found out; a ledger that is silent moves nothing, and the page says so.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := acting(t, w)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	p := signedIn(t, s, "ada")
	at := w.position(0).Offset
	plan := p.form("/p/trips/set", "/p/trips/plan", "topic", "trips:0", "to", "-10")
	w.store.Inject(memory.LostAfter)
	if got := p.form(plan.path, plan.path); !strings.Contains(got.body, "1 of 1 partition holds the new Fence") || w.position(0).Offset != at-10 {
		t.Errorf("an answer was lost, and the page says:\n%s", words(got.body))
	}
	plan = p.form("/p/trips/set", "/p/trips/plan", "topic", "trips:0", "to", "-10")
	w.ledgerIs(true)
	got := p.form(plan.path, plan.path)
	if text := words(got.body); !strings.Contains(text, "database-silent") || !strings.Contains(text, "Nothing was changed") || strings.Contains(got.body, `id="execute"`) || w.position(0).Offset != at-10 {
		t.Errorf("a ledger that is silent:\n%s", text)
	}
	w.ledgerIs(false)
	if again := p.form(plan.path, plan.path); strings.Contains(again.body, verified) || w.position(0).Offset != at-10 {
		t.Error("a plan that has failed was executed by a second press")
	}
}

// dead puts dead letters of trips:0 at 0, 1, 2, ... there, and has replays apply those that are JSON.
func (w *world) dead(values ...string) {
	w.t.Helper()
	lane, err := w.store.Lane(context.Background(), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	held := w.position(0)
	var dead []ledger.DeadLetter
	for i, v := range values {
		dead = append(dead, ledger.DeadLetter{LetterID: ledger.LetterID{TopicPartition: tp(0), Offset: held.Offset + fencepost.Offset(i), TopicID: topicID}, Key: []byte("r-20417"), Value: []byte(v), Code: "record-undecodable", Reason: "value is not JSON"})
	}
	next := held.Advance(held.Offset+fencepost.Offset(len(values)), 0)
	c := sink.Commit{Batch: &fencepost.Batch{Segments: []fencepost.Segment{{TopicPartition: tp(0), Range: fencepost.OffsetRange{From: held.Offset, Until: next.Offset}}}},
		Moves: []ledger.Move{{TopicPartition: tp(0), Held: held, Next: next, Cause: ledger.CauseCommit}}, Dead: dead}
	if err := lane.Commit(context.Background(), ledger.Actor{Group: w.group, ClusterID: "c1", Who: "w1@node3"}, c); err != nil {
		w.t.Fatal(err)
	}
}

// replay is admin.Resources.Replay of the world: it applies what has no NaN.
func (w *world) replay(ctx context.Context, letters []ledger.Letter, f func(admin.Replayed)) error {
	lane, err := w.store.Lane(ctx, 0)
	if err != nil {
		return err
	}
	for _, l := range letters {
		one := admin.Replayed{Letter: l, Outcome: "applied"}
		if strings.Contains(string(l.Value), "NaN") {
			one.Outcome, one.Why = "bad", "value is not JSON at byte 81"
		} else if err := lane.Commit(ctx, ledger.Actor{Group: w.group, Who: "replay"}, sink.Commit{Batch: &fencepost.Batch{Segments: []fencepost.Segment{{TopicPartition: l.TopicPartition, Range: fencepost.OffsetRange{From: l.Offset, Until: l.Offset + 1}}}}, Removed: []ledger.LetterID{l.LetterID}}); err != nil {
			return err
		}
		f(one)
	}
	return nil
}

// TestLettersFromAPage: letters are replayed and discarded, as many as were planned; what is as bad as before stays, and what somebody else took makes the plan stale.
func TestLettersFromAPage(t *testing.T) {
	t.Parallel()
	w := trips(t)
	w.dead(`{"id":1}`, `{"fare":NaN}`, `{"id":3}`, `{"id":4}`)
	_, s := acting(t, w)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	p := signedIn(t, s, "ada")
	at := int64(w.position(0).Offset) - 4
	place := func(i int64) string { return fmt.Sprintf("trips:0:%d", at+i) }
	if body := p.get("/p/trips/dead-letters").body; !strings.Contains(body, `name="at" value="`+place(0)) {
		t.Fatalf("no letter can be chosen:\n%s", words(body))
	}
	replay := p.form("/p/trips/dead-letters", "/p/trips/plan", "do", "replay", "at", place(0), "at", place(1))
	if !strings.Contains(replay.body, "Execute: replay 2 dead letters") || !strings.Contains(replay.body, "fencepost dead-letters replay trips.yaml "+place(0)+" "+place(1)+" --execute") {
		t.Fatalf("the plan of a replay: %d %s\n%s", replay.status, replay.path, words(replay.body))
	}
	stale := p.form("/p/trips/dead-letters", "/p/trips/plan", "do", "discard", "at", place(0), "at", place(2), "why", "test load")
	done := p.form(replay.path, replay.path)
	if !strings.Contains(done.body, "1 of 2 dead letters is applied, and gone from the letters; 1 is as bad as before, and waits") || !strings.Contains(done.body, "1 dead letter is as bad as before") {
		t.Errorf("a replay says:\n%s", words(done.body))
	}
	got := p.form(stale.path, stale.path, "sure", "1")
	if text := words(got.body); !strings.Contains(text, "plan-stale") || !strings.Contains(text, place(0)+" is gone") || len(w.letters()) != 3 || w.letters()[1].Discarded != "" {
		t.Errorf("a plan of a letter that is gone says:\n%s", text)
	}
	if got := p.form("/p/trips/dead-letters", "/p/trips/plan", "do", "discard", "at", place(2), "why", "test load"); true {
		if !strings.Contains(got.body, "1 dead letter is emptied: nobody can replay it") {
			t.Errorf("the plan of a discard:\n%s", words(got.body))
		}
		got = p.form(got.path, got.path, "sure", "1")
		if !strings.Contains(got.body, "1 of 1 dead letter is discarded") {
			t.Errorf("a discard says:\n%s", words(got.body))
		}
	}
	var l ledger.Letter
	for _, one := range w.letters() {
		if int64(one.Offset) == at+2 {
			l = one
		}
	}
	if !strings.HasPrefix(l.Discarded, "by ada@ui at ") || !strings.HasSuffix(l.Discarded, ": test load") || len(l.Value) > 0 {
		t.Errorf("discarded %q, with %d bytes left", l.Discarded, len(l.Value))
	}
	all := p.form("/p/trips/dead-letters", "/p/trips/plan", "do", "replay", "code", "record-undecodable")
	if !strings.Contains(all.body, "Execute: replay 2 dead letters") {
		t.Errorf("all that wait:\n%s", words(all.body))
	}
}

func (w *world) letters() (list []ledger.Letter) {
	for l := range w.store.Letters(context.Background(), w.group) {
		list = append(list, l)
	}
	return list
}

// slowRows are rows that come when a test lets them.
type slowRows struct {
	let  chan struct{}
	once sync.Once
	n    int
}

func (r *slowRows) open() { r.once.Do(func() { close(r.let) }) }

func (r *slowRows) Applied(ctx context.Context) iter.Seq2[sink.Applied, error] {
	return func(yield func(sink.Applied, error) bool) {
		for i := range r.n {
			if i == 5000 {
				select {
				case <-r.let:
				case <-ctx.Done():
					yield(sink.Applied{}, ctx.Err())
					return
				}
			}
			if !yield(sink.Applied{TopicPartition: tp(0), Offset: fencepost.Offset(i), Rows: 1}, nil) {
				return
			}
		}
	}
}

// TestAuditFromAPage: an audit says how far it is, runs once at a time, can be stopped, and says what the command says.
func TestAuditFromAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "trips", 1)
	w.log(0, 0, 10_000, 10_000)
	w.commit(0, 10_000)
	rows := &slowRows{let: make(chan struct{}), n: 10_000}
	tokens, _ := tokensOf(t, aToken)
	pipeline := w.pipeline()
	pipeline.Resources.Provenance = rows
	pipeline.AuditOptions = func() admin.AuditOptions { return admin.AuditOptions{KeepsCommits: true, Table: "trips"} }
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{pipeline}, Tokens: tokens})
	until(t, s.URL+"/p/trips", "1 idle")
	t.Cleanup(rows.open)
	p := signedIn(t, s, "ada")
	p.form("/p/trips/audit", "/p/trips/audit", "do", "start")
	waitFor(t, p, "/p/trips/audit", "rows: 4,096 of 10,000 records")
	bob := signedIn(t, s, "bob")
	if got := bob.form("/p/trips/audit", "/p/trips/audit", "do", "start"); !strings.Contains(got.body, "by ada@ui") || strings.Contains(got.body, "by bob@ui") {
		t.Errorf("a second audit beside the first:\n%s", words(got.body))
	}
	messages, stop := listenTo(t, s.URL+"/events?page="+url.QueryEscape("/p/trips/audit"))
	defer stop()
	if first := <-messages; !strings.Contains(first, `id="audits"`) || !strings.Contains(first, "4,096") {
		t.Errorf("the stream does not say how far it is: %s", first)
	}
	bob.form("/p/trips/audit", "/p/trips/audit", "do", "stop")
	body := waitFor(t, p, "/p/trips/audit", "stopped by bob@ui")
	if !strings.Contains(words(body), "chain ok 1 partition: 1 start, 2 commits") {
		t.Errorf("what was found before it was stopped:\n%s", words(body))
	}
	rows.open()
	p.form("/p/trips/audit", "/p/trips/audit", "do", "start")
	body = waitFor(t, p, "/p/trips/audit", "Every record below the positions is in the sink exactly once")
	if !strings.Contains(body, "table trips: 10,000 rows for 10,000 records; 0 missing, 0 doubled, 0 foreign") {
		t.Errorf("what was proven:\n%s", words(body))
	}
	if _, body, _ := getAs(t, p, "/p/trips/audit.json"); !strings.Contains(body, `"proven": true`) {
		t.Errorf("json: %s", body)
	}
	if got := newPerson(t, s).get("/p/trips/audit"); strings.Contains(got.body, `id="start"`) || !strings.Contains(got.body, "Sign in to audit") {
		t.Errorf("an audit without a sign-in:\n%s", words(got.body))
	}
}

func waitFor(t testing.TB, p *person, path, says string) string {
	t.Helper()
	body := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if body = p.get(path).body; strings.Contains(body, says) {
			return body
		}
	}
	t.Fatalf("%s does not say %q:\n%s", path, says, words(body))
	return ""
}

// TestSignInEnds: with its token a sign-in ends; a form then leads to the sign-in and back to its page with all that was filled in, and a plan is kept.
func TestSignInEnds(t *testing.T) {
	t.Parallel()
	w := trips(t)
	tokens, path := tokensOf(t, aToken)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}, Tokens: tokens, Changes: true, Private: true})
	p := newPerson(t, s)
	if got := p.signIn("ada", aToken); got.status != http.StatusOK {
		t.Fatalf("sign-in: %d", got.status)
	}
	waitFor(t, p, "/p/trips", "Choose for trips:7")
	set := p.get("/p/trips/set")
	plan := p.form("/p/trips/set", "/p/trips/plan", "topic", "trips:0", "to", "-10", "why", "INC-1")
	before := w.position(0)
	const later = "another-token-of-16-letters"
	if err := os.WriteFile(path, []byte(later+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for form, back := range map[string]string{plan.path: plan.path, "/p/trips/plan": "/p/trips/set?to=-10&topic=trips%3A0&why=INC-1"} {
		got := p.send(form, url.Values{"csrf": {code(set.body)}, "topic": {"trips:0"}, "to": {"-10"}, "why": {"INC-1"}})
		u, err := url.Parse(got.path)
		if err != nil || u.Path != "/sign-in" || u.Query().Get("to") != back || !strings.Contains(got.body, "token-expired") {
			t.Errorf("POST %s leads to %s, want the sign-in and back to %s", form, got.path, back)
		}
	}
	if w.position(0) != before {
		t.Error("something was moved")
	}
	back := p.form("/sign-in?to="+url.QueryEscape(plan.path), "/sign-in", "name", "ada", "token", later, "to", plan.path)
	if back.path != plan.path || !strings.Contains(back.body, "Execute: rewind 1 partition") {
		t.Errorf("signed in again: %s\n%s", back.path, words(back.body))
	}
}

// TestNothingIsShownWithoutASignIn: where other machines may ask, each page and stream wants a token, for reading too.
func TestNothingIsShownWithoutASignIn(t *testing.T) {
	t.Parallel()
	w := trips(t)
	tokens, _ := tokensOf(t, aToken)
	d, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}, Tokens: tokens, Private: true})
	p := newPerson(t, s)
	for _, path := range []string{"/", "/p/trips", "/p/trips/trips:7", "/p/trips/moves", "/p/trips/dead-letters", "/p/trips/set?to=-1", "/p/trips/audit", "/p/trips/plan/x", "/diff", "/p/none", "/x"} {
		if got := p.get(path); !strings.HasPrefix(got.path, "/sign-in?") || strings.Contains(got.body, "trips:7 ") || strings.Contains(got.body, "204,") {
			t.Errorf("GET %s leads to %s", path, got.path)
		}
	}
	for _, path := range []string{"/p/trips.json", "/p/trips/moves.csv", "/events?page=/p/trips", "/.json"} {
		if got := p.get(path); got.status != http.StatusUnauthorized {
			t.Errorf("GET %s: %d, want 401", path, got.status)
		}
	}
	in, _ := http.NewRequest("GET", s.URL+"/p/trips.json", nil)
	in.Header.Set("Authorization", "Bearer "+aToken)
	in.Host = "dash.example" // its own name, which TLS vouches for
	if got := p.do(in); got.status >= 400 && got.status != http.StatusBadGateway {
		t.Errorf("with a token: %d", got.status)
	}
	in.Header.Set("Authorization", "Bearer wrong-token-0000000000")
	if got := p.do(in); got.status != http.StatusUnauthorized {
		t.Errorf("with a wrong token: %d", got.status)
	}
	secure := httptest.NewTLSServer(d)
	defer secure.Close()
	q := newPerson(t, secure)
	q.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if got := q.signIn("ada", aToken); !strings.Contains(got.header.Get("Set-Cookie"), "Secure") {
		t.Errorf("by TLS the cookie is %q", got.header.Get("Set-Cookie"))
	}
}

// TestNoSecretInAPage: no page, answer or stream has a token or the cookie of a sign-in.
func TestNoSecretInAPage(t *testing.T) {
	t.Parallel()
	w := trips(t)
	w.dead(`{"id":1}`)
	_, s := acting(t, w)
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	p := signedIn(t, s, "ada")
	plan := p.form("/p/trips/trips:7", "/p/trips/plan", "do", "repair", "topic", "trips:7", "choice", "skip").path
	at, _ := url.Parse(s.URL)
	secrets := []string{aToken}
	for _, c := range p.jar.Cookies(at) {
		secrets = append(secrets, c.Value)
	}
	if len(secrets) < 2 {
		t.Fatal("there is no cookie: the test is worth nothing")
	}
	done := p.form(plan, plan, "sure", "1")
	pages := map[string]string{"what was done": done.body}
	for _, path := range []string{"/", "/p/trips", "/p/trips.json", "/p/trips/trips:7", "/p/trips/moves", "/p/trips/moves.csv", "/p/trips/dead-letters", "/p/trips/set?to=-1", "/p/trips/audit", plan, plan + ".json", "/sign-in", "/sign-in?ended=1&to=/x", "/nix"} {
		got := p.get(path)
		pages[path] = got.body + fmt.Sprint(got.header["Location"])
	}
	pages["a wrong sign-in"] = newPerson(t, s).signIn("", aToken).body
	for path, body := range pages {
		for _, secret := range secrets {
			if strings.Contains(body, secret) {
				t.Errorf("%s has a secret", path)
			}
		}
	}
}

// FuzzForms: whatever a form holds is answered, with the headers that bind a browser, and never with 500; positions move by plans that were executed alone.
func FuzzForms(f *testing.F) {
	for _, seed := range [][2]string{{"/p/trips/plan", "do=set&to=-1&topic=trips:0"}, {"/p/trips/plan", "do=repair&topic=trips:7&choice=skip&why=%00%1b"}, {"/p/trips/plan", "do=replay&at=:::"},
		{"/p/trips/plan", "do=discard&at=trips:0:9999999999999999999"}, {"/p/trips/plan", "to=2026-13-41T99:99&topic=trips:0-99999999"}, {"/p/trips/plan/x", "sure=1"}, {"/sign-in", "name=a&token=b&to=//x"},
		{"/p/trips/audit", "do=stop"}, {"/p/trips/audit", "do=x"}, {"/sign-out", "x=%"}, {"/", ""}, {"/p/%2f/plan", "do=set"}, {"/p/trips/plan", "to=%2B9223372036854775807&clamp=1"}, {"/p/trips/plan.json", "do=set&to=latest"}} {
		f.Add(seed[0], seed[1])
	}
	w := trips(f)
	d, s := acting(f, w)
	until(f, s.URL+"/p/trips", "Choose for trips:7")
	p := signedIn(f, s, "ada")
	csrf := code(p.get("/p/trips/set").body)
	at, _ := url.Parse(s.URL)
	cookies := p.jar.Cookies(at)
	at0 := func() ledger.Position {
		s, err := w.store.Read(context.Background(), w.group)
		if err != nil {
			panic(err)
		}
		return s.Positions[tp(0)]
	}
	before := at0()
	f.Fuzz(func(t *testing.T, path, form string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Path == "/sign-out" || u.Path == "/sign-in" && form != "" { // it would end the sign-in; a wrong token waits a second
			t.Skip()
		}
		in, err := http.NewRequest("POST", s.URL, strings.NewReader("csrf="+csrf+"&"+form))
		if err != nil {
			t.Fatal(err)
		}
		in.URL.Path, in.URL.RawPath, in.URL.RawQuery, in.Host = u.Path, u.RawPath, u.RawQuery, "localhost"
		in.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		in.Header.Set("Sec-Fetch-Site", "same-origin")
		for _, c := range cookies {
			in.AddCookie(c)
		}
		out := newRecorder()
		d.ServeHTTP(out, in)
		if out.Code == 0 || out.Code == http.StatusInternalServerError {
			t.Errorf("POST %q %q: %d %s", path, form, out.Code, words(out.Body.String()))
		}
		if out.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("POST %q has no policy", path)
		}
		if at0() != before {
			t.Errorf("POST %q %q moved a position", path, form)
		}
	})
}
