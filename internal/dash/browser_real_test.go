//go:build realservers

package dash_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/fencepost/fencepost/internal/dash"
	"github.com/fencepost/fencepost/internal/servers"
)

// browser is one real Chromium; a test opens tabs of it.
type browser struct {
	ctx context.Context
	axe string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, axe := servers.Browser(t)
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-domain-reliability", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("no-proxy-server", true), chromedp.Flag("metrics-recording-only", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.*, EXCLUDE localhost"), chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(3*time.Minute))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, closeIt := chromedp.NewContext(ctx)
	t.Cleanup(closeIt)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{ctx, axe}
}

// tab is a page, with what the browser reports about it.
type tab struct {
	ctx context.Context
	t   *testing.T
	axe string
	mu  sync.Mutex
	bad []string
}

func (b *browser) tab(t *testing.T, width, height int64, dark bool) *tab {
	t.Helper()
	ctx, closeIt := chromedp.NewContext(b.ctx)
	t.Cleanup(closeIt)
	ctx, stop := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(stop)
	p := &tab{ctx: ctx, t: t, axe: b.axe}
	said := chromedp.Console(ctx)
	go func() {
		for m, err := range said {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" {
				p.mu.Lock()
				p.bad = append(p.bad, fmt.Sprintf("%s %s", m, m.URL))
				p.mu.Unlock()
			}
		}
	}()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.do(chromedp.EmulateViewport(width, height, func(metrics *emulation.SetDeviceMetricsOverrideParams, _ *emulation.SetTouchEmulationEnabledParams) {
		metrics.Mobile = width < 500
	}))
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// eval is what an expression is in the page.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, func(e *runtime.EvaluateParams) { e.AwaitPromise = new(bool); *e.AwaitPromise = true }))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// wait waits until an expression is true.
func (p *tab) wait(what, expression string) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if eval[bool](p, "!!document.body && !!document.activeElement && ("+expression+")") {
			return
		}
	}
	p.t.Fatalf("waited a minute for %s: %s; the page says: %s", what, expression, eval[string](p, "document.body.innerText"))
}

func (p *tab) open(at string) {
	p.t.Helper()
	p.do(chromedp.Navigate(at))
	p.wait("the page", "document.readyState === 'complete'")
}

func (p *tab) key(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// reports fails for what the browser reported.
func (p *tab) reports() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.bad {
		p.t.Errorf("the browser reports: %s", one)
	}
	p.bad = nil
}

// shoot keeps a picture of the whole page in the folder of pictures.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("FENCEPOST_TEST_SHOTS")
	if dir == "" {
		dir = p.t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// easy runs axe-core in the page, and fails for what is serious. The script comes in by the debugger, which no policy binds.
func (p *tab) easy() {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](p.axe + ";0"))
	found := eval[[]struct {
		ID, Impact, Help string
		Nodes            []string
	}](p, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary)})))`)
	for _, one := range found {
		if one.Impact == "serious" || one.Impact == "critical" {
			p.t.Errorf("axe: %s %s: %s\n%s", one.Impact, one.ID, one.Help, strings.Join(one.Nodes, "\n"))
		} else {
			p.t.Logf("axe: %s %s: %s %q", one.Impact, one.ID, one.Help, one.Nodes)
		}
	}
}

// demo is a dashboard with the pipelines of the pictures.
func demo(t *testing.T) (*world, *httptest.Server) {
	t.Helper()
	w, many, quiet := trips(t), clicks(t), newWorld(t, "orders-agg", 3)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline(), many.pipeline(), quiet.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	until(t, s.URL+"/p/clicks", "Choose for trips:650")
	until(t, s.URL+"/p/orders-agg", "3 idle")
	return w, s
}

// demoPages are the pages, by the name of their picture.
var demoPages = map[string]string{"pipelines": "/", "partitions": "/p/trips", "linear": "/p/trips?scale=linear", "heat": "/p/clicks", "parked": "/p/trips/trips:7", "blocked": "/p/trips/trips:8",
	"aged-out": "/p/clicks/trips:650", "moves": "/p/trips/moves", "dead-letters": "/p/trips/dead-letters", "records": "/p/trips/trips:0/records?at=204000000&n=10", "diff": "/diff?a=trips&b=orders-agg",
	"not-found": "/p/trip"}

// TestPagesInABrowser: each page at four widths and in both schemes, without a report of the browser's or a finding of axe-core's, and none scrolls sideways.
func TestPagesInABrowser(t *testing.T) {
	b := newBrowser(t)
	_, s := demo(t)
	for _, screen := range []struct {
		name          string
		width, height int64
		dark, axe     bool
	}{{"light-1280", 1280, 720, false, true}, {"dark-1280", 1280, 720, true, true}, {"phone-390", 390, 844, false, true}, {"phone-320", 320, 640, true, false}, {"tablet-1000", 1000, 700, false, false}} {
		t.Run(screen.name, func(t *testing.T) {
			p := b.tab(t, screen.width, screen.height, screen.dark)
			for name, path := range demoPages {
				p.open(s.URL + path)
				if wide := eval[int64](p, "document.documentElement.scrollWidth"); wide > screen.width {
					t.Errorf("%s scrolls sideways: %d of %d pixels; %s", path, wide, screen.width, eval[string](p,
						`[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.wrap,pre,nav.sub')).slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join('\n')`))
				}
				if eval[bool](p, "!!document.querySelector('[hx-sse\\\\:connect]')") {
					p.wait("a live page", "/^live/.test(document.getElementById('live').textContent)")
				}
				if screen.axe {
					p.easy()
				}
				p.shoot(screen.name + "-" + name)
				if name == "not-found" { // the browser logs the status
					p.mu.Lock()
					p.bad = nil
					p.mu.Unlock()
				}
				p.reports()
			}
		})
	}
}

