package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/webhook/news"
	"github.com/fencepost/fencepost/ledger"
)

// receiver answers POSTs, and keeps what it got.
type receiver struct {
	sync.Mutex
	answer func(n int) *http.Response // of the n-th POST, from 1; nil: it is never answered
	got    []request
}

type request struct {
	header http.Header
	body   []byte
	at     time.Time
}

// RoundTrip is an http.RoundTripper: nothing leaves the test.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.Lock()
	r.got = append(r.got, request{req.Header.Clone(), body, time.Now()})
	n := len(r.got)
	r.Unlock()
	resp := r.answer(n)
	if resp == nil {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return resp, nil
}

// all is what it got until now.
func (r *receiver) all() []request {
	r.Lock()
	defer r.Unlock()
	return slices.Clone(r.got)
}

// status is an answer.
func status(code int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)), Header: h, Body: io.NopCloser(bytes.NewReader(nil))}
}

// events are the names of the events of a POST, and how many were left out.
func (r request) events(t *testing.T) (names []string, left int) {
	t.Helper()
	var b struct {
		Events  []struct{ Event string }
		LeftOut int `json:"left_out"`
	}
	if err := json.Unmarshal(r.body, &b); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Events {
		names = append(names, e.Event)
	}
	return names, b.LeftOut
}

func all() (kinds []news.Kind) {
	for _, k := range news.Kinds() {
		kinds = append(kinds, news.Kind(k))
	}
	return kinds
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func text(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// hook is a Hook to a receiver; failures are counted.
func hook(t *testing.T, r *receiver, set func(*Config)) (h *Hook, failures *[]string) {
	var said []string
	cfg := Config{URL: text("https://hooks.example/T0K3N"), Secret: text(secret), On: all(), Lag: 100, Timeout: 10 * time.Second, Group: "g", Worker: "w",
		Failed: func(err error) { said = append(said, err.Error()) }}
	if set != nil {
		set(&cfg)
	}
	h = New(cfg)
	h.post.client.Transport = r
	return h, &said
}

var parked = engine.Parked{TopicPartition: fencepost.TopicPartition{Topic: "trips"}, Code: "truncated"}

// TestNews: what is news goes in one POST, in order; what is none goes in none; and the peers' library takes the signature.
func TestNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int) *http.Response { return status(204) }}
		h, failures := hook(t, r, nil)
		for _, e := range []engine.Event{parked, engine.Committed{}, engine.Moved{Moves: []ledger.Move{{Cause: ledger.CauseRewind}}},
			engine.Moved{Moves: []ledger.Move{{Cause: ledger.CauseGap, AtMost: 7}}}, engine.Moved{Moves: []ledger.Move{{Cause: ledger.CauseGap, AtMost: ledger.UnknownLoss}}},
			engine.Passed{}, engine.WorkersGone{}, engine.Stopped{}, engine.Stopped{Err: errors.New("disk full")}} {
			h.Event(e)
		}
		for _, lag := range []int64{50, 101, 5000, 80, 51, 50, 99, 101} {
			h.Event(engine.Progress{Status: engine.Status{Lag: lag, Running: 1}})
		}
		h.Event(engine.Progress{Status: engine.Status{Lag: 0, Running: 1, Silent: true}}) // not known
		synctest.Wait()
		time.Sleep(time.Second)
		h.Close()
		h.Close()
		if len(r.all()) != 1 || len(*failures) > 0 {
			t.Fatalf("%d POSTs, want 1; failures %v", len(r.all()), *failures)
		}
		names, _ := r.all()[0].events(t)
		if got := strings.Join(names, " "); got != "parked moved moved passed workers-gone stopped lag lag lag" {
			t.Errorf("events %s", got)
		}
		peer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := peer.VerifyIgnoringTimestamp(r.all()[0].body, r.all()[0].header); err != nil {
			t.Errorf("the peers' library: %v", err)
		}
		if err := peer.VerifyIgnoringTimestamp(append(r.all()[0].body, ' '), r.all()[0].header); err == nil {
			t.Error("the peers' library takes another body")
		}
	})
}

// TestOnlyWhatIsAskedFor: the other kinds are none of its news.
func TestOnlyWhatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int) *http.Response { return status(200) }}
		h, _ := hook(t, r, func(c *Config) { c.On = []news.Kind{news.Takeover} })
		h.Event(parked)
		h.Event(engine.Progress{Status: engine.Status{Lag: 1000, Running: 1}})
		h.Event(engine.WorkersGone{})
		h.Close()
		if names, _ := r.all()[0].events(t); len(r.all()) != 1 || strings.Join(names, " ") != "workers-gone" {
			t.Errorf("%d POSTs, the first of %v", len(r.all()), names)
		}
	})
}

