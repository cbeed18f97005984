package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/ledger"
)

// fake is an engine of which the test says how it is.
type fake struct {
	status engine.Status
	parts  []engine.PartitionStatus
	stuck  []engine.Stuck
}

func (f *fake) Status() engine.Status                { return locked(&f.status) }
func (f *fake) Partitions() []engine.PartitionStatus { return locked(&f.parts) }
func (f *fake) Stuck() []engine.Stuck                { return locked(&f.stuck) }

// fakes is held while a fake is asked, or changes.
var fakes sync.Mutex

func locked[T any](field *T) T {
	fakes.Lock()
	defer fakes.Unlock()
	return *field
}

// becomes changes how the engine is, while somebody asks it.
func (f *fake) becomes(change func()) {
	fakes.Lock()
	defer fakes.Unlock()
	change()
}

// at is a partition that runs at an offset, with so much lag.
func at(p int32, offset fencepost.Offset, lag int64) engine.PartitionStatus {
	return engine.PartitionStatus{TopicPartition: fencepost.TopicPartition{Topic: "trips", Partition: p}, Running: true, Lag: lag,
		Position: ledger.Position{Offset: offset, LeaderEpoch: 4, Fence: 255}}
}

// halted is a partition that stands still.
func halted(p int32, halt ledger.Halt, code, reason string) engine.PartitionStatus {
	one := at(p, 7, 3)
	one.Report = ledger.Report{Halt: halt, Code: code, Reason: reason, Since: time.Date(2026, 11, 21, 3, 0, int(p), 0, time.UTC)}
	return one
}

var opening = engine.Retrying{What: "open", Lane: -1, Err: fmt.Errorf("open sink: %w", &fencepost.UserError{Code: "database-starting", Err: errors.New("postgres: starting up")})}

// ask asks a path of pages, and returns status and answer.
func ask(t *testing.T, pages http.Handler, path string) (int, map[string]any) {
	t.Helper()
	in, out := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9464"+path, nil), httptest.NewRecorder()
	pages.ServeHTTP(out, in)
	answer := map[string]any{}
	if err := json.Unmarshal(out.Body.Bytes(), &answer); err != nil {
		t.Fatalf("GET %s: %d %s: %v", path, out.Code, out.Body, err)
	}
	return out.Code, answer
}

