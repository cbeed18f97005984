package health

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
)

// TestProcess: of several pipelines in a process each is named; one that failed makes it not ready, one that is done does not; a service
// manager is told that it is ready once each is a member or at its end.
func TestProcess(t *testing.T) {
	p := New(Config{Group: "orders"}, Config{Group: "trips"})
	orders, trips := &fake{status: engine.Status{Commits: 3}}, &fake{status: engine.Status{Outside: true}}
	p[0].Runs(orders)
	p[1].Runs(trips)
	var n notices
	told := func() string { return strings.Join(n.next(p.look(), true), " ") }

	p[0].Event(engine.Opened{})
	if got := told(); strings.Contains(got, "READY") || !strings.Contains(got, "EXTEND_TIMEOUT_USEC") {
		t.Errorf("one starts: told %q", got)
	}
	p[1].Event(engine.Opened{})
	trips.status.Outside = false
	if got := told(); !strings.Contains(got, "READY=1") {
		t.Errorf("both are members: told %q", got)
	}
	if status, answer := ask(t, p.Pages(), "/ready"); status != 200 {
		t.Errorf("both are members: %d, %v", status, answer)
	}

	orders.stuck = []engine.Stuck{{What: "poll", For: 90 * time.Second}}
	status, answer := ask(t, p.Pages(), "/live")
	if d := cmp.Diff([]any{map[string]any{"group": "orders", "what": "poll", "seconds": 90.0}}, answer["stuck"]); status != 503 || d != "" {
		t.Errorf("a loop of one hangs: %d (-want +got):\n%s", status, d)
	}
	if got := told(); strings.Contains(got, "WATCHDOG") {
		t.Errorf("a loop of one hangs: told %q", got)
	}

	p[0].Ended(&fencepost.UserError{Code: "topic-not-found", Err: errors.New("no topic orders")})
	status, answer = ask(t, p.Pages(), "/ready")
	if d := cmp.Diff([]any{map[string]any{"group": "orders", "state": "ended", "code": "topic-not-found", "reason": "no topic orders", "since": nil, "partitions": []any{}}},
		answer["reasons"]); status != 503 || d != "" {
		t.Errorf("one failed: %d (-want +got):\n%s", status, d)
	}
	if got := told(); strings.Contains(got, "STOPPING") || !strings.Contains(got, "WATCHDOG=1") || !strings.Contains(got, "STATUS=orders: ended: no topic orders (topic-not-found); trips: running") {
		t.Errorf("one failed: told %q", got)
	}
	_, answer = ask(t, p.Pages(), "/status")
	var phases []any
	for _, r := range answer["runs"].([]any) {
		phases = append(phases, r.(map[string]any)["group"], r.(map[string]any)["phase"])
	}
	if d := cmp.Diff([]any{"orders", "ended", "trips", "running"}, phases); d != "" {
		t.Errorf("/status (-want +got):\n%s", d)
	}

	p[0].Ended(nil)
	if status, answer := ask(t, p.Pages(), "/ready"); status != 200 {
		t.Errorf("one is done: %d, %v", status, answer)
	}
	p[1].Event(engine.Draining{})
	if got := told(); !strings.Contains(got, "STOPPING=1") {
		t.Errorf("the other stops: told %q", got)
	}
}
