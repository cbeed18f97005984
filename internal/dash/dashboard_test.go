package dash_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/dash"
	"github.com/fencepost/fencepost/internal/view"
)

// get asks for a page.
func get(t testing.TB, at string) (status int, body string, h http.Header) {
	t.Helper()
	resp, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// until asks again until the page has a text, and does not have the others.
func until(t testing.TB, at, has string, hasNot ...string) string {
	t.Helper()
	body := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, body, _ = get(t, at); strings.Contains(body, has) {
			good := true
			for _, no := range hasNot {
				good = good && !strings.Contains(body, no)
			}
			if good {
				return body
			}
		}
	}
	t.Fatalf("%s does not have %q, or has one of %q; it is:\n%s", at, has, hasNot, body)
	return ""
}

var tags = regexp.MustCompile(`<[^>]*>`)

// words are the texts of a page.
func words(html string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(html, " ")), " ")
}

// TestPagesAnswerTheFive: what stands, what lags, what was lost, who moved it, what can be done.
func TestPagesAnswerTheFive(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	for _, path := range []string{"/", "/p/trips"} {
		text := words(until(t, s.URL+path, "Choose for trips:7"))
		for _, want := range []string{"1 parked", "1 blocked", "at most 12,004 in 24h", "oncall@bastion", "trips:4 rewind, 0s ago: wrong rate, INC-4411", "oldest 23m5",
			"record at 204,503,650 can not be decoded: value is not JSON at byte 81", "billing-2&#39;s transaction (producer 9012)"} {
			if !strings.Contains(text, want) && !(want == "oldest 23m5" && strings.Contains(text, "oldest 24m")) {
				t.Errorf("%s does not say %q; it says:\n%s", path, want, text)
			}
		}
	}
}

// TestJSONIsOffsetsShow: behind a page's path is what offsets show prints.
func TestJSONIsOffsetsShow(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	_, body, h := get(t, s.URL+"/p/trips.json")
	if h.Get("Content-Type") != "application/json" {
		t.Errorf("content type is %s", h.Get("Content-Type"))
	}
	v, err := admin.Look(t.Context(), w.resources())
	if err != nil {
		t.Fatal(err)
	}
	p := view.NewPositions(v, w.resources().Where, "")
	p.CountLetters(admin.LetterCount(t.Context(), w.resources()))
	want, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(plain(t, want), plain(t, []byte(body))); d != "" {
		t.Errorf("the page's json is not what offsets show says (-show +page):\n%s", d)
	}
	// What the page prints are the same numbers.
	_, page, _ := get(t, s.URL+"/p/trips")
	for _, one := range p.Positions {
		for _, n := range []string{one.Position.String(), one.Lag.String()} {
			if !strings.Contains(page, ">"+n+"<") {
				t.Errorf("%s: the page does not have %s", one.Name(), n)
			}
		}
	}
	_, table, _ := get(t, s.URL+"/p/trips.csv")
	var b bytes.Buffer
	if err := view.CSV(&b, p.Positions); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(table, "\n"), strings.Count(b.String(), "\n"); got != want {
		t.Errorf("csv has %d lines, want %d", got, want)
	}
}

// plain is json without what time alone changes.
func plain(t *testing.T, b []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "time")
			delete(v, "lag_seconds")
			for _, one := range v {
				strip(one)
			}
		case []any:
			for _, one := range v {
				strip(one)
			}
		}
	}
	strip(v)
	return v
}