// TestReady: what makes a worker ready, and the reasons where it is not, as the two servers tell them.
func TestReady(t *testing.T) {
	for name, c := range map[string]struct {
		events []engine.Event
		is     fake
		want   []string // state, code, reason and partitions of each reason
		codes  []any
	}{
		"it has begun":             {nil, fake{}, []string{"starting||brokers and stores are being asked|"}, []any{"starting"}},
		"the database starts":      {[]engine.Event{opening}, fake{}, []string{"starting|database-starting|postgres: starting up|"}, []any{"database-starting"}},
		"not in the group yet":     {[]engine.Event{opening, engine.Opened{}}, fake{status: engine.Status{Outside: true}}, []string{"waiting|not-a-member|the group has not let this worker in|"}, []any{"not-a-member"}},
		"a member without a share": {[]engine.Event{engine.Opened{}}, fake{}, nil, []any{}},
		"all run":                  {[]engine.Event{engine.Opened{}}, fake{parts: []engine.PartitionStatus{at(0, 7, 0), at(1, 7, 9), at(2, 7, -1)}}, nil, []any{}},
		"not reconciled yet": {[]engine.Event{engine.Opened{}}, fake{parts: []engine.PartitionStatus{{TopicPartition: fencepost.TopicPartition{Topic: "trips"}, Lag: -1}}},
			[]string{"waiting||its position is being compared with the log|trips:0"}, []any{"waiting"}},
		"no broker answers, and it holds nothing": {[]engine.Event{engine.Opened{}}, fake{status: engine.Status{Silent: true}}, []string{"waiting|broker-silent|no broker answers this worker|"}, []any{"broker-silent"}},
		"some stand still": {[]engine.Event{engine.Opened{}}, fake{parts: []engine.PartitionStatus{at(0, 7, 0), halted(1, ledger.HaltParked, "truncated", "past the divergence"),
			halted(2, ledger.HaltParked, "truncated", "past the divergence"), halted(5, ledger.HaltParked, "truncated", "past the divergence"), halted(3, ledger.HaltBlocked, "", "a transaction holds the rest back"), halted(4, ledger.HaltRetrying, "database-silent", "connection refused")}},
			[]string{"parked|truncated|past the divergence|trips:1-2 trips:5", "blocked||a transaction holds the rest back|trips:3", "retrying|database-silent|connection refused|trips:4"}, []any{"truncated", "blocked", "database-silent"}},
		"it stops":   {[]engine.Event{engine.Opened{}, engine.Draining{}}, fake{parts: []engine.PartitionStatus{at(0, 7, 0)}}, []string{"stopping||what is under way is being committed, then the group is left|"}, []any{"stopping"}},
		"it hangs":   {[]engine.Event{engine.Opened{}}, fake{stuck: []engine.Stuck{{What: "poll", For: time.Hour}}}, nil, []any{}}, // that is liveness
		"it retries": {[]engine.Event{engine.Opened{}, engine.Retrying{What: "commit"}}, fake{}, nil, []any{}},                     // its partitions say so
	} {
		t.Run(name, func(t *testing.T) {
			w := New(Config{})[0]
			for _, e := range c.events {
				w.Event(e)
			}
			w.Runs(&c.is)
			status, answer := ask(t, Process{w}.Pages(), "/ready")
			var got []string
			for _, r := range answer["reasons"].([]any) {
				one := r.(map[string]any)
				text := func(v any) string { s, _ := v.(string); return s }
				var tps []string
				for _, tp := range one["partitions"].([]any) {
					tps = append(tps, tp.(string))
				}
				got = append(got, text(one["state"])+"|"+text(one["code"])+"|"+text(one["reason"])+"|"+strings.Join(tps, " "))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("reasons (-want +got):\n%s", d)
			}
			well := map[bool]int{true: 200, false: 503}[c.want == nil]
			if status != well || answer["ready"] != (c.want == nil) {
				t.Errorf("ready: %d, %v, want %d", status, answer["ready"], well)
			}
			status, answer = ask(t, Process{w}.Probes(), "/ready")
			if d := cmp.Diff(map[string]any{"ready": c.want == nil, "codes": c.codes}, answer); status != well || d != "" {
				t.Errorf("for everybody: %d, want %d, and codes without data (-want +got):\n%s", status, well, d)
			}
		})
	}
}

// TestLive: a worker lives while its loops turn, whatever it waits for.
func TestLive(t *testing.T) {
	is := &fake{status: engine.Status{Silent: true, Outside: true}, parts: []engine.PartitionStatus{halted(1, ledger.HaltParked, "truncated", "x")}}
	w := New(Config{})[0]
	for _, e := range []engine.Event{opening, engine.Opened{}, engine.Draining{}, engine.Stopped{}} {
		w.Event(e)
		w.Runs(is)
		if status, answer := ask(t, Process{w}.Pages(), "/live"); status != 200 || answer["live"] != true {
			t.Errorf("after %T: %d, %v", e, status, answer)
		}
	}
	is.stuck = []engine.Stuck{{What: "commit of lane 0", For: 95 * time.Second}}
	status, answer := ask(t, Process{w}.Pages(), "/live")
	if d := cmp.Diff([]any{map[string]any{"group": "", "what": "commit of lane 0", "seconds": 95.0}}, answer["stuck"]); status != 503 || d != "" {
		t.Errorf("with a loop that hangs: %d (-want +got):\n%s", status, d)
	}
	if status, answer := ask(t, Process{w}.Probes(), "/live"); status != 503 || len(answer) != 1 || answer["live"] != false {
		t.Errorf("for everybody: %d, %v", status, answer)
	}
}