// TestFirstScreen: the five answers stand on the first screen; on a phone what stands does.
func TestFirstScreen(t *testing.T) {
	b := newBrowser(t)
	_, s := demo(t)
	for _, path := range []string{"/", "/p/trips", "/p/clicks"} {
		p := b.tab(t, 1280, 720, false)
		p.open(s.URL + path)
		if bottom := eval[float64](p, "document.getElementById('five').getBoundingClientRect().bottom"); bottom > 720 {
			t.Errorf("%s: the five answers end at %v of 720 pixels", path, bottom)
		}
		phone := b.tab(t, 390, 844, false)
		phone.open(s.URL + path)
		if bottom := eval[float64](phone, "document.querySelector('#five > div').getBoundingClientRect().bottom"); bottom > 844 {
			t.Errorf("%s: what stands ends at %v of 844 pixels", path, bottom)
		}
		if small := eval[[]string](phone, `[...document.querySelectorAll('.btn')].filter(e => e.getBoundingClientRect().height && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)`); len(small) > 0 {
			t.Errorf("%s: buttons that are lower than 44 pixels: %q", path, small)
		}
	}
}

// TestLiveInABrowser: a commit shows by itself, the focus stays where it is, and nothing is reported.
func TestLiveInABrowser(t *testing.T) {
	b := newBrowser(t)
	w, s := demo(t)
	p := b.tab(t, 1280, 720, false)
	p.open(s.URL + "/p/trips")
	p.wait("a live page", "/^live/.test(document.getElementById('live').textContent)")
	p.key("j", "j", "j")
	focus := eval[string](p, "document.activeElement.textContent")
	w.commit(10, 204_100_000)
	p.wait("the commit", "document.body.innerText.includes('204,100,000')")
	if now := eval[string](p, "document.activeElement.textContent"); now != focus || focus != "trips:0" {
		t.Errorf("the focus was on %q, and is on %q; want trips:0", focus, now)
	}
	p.shoot("live")
	p.reports()
}

// TestStaleInABrowser: a page that hears nothing says so in words, first in its header, and comes back by itself.
func TestStaleInABrowser(t *testing.T) {
	b := newBrowser(t)
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	p := b.tab(t, 1280, 720, false)
	p.open(s.URL + "/p/trips")
	p.wait("a live page", "/^live/.test(document.getElementById('live').textContent)")
	s.CloseClientConnections()
	p.wait("a live page again", "/^live/.test(document.getElementById('live').textContent)")
	s.Close()
	p.wait("the word", "/^stale, 1[0-9]s ago/.test(document.getElementById('live').textContent)")
	p.wait("the notice", "!document.getElementById('stale').hidden")
	p.shoot("stale")
}

const enter, escape = "\r", "\u001b"

// TestKeys: the keyboard alone leads through the pages.
func TestKeys(t *testing.T) {
	b := newBrowser(t)
	_, s := demo(t)
	p := b.tab(t, 1280, 720, false)
	p.open(s.URL + "/")
	at := func(want string) {
		t.Helper()
		p.wait(want, fmt.Sprintf("location.pathname + location.search === %q && document.readyState === 'complete' && !!document.getElementById('keys')", want))
	}
	p.key("j", enter)
	at("/p/trips")
	p.key("g", "m")
	at("/p/trips/moves")
	p.key("g", "d")
	at("/p/trips/dead-letters")
	p.key("g", "p")
	at("/")
	p.key("j", enter)
	at("/p/trips")
	p.key("/")
	if id := eval[string](p, "document.activeElement.id"); id != "q" {
		t.Errorf("/ leads to %q, want the filter", id)
	}
	p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById('q').value = ''`)) // a debugger's key is typed also where a page takes it
	p.key("p", "a", "r", "k", "e", "d", enter)
	at("/p/trips?q=parked")
	if n := eval[int](p, "document.querySelectorAll('#rows tr').length"); n != 1 {
		t.Errorf("%d rows are parked, want 1", n)
	}
	p.key("c")
	at("/p/trips/trips:7")
	p.key(escape)
	at("/p/trips")
	p.key("?")
	p.wait("the keys", "document.getElementById('keys').open")
	p.shoot("keys")
	p.do(chromedp.Click(chromedp.CSS("#keyson")), chromedp.Click(chromedp.CSS("#keysclose")))
	p.key("g", "m")
	if path := eval[string](p, "location.pathname"); path != "/p/trips" {
		t.Errorf("a key that is switched off leads to %s", path)
	}
	p.reports()
}

// TestWithoutAScript: every page is whole, and says as of when it is.
func TestWithoutAScript(t *testing.T) {
	b := newBrowser(t)
	_, s := demo(t)
	p := b.tab(t, 1280, 720, false)
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.Navigate(s.URL + "/p/trips"))
	rows, err := chromedp.Run(p.ctx, chromedp.Nodes(chromedp.CSSAll("#rows tr")))
	if err != nil || len(rows) != 12 {
		t.Errorf("%d rows without a script, %v", len(rows), err)
	}
	_, body, _ := get(t, s.URL+"/p/trips")
	if !strings.Contains(body, "as of ") {
		t.Error("the page does not say as of when it is")
	}
	p.shoot("without-a-script")
}