// TestEveryPage: each page and its data answer, with the headers that bind a browser, and nothing inline.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	w, other := trips(t), newWorld(t, "a/b: c", 2)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline(), other.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	until(t, s.URL+"/p/a%2Fb:%20c", "2 idle")
	for path, says := range map[string]string{
		"/": "Pipelines", "/p/trips": "Partitions", "/p/trips?scale=linear&q=parked": "1 of 12", "/p/trips/trips:7": "What can be done", "/p/trips/trips:8": "billing-2",
		"/p/trips/trips:0": "Records at the position", "/p/trips/trips:7/records": `NaN`, "/p/trips/trips:0/records?at=204,000,000&n=10": "204,000,009",
		"/p/trips/moves": "wrong rate", "/p/trips/moves?cause=losses&since=24h": "loses at most 10,800", "/p/trips/moves?cause=commits&since=all": "commit",
		"/p/trips/dead-letters": "No dead letter", "/diff": "ledgers that this program was started with", "/diff?a=trips&b=a%2Fb:+c": "apart", "/p/a%2Fb:%20c/trips:1": "idle",
	} {
		status, body, h := get(t, s.URL+path)
		if status != http.StatusOK || !strings.Contains(body, says) {
			t.Errorf("GET %s: %d, and no %q in:\n%s", path, status, says, words(body))
			continue
		}
		if got := h.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'; script-src 'self'; style-src 'self'") {
			t.Errorf("GET %s: policy %q", path, got)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
			if h.Get(name) != want {
				t.Errorf("GET %s: %s is %q", path, name, h.Get(name))
			}
		}
		for _, bad := range []string{"<script>", " style=", "hx-on", "javascript:", "onclick", "ZgotmplZ", "%!", "<no value>"} {
			if strings.Contains(body, bad) {
				t.Errorf("GET %s has %q", path, bad)
			}
		}
		at, query, _ := strings.Cut(path, "?")
		status, body, _ = get(t, s.URL+at+".json?"+query)
		if !json.Valid([]byte(body)) || status != http.StatusOK {
			t.Errorf("GET %s.json: %d %s", at, status, body)
		}
		if status, body, _ = get(t, s.URL+at+".csv?"+query); status != http.StatusOK {
			t.Errorf("GET %s.csv: %d %s", at, status, body)
		}
	}
}

// TestWhatIsNotThere is a page that helps.
func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	for path, says := range map[string]string{"/p/trip": "Did you mean trips?", "/p/trips/trips:70": "Did you mean trips:0", "/p/trips/mov": "has no page mov", "/x": "no such page", "/p/trips/trips:7/x": "no such page"} {
		if status, body, _ := get(t, s.URL+path); status != http.StatusNotFound || !strings.Contains(words(body), says) {
			t.Errorf("GET %s: %d, and no %q in: %s", path, status, says, words(body))
		}
	}
	if status, body, _ := get(t, s.URL+"/p/trip.json"); status != http.StatusNotFound || !strings.Contains(body, `"code": "not-found"`) {
		t.Errorf("json of an unknown group: %d %s", status, body)
	}
}

// TestNothingIsChanged: no method but GET and HEAD, and no other host's name, reaches a page.
func TestNothingIsChanged(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		req, _ := http.NewRequest(method, s.URL+"/p/trips", strings.NewReader("x"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s is answered with %d", method, resp.StatusCode)
		}
	}
	req, _ := http.NewRequest("GET", s.URL+"/", nil)
	req.Host = "evil.example:80"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a request for another host's name is answered with %d", resp.StatusCode)
	}
}

// TestBrokersSilent: positions are the ledger's, all else is unknown, and it comes back by itself.
func TestBrokersSilent(t *testing.T) {
	t.Parallel()
	w := trips(t)
	w.cluster.silent = true
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}, Timeout: 300 * time.Millisecond})
	body := until(t, s.URL+"/p/trips", "broker-silent")
	text := words(body)
	for _, want := range []string{"12 waiting", "204,941,239", "lag, end and verdict are unknown", "see to the brokers"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(body, `data-l="Lag">0<`) {
		t.Error("a lag that is not known is 0")
	}
	w.cluster.set(func() { w.cluster.silent = false })
	until(t, s.URL+"/p/trips", "Choose for trips:7", "broker-silent")
}

// TestLedgerSilent: what was known stays, and says of when it is.
func TestLedgerSilent(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}, Timeout: 300 * time.Millisecond})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	w.ledgerIs(true)
	body := until(t, s.URL+"/p/trips", "database-silent")
	if !strings.Contains(words(body), "All of this page is of") || !strings.Contains(body, `class="old"`) || !strings.Contains(body, "204,941,239") {
		t.Errorf("a page of a silent ledger does not say of when it is:\n%s", words(body))
	}
	w.ledgerIs(false)
	until(t, s.URL+"/p/trips", "Choose for trips:7", "database-silent")
}