// TestStatus: the numbers are the engine's, the words those of offsets show.
func TestStatus(t *testing.T) {
	w := New(Config{Group: "trip-totals", Who: "w1@node3", Topics: "trips", Into: "postgres trips", Promise: "exactly once"})[0]
	w.Event(engine.Opened{})
	w.Runs(&fake{status: engine.Status{Records: 36912, Commits: 17, Skipped: 2, Letters: 3, Lag: 53274, Oldest: time.Now().Add(-time.Hour), CommitP50: 4 * time.Millisecond},
		parts: []engine.PartitionStatus{at(0, 7, 0), at(1, 9, 41), at(2, 9, -1), halted(3, ledger.HaltParked, "truncated", "past the divergence")}})
	status, got := ask(t, Process{w}.Pages(), "/status")
	if status != 200 {
		t.Errorf("status %d", status)
	}
	if age := got["lag_seconds"].(float64); age < 3599 || age > 3700 {
		t.Errorf("lag_seconds %v, want an hour", age)
	}
	for _, name := range []string{"time", "since", "lag_seconds", "reasons"} {
		delete(got, name)
	}
	position := func(offset float64) map[string]any {
		return map[string]any{"offset": offset, "leader_epoch": 4.0, "fence": "00000000000000ff", "topic_id": nil}
	}
	standing := func(p, offset float64, lag any, state string) map[string]any {
		return map[string]any{"topic": "trips", "partition": p, "position": position(offset), "lag": lag, "state": state, "code": nil, "reason": nil, "since": nil}
	}
	parked := standing(3, 7, 3.0, "parked")
	parked["code"], parked["reason"], parked["since"] = "truncated", "past the divergence", "2026-11-21T03:00:03.000Z"
	want := map[string]any{"format": 1.0, "command": "run", "group": "trip-totals", "worker": "w1@node3", "topics": "trips", "into": "postgres trips",
		"promise": "exactly once", "phase": "running", "live": true, "ready": false,
		"totals": map[string]any{"partitions": 4.0, "running": 2.0, "idle": 1.0, "parked": 1.0, "waiting": 0.0, "blocked": 0.0, "retrying": 0.0, "cut_off": 0.0,
			"lag": 44.0, "lag_at_least": true, "lag_unknown": 1.0},
		"work":      map[string]any{"records": 36912.0, "commits": 17.0, "bytes": 0.0, "gaps": 0.0, "skipped": 2.0, "dead_letters": 3.0, "commit_p50_seconds": 0.004},
		"positions": []any{standing(0, 7, 0.0, "idle"), standing(1, 9, 41.0, "running"), standing(2, 9, nil, "running"), parked}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestPagesAreForThisMachine: what has names and numbers is told to nobody else, not even by a browser of this machine; and there is nothing
// but questions.
func TestPagesAreForThisMachine(t *testing.T) {
	w := New(Config{})[0]
	w.Runs(&fake{})
	for _, c := range []struct {
		pages             http.Handler
		method, url, host string
		want              int
	}{
		{listen.FromHere(Process{w}.Pages()), "GET", "/status", "127.0.0.1:9464", 200}, {listen.FromHere(Process{w}.Pages()), "GET", "/status", "localhost", 200}, {listen.FromHere(Process{w}.Pages()), "GET", "/status", "[::1]:9464", 200},
		{listen.FromHere(Process{w}.Pages()), "GET", "/status", "evil.example:9464", 403}, {listen.FromHere(Process{w}.Pages()), "GET", "/live", "127.0.0.1.evil.example", 403},
		{listen.FromHere(Process{w}.Pages()), "HEAD", "/live", "127.0.0.1", 200}, {listen.FromHere(Process{w}.Pages()), "POST", "/live", "127.0.0.1", 405}, {listen.FromHere(Process{w}.Pages()), "GET", "/", "127.0.0.1", 404},
		{Process{w}.Probes(), "GET", "/live", "10.0.0.7:9464", 200}, {Process{w}.Probes(), "GET", "/status", "10.0.0.7:9464", 404}, {Process{w}.Probes(), "GET", "/status", "127.0.0.1", 404},
	} {
		in, out := httptest.NewRequest(c.method, c.url, nil), httptest.NewRecorder()
		in.Host = c.host
		c.pages.ServeHTTP(out, in)
		if out.Code != c.want {
			t.Errorf("%s %s of %s: %d, want %d", c.method, c.url, c.host, out.Code, c.want)
		}
	}
}
