//go:build realservers

package dash_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/dash"
)

// stage is a dashboard that may change what is in its worlds, and what its browser is told.
type stage struct {
	*world
	url    string
	tokens string // the file
	server *httptest.Server
}

func newStage(t *testing.T) stage {
	t.Helper()
	w, many := trips(t), clicks(t)
	w.dead(`{"id":1}`, `{"id":2,"fare":NaN}`, `{"id":3}`)
	tokens, path := tokensOf(t, aToken)
	pipeline := w.pipeline()
	pipeline.Resources.Provenance = &slowRows{let: make(chan struct{}), n: 10_000}
	pipeline.AuditOptions = func() admin.AuditOptions { return admin.AuditOptions{KeepsCommits: true, Table: "trips"} }
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{pipeline, many.pipeline()}, Tokens: tokens, Changes: true})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	until(t, s.URL+"/p/clicks", "Choose for trips:650")
	return stage{w, s.URL, path, s}
}

const tabKey = "\t"

// at waits until the page of a path has loaded.
func (p *tab) at(path string) {
	p.t.Helper()
	p.wait(path, fmt.Sprintf("(location.pathname + location.search).startsWith(%q) && document.readyState === 'complete' && !!document.getElementById('keys')", path))
}

// to tabs on until what a selector finds has the focus.
func (p *tab) to(selector string) {
	p.t.Helper()
	for range 80 {
		p.key(tabKey)
		if eval[bool](p, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
	}
	p.t.Fatalf("80 tabs do not lead to %s; the page says: %s", selector, eval[string](p, "document.body.innerText"))
}

// types writes a text into what has the focus.
func (p *tab) types(text string) {
	p.t.Helper()
	for _, r := range text {
		p.do(chromedp.KeyEvent(string(r)))
	}
}

// enters signs in by the keyboard.
func (p *tab) enters(name string) {
	p.t.Helper()
	if id := eval[string](p, "document.activeElement.id"); id != "name" {
		p.to("#name")
	}
	p.types(name)
	if eval[string](p, "document.getElementById('token').value") == "" {
		p.to("#token")
		p.types(aToken)
	}
	p.key(enter)
}

// good looks at a page: nothing is reported, it does not scroll sideways, axe-core finds nothing; and keeps its picture.
func (p *tab) good(name string) {
	p.t.Helper()
	p.easy()
	if over := eval[int64](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		p.t.Errorf("%s scrolls sideways by %d pixels; %s", name, over, eval[string](p,
			`[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wrap,pre,nav.sub')).slice(0, 5).map(e => e.outerHTML.slice(0, 160)).join('\n')`))
	}
	p.shoot(name)
	p.reports()
}

// TestActionsByKeyboard: sign-in, each verb from choice to what was read back, an audit, without a mouse; on a desk and on a phone, light and dark.
func TestActionsByKeyboard(t *testing.T) {
	b := newBrowser(t)
	for _, screen := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"desk", 1280, 720, false}, {"phone", 390, 844, true}} {
		t.Run(screen.name, func(t *testing.T) {
			w := newStage(t)
			p := b.tab(t, screen.width, screen.height, screen.dark)
			shot := func(name string) { t.Helper(); p.good("act-" + screen.name + "-" + name) }

			p.open(w.url + "/sign-in?to=%2Fp%2Ftrips%2Ftrips:7#" + aToken)
			p.wait("the token in the form", "document.getElementById('token').value.length > 0 && !location.hash")
			shot("sign-in")
			p.enters("ada")
			p.at("/p/trips/trips:7")
			shot("parked")

			// Repair: the record that parks is skipped.
			parked := w.position(7).Offset
			p.to("input[name=choice]")
			p.key(" ")
			p.to("#why")
			p.types("INC-4412")
			p.key(enter)
			p.at("/p/trips/plan/")
			shot("repair-plan")
			p.key("e")
			p.wait("the focus on the box", "document.activeElement.id === 'sure'")
			p.key(" ")
			p.to("#execute")
			p.key(enter)
			p.wait("what was done", "document.activeElement.id === 'done'")
			shot("repair-done")
			if at := w.position(7).Offset; at != parked+1 {
				t.Errorf("trips:7 is at %d, want %d", at, parked+1)
			}

			// Set: three partitions go back.
			p.key("g", "s")
			p.at("/p/trips/set")
			p.to("input[name=topic]")
			p.key(" ")
			p.to("#to")
			p.types("-1000")
			p.key(enter) // shows what that would be
			p.at("/p/trips/set?")
			shot("set-preview")
			before := w.position(0).Offset
			p.to("button[formaction]")
			p.key(enter)
			p.at("/p/trips/plan/")
			shot("set-plan")
			p.key("e", enter)
			p.wait("what was done", "document.activeElement.id === 'done'")
			shot("set-done")
			if at := w.position(0).Offset; at != before-1000 {
				t.Errorf("trips:0 is at %d, want %d", at, before-1000)
			}
			p.open(w.url + "/p/trips/set?to=999999999999")
			p.wait("what is wrong", "!!document.getElementById('fault')")
			shot("set-refused")

			// Dead letters: all are replayed, one is as bad as before and discarded.
			p.key("g", "d")
			p.at("/p/trips/dead-letters")
			shot("letters")
			p.to("#replay")
			p.key(enter)
			p.at("/p/trips/plan/")
			shot("replay-plan")
			p.key("e", enter)
			p.wait("what was done", "document.activeElement.id === 'done'")
			shot("replay-done")
			p.key("g", "d")
			p.at("/p/trips/dead-letters")
			p.to("input[name=at]")
			p.key(" ")
			p.to("#discard")
			p.key(enter)
			p.at("/p/trips/plan/")
			shot("discard-plan")
			p.key("e", " ")
			p.to("#execute")
			p.key(enter)
			p.wait("what was done", "document.activeElement.id === 'done'")
			if left := w.letters(); len(left) != 1 || !strings.HasPrefix(left[0].Discarded, "by ada@ui") {
				t.Errorf("the letters are %+v, want one, discarded", left)
			}

			// Audit: it says how far it is by itself, and is stopped.
			p.key("g", "a")
			p.at("/p/trips/audit")
			p.to("#start")
			p.key(enter)
			p.wait("how far it is", "document.body.innerText.includes('rows: 4,096 of')")
			shot("audit-runs")
			p.to("#stop")
			p.key(enter)
			p.wait("its end", "document.body.innerText.includes('stopped by ada@ui')")
			shot("audit-stopped")
		})
	}
}