// TestNothingKnownYet: before the ledger has ever answered a page says so, and no number is made up.
func TestNothingKnownYet(t *testing.T) {
	t.Parallel()
	w := trips(t)
	w.ledgerIs(true)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}, Timeout: 300 * time.Millisecond})
	text := words(until(t, s.URL+"/p/trips", "database-silent"))
	if strings.Contains(text, "0 in 24h") || strings.Count(text, "unknown") < 4 {
		t.Errorf("the page says: %s", text)
	}
	if text := words(until(t, s.URL+"/", "database-silent")); strings.Contains(text, " 0 records") || !strings.Contains(text, "unknown") {
		t.Errorf("the page of all says: %s", text)
	}
	if status, body, _ := get(t, s.URL+"/p/trips.json"); status != http.StatusBadGateway || !strings.Contains(body, "database-silent") {
		t.Errorf("json: %d %s", status, body)
	}
}

// TestStrangersText: what records, reasons and people say is text, and nothing else.
func TestStrangersText(t *testing.T) {
	t.Parallel()
	w := trips(t)
	const evil = "<script>alert(1)</script>\x1b[31m\u202e<hx-partial hx-target=body>"
	w.to(0, 204_000_000, ledgerRewind, 0, "mallory"+evil, "=cmd()"+evil)
	w.cluster.value = func(fencepost.TopicPartition, fencepost.Offset) []byte {
		return []byte(evil + strings.Repeat("x", 9000))
	}
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "mallory")
	for _, path := range []string{"/", "/p/trips", "/p/trips/trips:0", "/p/trips/moves", "/p/trips/trips:0/records", "/events?page=/p/trips", "/events?page=/"} {
		body := firstOf(t, s.URL+path)
		if !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("GET %s does not show it: the test is worth nothing\n%s", path, words(body))
		}
		for _, bad := range []string{"<script>alert", "\x1b", "\u202e", "<hx-partial hx-target=body"} {
			if strings.Contains(body, bad) {
				t.Errorf("GET %s has %q as it is", path, bad)
			}
		}
	}
	if _, body, _ := get(t, s.URL+"/p/trips/trips:0/records"); !strings.Contains(body, "bytes in all)") {
		t.Error("a long value is not cut")
	}
	if _, body, _ := get(t, s.URL+"/p/trips/moves.csv"); !strings.Contains(body, `'=cmd()`) {
		t.Errorf("a formula in csv: %s", body)
	}
	_, hidden := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}, NoRecords: true})
	until(t, hidden.URL+"/p/trips", "mallory")
	if status, body, _ := get(t, hidden.URL+"/p/trips/trips:0/records"); status != http.StatusNotFound || strings.Contains(body, "xxxx") {
		t.Errorf("--no-records shows one: %d", status)
	}
}

// firstOf is a page, or the first message of a stream.
func firstOf(t *testing.T, at string) string {
	t.Helper()
	if !strings.Contains(at, "/events") {
		_, body, _ := get(t, at)
		return body
	}
	lines, stop := listenTo(t, at)
	defer stop()
	return <-lines
}

// listenTo is the messages of a stream.
func listenTo(t testing.TB, at string) (messages <-chan string, stop func()) {
	t.Helper()
	in, err := http.NewRequest("GET", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	in.Header.Set("User-Agent", rand.Text()) // a browser of its own
	resp, err := http.DefaultClient.Do(in)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", at, resp.Status)
	}
	out := make(chan string, 100)
	go func() {
		defer close(out)
		in := bufio.NewReader(resp.Body)
		message := ""
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line != "\n" {
				message += strings.TrimPrefix(line, "data: ")
				continue
			}
			if strings.Contains(message, "<hx-partial") || strings.Contains(message, "event:") {
				out <- message
			}
			message = ""
		}
	}()
	return out, func() { resp.Body.Close() }
}

// TestLive: only what changed is sent; two pages have one reader.
func TestLive(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	messages, stop := listenTo(t, s.URL+"/events?page="+url.QueryEscape("/p/trips"))
	defer stop()
	if first := <-messages; !strings.Contains(first, `id="rows"`) || !strings.Contains(first, `hx-target="#five"`) {
		t.Errorf("the first message is not the whole state: %s", first)
	}
	w.commit(10, 204_100_000)
	deadline := time.After(30 * time.Second)
	for {
		select {
		case <-deadline:
			t.Fatal("the commit was not sent")
		case m := <-messages:
			if !strings.Contains(m, ">204,100,000<") {
				continue
			}
			if strings.Contains(m, `id="rows"`) || strings.Contains(m, `id="axis"`) || strings.Contains(m, `id="workers"`) {
				t.Errorf("more was sent than what changed: %s", m)
			}
			return
		}
	}
}