// TestTriedAgain: the same POST until it is taken, at growing intervals or as the receiver asks, reported once; what happens meanwhile goes
// with the next.
func TestTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int) *http.Response {
			switch n {
			case 1:
				return status(500)
			case 2:
				return status(307, "Location", "https://elsewhere.example/")
			case 3:
				return status(503, "Retry-After", "30")
			case 4:
				return nil
			}
			return status(202)
		}}
		h, failures := hook(t, r, nil)
		began := time.Now()
		h.Event(parked)
		time.Sleep(5 * time.Second)
		h.Event(engine.WorkersGone{})
		time.Sleep(2 * time.Minute)
		var at []string
		ids := map[string]int{}
		for _, one := range r.all() {
			at = append(at, one.at.Sub(began).String())
			ids[one.header.Get("Webhook-Id")]++
		}
		if got := strings.Join(at, " "); got != "500ms 1.5s 3.5s 33.5s 51.5s 51.5s" {
			t.Errorf("tried after %s", got)
		}
		if len(ids) != 2 || ids[r.all()[0].header.Get("Webhook-Id")] != 5 {
			t.Errorf("IDs %v, want the same one five times, and another", ids)
		}
		if names, _ := r.all()[5].events(t); strings.Join(names, " ") != "workers-gone" {
			t.Errorf("the next POST has %v", names)
		}
		if len(*failures) != 1 || strings.Contains((*failures)[0], "T0K3N") {
			t.Errorf("reported: %v", *failures)
		}
		h.Event(parked)
		h.Close()
		if len(r.all()) != 7 {
			t.Errorf("what waits at the end is not sent: %d POSTs", len(r.all()))
		}
	})
}

// TestAReceiverThatNeverAnswers holds up no event and no end of a run, and is given up after an hour.
func TestAReceiverThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int) *http.Response { return nil }}
		h, _ := hook(t, r, nil)
		h.Event(parked)
		time.Sleep(time.Second)
		began := time.Now()
		for range 3 * most {
			h.Event(parked)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the engine waited %s", took)
		}
		time.Sleep(2 * time.Hour)
		ids := map[string]bool{}
		for _, one := range r.all() {
			ids[one.header.Get("Webhook-Id")] = true
		}
		if len(ids) < 2 {
			t.Error("the first is tried for ever")
		}
		began = time.Now()
		h.Close()
		if took := time.Since(began); took > closing {
			t.Errorf("the end took %s", took)
		}
	})
}

// TestTooMany: above the bound they are counted, and the last POST says so.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int) *http.Response { return status(200) }}
		h, _ := hook(t, r, nil)
		for range most + 7 {
			h.Event(parked)
		}
		h.Close()
		sum, left := 0, 0
		for _, one := range r.all() {
			names, l := one.events(t)
			sum, left = sum+len(names), left+l
		}
		if sum != most || left != 7 || len(r.all()) != most/mostInOne {
			t.Errorf("%d events in %d POSTs, %d left out", sum, len(r.all()), left)
		}
	})
}

// TestGone: a receiver that wants no more gets no more.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int) *http.Response { return status(410) }}
		h, failures := hook(t, r, nil)
		for range 3 {
			h.Event(parked)
			time.Sleep(time.Hour)
		}
		h.Close()
		if len(r.all()) != 1 || len(*failures) != 1 {
			t.Errorf("%d POSTs, failures %v", len(r.all()), *failures)
		}
	})
}

// TestSecrets: one that is no base64 is refused and sends nothing; plain text signs; none signs nothing. None is in an error.
func TestSecrets(t *testing.T) {
	for _, c := range []struct {
		secret string
		signed bool
		fails  string
	}{{"", false, ""}, {"plain text", true, ""}, {"whsec_!!", false, "the secret begins with whsec_, and what follows is not base64"}} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{answer: func(int) *http.Response { return status(200) }}
			h, failures := hook(t, r, func(cfg *Config) { cfg.Secret = text(c.secret) })
			h.Event(parked)
			h.Close()
			if c.fails != "" {
				if len(r.all()) != 0 || len(*failures) != 1 || (*failures)[0] != c.fails {
					t.Errorf("%q: %d POSTs, failures %v", c.secret, len(r.all()), *failures)
				}
				return
			}
			if signed := r.all()[0].header.Get("Webhook-Signature") != ""; signed != c.signed {
				t.Errorf("%q: signed: %t", c.secret, signed)
			}
		})
	}
}

// TestOverTheNetwork: a real server, its redirects are not followed, and no error names the URL.
func TestOverTheNetwork(t *testing.T) {
	got := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		got <- in.Method + " " + in.URL.Path + " " + in.Header.Get("Content-Type")
		if in.URL.Path == "/T0K3N" {
			http.Redirect(out, in, "/elsewhere", http.StatusTemporaryRedirect)
		}
	}))
	defer s.Close()
	for where, want := range map[string]string{s.URL + "/T0K3N": "the receiver answers 307 Temporary Redirect", "http://127.0.0.1:1/T0K3N": "dial tcp 127.0.0.1:1: connect: connection refused"} {
		failed := make(chan error, 1)
		h := New(Config{URL: text(where), Secret: text(""), On: all(), Timeout: 5 * time.Second, Failed: func(err error) { failed <- err }})
		h.Event(parked)
		if err := <-failed; err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		h.Close()
	}
	if one := <-got; one != "POST /T0K3N application/json" {
		t.Error(one)
	}
	close(got)
	for one := range got { // the end of the run tries it once more
		if !strings.HasPrefix(one, "POST /T0K3N ") {
			t.Errorf("a redirect was followed: %s", one)
		}
	}
}