// TestOperatorsInABrowser: a sign-in that ends leads back to the plan; a second operator is told of the first one, and whose plan is stale of who moved it.
func TestOperatorsInABrowser(t *testing.T) {
	b := newBrowser(t)
	w := newStage(t)
	p := b.tab(t, 1280, 720, false)
	bob := signedIn(t, w.server, "bob")
	p.open(w.url + "/p/trips/set?topic=trips:0&to=-10&why=INC-1")
	p.to("a[href^='/sign-in']")
	p.do(chromedp.Evaluate[chromedp.Void]("document.querySelector('main a[href^=\"/sign-in\"]').focus()"))
	p.key(enter)
	p.at("/sign-in")
	p.enters("ada")
	p.at("/p/trips/set?")
	p.to("button[formaction]")
	p.key(enter)
	p.at("/p/trips/plan/")
	his := bob.form("/p/trips/set", "/p/trips/plan", "topic", "trips:0", "to", "-5", "why", "INC-2")
	p.do(chromedp.Evaluate[chromedp.Void]("location.reload()"))
	p.wait("the other one's plan", "document.body.innerText.includes('bob@ui has planned to rewind 1 partition')")
	p.good("act-second-operator")
	if got := bob.form(his.path, his.path); !strings.Contains(got.body, verified) {
		t.Fatalf("bob: %s", words(got.body))
	}
	p.key("e", enter)
	p.wait("that it is stale", "document.body.innerText.includes('rewind by bob@ui')")
	if got := eval[string](p, "document.activeElement.innerText"); !strings.Contains(got, "plan-stale") {
		t.Errorf("the focus is on %q, want what is wrong", got)
	}
	p.good("act-stale")
	p.to("a[data-next]")
	p.key(enter)
	p.wait("the new plan", "!!document.getElementById('execute')")
	plan := eval[string](p, "location.pathname")

	// The token is another one now: the sign-in ends, and the plan waits behind the next.
	const later = aToken + "-later"
	if err := os.WriteFile(filepath.Clean(w.tokens), []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(w.tokens, time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	before := w.position(0)
	p.key("e", enter)
	p.at("/sign-in")
	p.wait("why", "document.body.innerText.includes('token-expired')")
	p.good("act-expired")
	p.to("#name")
	p.types("ada")
	p.to("#token")
	p.types(later)
	p.key(enter)
	p.at(plan)
	if w.position(0) != before {
		t.Error("a sign-in executed a plan")
	}
	p.key("e", enter)
	p.wait("what was done", "document.activeElement.id === 'done'")
	p.reports()
}