// TestOneReader: however many pages are open, ledger and brokers are asked by one.
func TestOneReader(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	for range 20 {
		_, stop := listenTo(t, s.URL+"/events?page=/p/trips")
		defer stop()
	}
	var before, after int
	w.cluster.set(func() { before = w.cluster.asked })
	time.Sleep(3 * time.Second)
	w.cluster.set(func() { after = w.cluster.asked })
	if after-before > 5 {
		t.Errorf("20 pages asked the brokers %d times in 3 s, want one reader's 3", after-before)
	}
}

// TestStreamsAreBounded: the 65th page is told to come again.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 100}}
	for i := range 65 {
		in, _ := http.NewRequest("GET", s.URL+"/events?page=/", nil)
		in.Header.Set("User-Agent", fmt.Sprintf("browser %d", i))
		resp, err := client.Do(in)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if want := map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusOK}[i == 64]; resp.StatusCode != want {
			t.Fatalf("stream %d: %s", i+1, resp.Status)
		}
		if i == 64 && resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
}

// TestStreamsOfOneBrowser: three streams of a browser stay open; one beyond them has the whole state, says when to ask again, and ends.
func TestStreamsOfOneBrowser(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	ask := func() *http.Response {
		t.Helper()
		in, _ := http.NewRequest("GET", s.URL+"/events?page=/p/trips", nil)
		in.Header.Set("User-Agent", "a browser")
		resp, err := http.DefaultClient.Do(in)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		return resp
	}
	var open []*http.Response
	for range 3 {
		open = append(open, ask())
	}
	for range 2 {
		short := ask()
		b, err := io.ReadAll(short.Body)
		short.Body.Close()
		if err != nil || !strings.HasPrefix(string(b), "retry: 2000\n\n") || !strings.Contains(string(b), `id="rows"`) || !strings.Contains(string(b), ">live, ") {
			t.Errorf("a fourth stream: %v\n%s", err, b)
		}
	}
	for _, one := range open {
		one.Body.Close()
	}
}

// TestThousandPartitions: the page has the heat map, and rows up to a limit; and it is small.
func TestThousandPartitions(t *testing.T) {
	t.Parallel()
	w := clicks(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	body := until(t, s.URL+"/p/clicks", "Choose for trips:650")
	if n := strings.Count(body, `class="hundred"`); n != 10 {
		t.Errorf("%d lines of a hundred, want 10", n)
	}
	if n := strings.Count(body, "data-row"); n != 60 {
		t.Errorf("%d rows, want 60", n)
	}
	if !strings.Contains(body, `aria-rowcount="1000"`) || !strings.Contains(words(body), "940 more") {
		t.Error("how many there are is not said")
	}
	for _, want := range []string{`aria-label="trips:412 waiting`, `aria-label="trips:650 parked`, `aria-label="Heat map"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	total := 0
	for _, path := range append([]string{"/p/clicks"}, loaded(body)...) {
		req, _ := http.NewRequest("GET", s.URL+path, nil)
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", path)
		}
		t.Logf("%6d bytes %s", n, path)
		total += int(n)
	}
	if total > 100_000 {
		t.Errorf("the first page is %d bytes, want at most 100,000", total)
	}
	_, all, _ := get(t, s.URL+"/p/clicks?rows=all")
	if n := strings.Count(all, "data-row"); n != 1000 {
		t.Errorf("rows=all has %d rows", n)
	}
}

// loaded are the files that a page loads.
func loaded(body string) (paths []string) {
	for _, m := range regexp.MustCompile(`(?:src|href)="(/a/[^"]+)"`).FindAllStringSubmatch(body, -1) {
		paths = append(paths, m[1])
	}
	return paths
}

// TestAssetsArePinned: the files of others are those of the packages that assets.go names.
func TestAssetsArePinned(t *testing.T) {
	for name, want := range map[string]string{
		"htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130", "hx-sse.min.js": "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
		"htmx.LICENSE": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38"} {
		b, err := os.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is another than that of htmx.org 4.0.1", name)
		}
	}
}

// TestAssets: each is found by its digest alone, and may be kept for ever.
func TestAssets(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	paths := loaded(until(t, s.URL+"/p/trips", "Choose for trips:7"))
	if len(paths) != 5 {
		t.Errorf("a page loads %q", paths)
	}
	for _, path := range paths {
		status, body, h := get(t, s.URL+path)
		if status != http.StatusOK || !strings.Contains(h.Get("Cache-Control"), "immutable") || body == "" {
			t.Errorf("GET %s: %d %v", path, status, h)
		}
		if status, _, _ := get(t, s.URL+strings.Replace(path, "/a/", "/a/0", 1)); status != http.StatusNotFound {
			t.Errorf("another digest of %s: %d", path, status)
		}
	}
}

// TestContrast: the colours of ui.css can be told from their ground, light and dark.
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("assets/ui.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), 2)
	if len(blocks) != 2 {
		t.Fatal("ui.css has no two sets of colours")
	}
	for i, mode := range []string{"light", "dark"} {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(blocks[i][1], -1) {
			colour[m[1]] = luminance(m[2])
		}
		ratio := func(a, b string) float64 {
			x, y := colour[a], colour[b]
			return (max(x, y) + .05) / (min(x, y) + .05)
		}
		for _, text := range []string{"text", "dim", "link", "red", "amber", "green", "blue", "violet"} {
			for _, ground := range []string{"panel", "bg"} {
				if r := ratio(text, ground); r < 4.5 {
					t.Errorf("%s: %s on %s is %.1f, want 4.5", mode, text, ground, r)
				}
			}
		}
		for _, tint := range []string{"red", "amber", "green"} {
			if r := ratio(tint, tint+"-bg"); r < 4.5 {
				t.Errorf("%s: %s on its tint is %.1f, want 4.5", mode, tint, r)
			}
		}
		if r := ratio("edge", "panel"); r < 3 {
			t.Errorf("%s: shapes in edge on panel are %.1f, want 3", mode, r)
		}
	}
}

func luminance(hex string) float64 {
	var rgb [3]int
	fmt.Sscanf(hex, "%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2])
	l := 0.0
	for i, part := range []float64{.2126, .7152, .0722} {
		c := float64(rgb[i]) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = pow24((c + .055) / 1.055)
		}
		l += part * c
	}
	return l
}

// FuzzHandlers: whatever is asked for is answered, with the headers that bind a browser, and never with 500.
func FuzzHandlers(f *testing.F) {
	for _, seed := range []string{"/", "/p/trips", "/p/trips.json", "/p/trips/moves?since=1y&cause=x", "/p/trips/trips:7/records?at=-1", "/p/%2f/..", "/diff?a=&b=%00", "/events?page=/x",
		"/p/trips/dead-letters?at=:::&code=%ff", "/p/trips?rows=-1&q=%3Cscript%3E&scale=", "/a/x/ui.css", "/.csv", "/p/trips/trips:99999999999999999999", "//", "/p/trips/trips:7/records?at=9,9&n=x"} {
		f.Add(seed)
	}
	w := trips(f)
	d, s := serve(f, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(f, s.URL+"/p/trips", "Choose for trips:7")
	f.Fuzz(func(t *testing.T, at string) {
		u, err := url.ParseRequestURI(at)
		if err != nil || strings.HasPrefix(u.Path, "/events") && strings.Contains(u.RawQuery, "page") {
			t.Skip() // a stream has no end; its page is read by the same code
		}
		r, err := http.NewRequest("GET", s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.Host = u.Path, u.RawPath, u.RawQuery, "localhost"
		out := newRecorder()
		d.ServeHTTP(out, r)
		if out.Code == 0 || out.Code == http.StatusInternalServerError {
			t.Errorf("GET %q: %d", at, out.Code)
		}
		if out.HeaderMap.Get("Content-Security-Policy") == "" {
			t.Errorf("GET %q has no policy", at)
		}
	})
}

// TestStreamIsCompressed: an update of many rows is small.
func TestStreamIsCompressed(t *testing.T) {
	t.Parallel()
	w := trips(t)
	_, s := serve(t, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(t, s.URL+"/p/trips", "Choose for trips:7")
	req, _ := http.NewRequest("GET", s.URL+"/events?page=/p/trips", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(z).ReadString('\n')
	if err != nil || line != "retry: 2000\n" {
		t.Errorf("the stream begins with %q, %v", line, err)
	}
}
