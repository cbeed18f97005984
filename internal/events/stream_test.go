package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

var update = flag.Bool("update", false, "write the golden files")

func tp(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "trips", Partition: p}
}

// everything is one event of each kind, or more.
func everything() []engine.Event {
	since := time.Date(2026, 11, 21, 3, 6, 0, 0, time.FixedZone("", 3600))
	at := func(offset fencepost.Offset, fence ledger.Fence) ledger.Position {
		return ledger.Position{Offset: offset, Fence: fence, LeaderEpoch: 4}
	}
	down := &fencepost.UserError{Code: "database-silent", Err: errors.New("connection refused")}
	differs := []ledger.Difference{{Name: "table", Was: "h1", Is: "h1b"}}
	return []engine.Event{
		engine.Retrying{What: "open", Lane: -1, Attempt: 1, In: time.Second, Err: down, Left: 4 * time.Minute},
		engine.Opened{Partitions: 12},
		engine.PipelineChanged{Was: ledger.Pipeline{Who: "26011@node3", Since: since}, Differences: differs, Others: 1},
		engine.PipelineLeft{Is: ledger.Pipeline{Who: "26012@node4", Since: since}, Differences: differs},
		engine.EndsFixed{Partitions: 2, Offsets: 3_000},
		engine.Assigned{Partitions: []fencepost.TopicPartition{tp(0), tp(1)}},
		engine.CommittedElsewhere{Partitions: []engine.Elsewhere{{TopicPartition: tp(0), Committed: 0, Held: 21_287}}},
		engine.Weaker{Topics: []string{"trips"}},
		engine.Reconciled{Partitions: []engine.Reconciliation{{TopicPartition: tp(0), Verdict: ledger.OK, Offset: 7, Running: true},
			{TopicPartition: tp(1), Verdict: ledger.AgedOut, Offset: 30, Running: true, Reason: "earliest"}}},
		engine.Moved{Moves: []ledger.Move{{TopicPartition: tp(1), Cause: ledger.CauseStart, Next: at(0, 7), Why: "earliest"},
			{TopicPartition: tp(1), Cause: ledger.CauseGap, Held: at(10, 7), Next: at(30, 8), AtMost: 20},
			{TopicPartition: tp(2), Cause: ledger.CauseGap, Held: at(10, 7), Next: at(30, 8), AtMost: ledger.UnknownLoss}}},
		engine.Committed{Rows: 2, Records: 2, Bytes: 81, Took: 4100 * time.Microsecond, Segments: []fencepost.Segment{{Hi: 2,
			TopicPartition: tp(8), Range: fencepost.OffsetRange{From: 304_098, Until: 304_100}}}},
		engine.Passed{Records: []engine.PassedRecord{{TopicPartition: tp(8), Offset: 304_099, As: engine.DeadLetter, Code: "record-undecodable", Reason: "delay: <not> a number"}}},
		engine.Refused{TopicPartition: tp(0), Relation: ledger.RelationMoved, Offset: 9, Held: at(1, 255)},
		engine.SinkWentBack{TopicPartition: tp(0), From: 9, To: 1},
		engine.Parked{TopicPartition: tp(3), Code: "truncated", Offset: 472_522, Reason: "past the divergence", Lost: 886, Facts: map[string]string{"record": "7"}},
		engine.Waiting{TopicPartition: tp(5), Reason: "no leader"},
		engine.Blocked{TopicPartition: tp(6), Offset: 4, Since: since},
		engine.Blocked{TopicPartition: tp(7), Offset: 5, Since: since, Transaction: source.Transaction{ProducerID: 4001, TransactionalID: "billing-7", From: 5, Since: since}},
		engine.Retrying{What: "commit", Lane: 0, Attempt: 2, In: 250 * time.Millisecond, Err: errors.New("broken pipe"), Unknown: true},
		engine.Slow{Lane: 1, Rows: 9, For: 5 * time.Second, Wait: sink.Wait{Text: "backend 7 waits"}},
		engine.Silent{Since: since, For: 2 * time.Second, Err: &fencepost.UserError{Code: "broker-silent", Err: errors.New("no broker answered")}},
		engine.Outside{Since: since, For: 12 * time.Second, Ended: true},
		engine.MirrorFailed{Err: errors.New("no coordinator")},
		engine.ReportFailed{Err: errors.New("read-only")},
		engine.WorkersGone{Workers: []ledger.Worker{{Who: "26011@node3", Member: "fencepost-1", Instance: "node3", Since: since}}},
		engine.PresenceFailed{Err: errors.New("too many connections")},
		engine.OtherCopy{Stranger: ledger.Stranger{Who: "26013@node5", Member: "fencepost-2"}},
		engine.Progress{Status: engine.Status{Records: 5}},
		engine.Revoked{Partitions: []fencepost.TopicPartition{tp(1)}, Lost: true},
		engine.Draining{InFlight: 1, AtMost: 30 * time.Second},
		engine.LeftBehind{What: "leave group", Err: errors.New("no coordinator")},
		engine.Stopped{Up: time.Minute, Status: engine.Status{Records: 5_000, Commits: 4, CommitP50: 3 * time.Millisecond}, Parked: []fencepost.TopicPartition{tp(3)}, Err: down},
	}
}

// TestEachEventHasALine: each type that the engine reports has its line, of the same name in kebab case, but for Progress.
func TestEachEventHasALine(t *testing.T) {
	lines := map[string]string{} // of the names of types
	for _, e := range everything() {
		b, err := json.Marshal(view.NewEvent(time.Now(), "g", "w", e))
		if err != nil {
			t.Fatal(err)
		}
		var head struct{ Event string }
		if err := json.Unmarshal(b, &head); err != nil {
			t.Fatal(err)
		}
		lines[reflect.TypeOf(e).Name()] = head.Event
	}
	dir := "../../engine"
	packages, err := parser.ParseDir(token.NewFileSet(), dir, func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, f := range packages["engine"].Files {
		for _, d := range f.Decls {
			fn, is := d.(*ast.FuncDecl)
			if !is || fn.Name.Name != "event" || fn.Recv == nil {
				continue
			}
			known++
			name := fn.Recv.List[0].Type.(*ast.Ident).Name
			switch line, sent := lines[name]; {
			case !sent:
				t.Errorf("engine.%s: this test sends none", name)
			case name == "Progress" && line != "":
				t.Errorf("engine.Progress is state, and has the line %q", line)
			case name != "Progress" && strings.ReplaceAll(line, "-", "") != strings.ToLower(name):
				t.Errorf("engine.%s has the line %q", name, line)
			}
		}
	}
	if known != len(lines) {
		t.Errorf("the engine reports %d kinds of events, this test sends %d", known, len(lines))
	}
}

// TestLines holds the lines to those that docs/reference/events.md shows.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		s := New(&b, func(err error) { t.Error(err) })
		to := s.Of("trip-totals", "w1@node3")
		for _, e := range everything() {
			to(e)
		}
		s.Close()
		s.Close()
		to(engine.Opened{}) // behind the end: nothing
		const file = "testdata/lines.jsonl"
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	})
}

// gate takes nothing until it is opened.
type gate struct {
	open chan struct{}
	mu   sync.Mutex
	b    bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(p)
}

// TestTheEngineNeverWaits: a reader that takes nothing holds up no event; what was left out is counted, and the rest is in order.
func TestTheEngineNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		s := New(g, func(err error) { t.Error(err) })
		to, began := s.Of("g", "w"), time.Now()
		const sent = 3 * room
		for i := range sent {
			to(engine.Opened{Partitions: i})
		}
		if took := time.Since(began); took != 0 { // the bubble's clock: it moves only where somebody waits
			t.Errorf("the engine waited %s", took)
		}
		close(g.open)
		synctest.Wait()
		to(engine.Opened{Partitions: sent})
		synctest.Wait()
		for i := range 2 * room {
			to(engine.Opened{Partitions: sent + 1 + i})
			synctest.Wait()
		}
		s.Close()
		next, left := 0, 0
		for _, line := range strings.Split(strings.TrimSpace(g.b.String()), "\n") {
			var one struct {
				Event              string
				Events, Partitions int
			}
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if one.Event == "left-out" {
				next, left = next+one.Events, left+one.Events
				continue
			}
			if one.Partitions != next {
				t.Fatalf("event %d comes where %d should", one.Partitions, next)
			}
			next++
		}
		if next != sent+1+2*room || left < room {
			t.Errorf("%d events were written or counted as left out, %d of them left out; want %d, and at least %d", next, left, sent+1+2*room, room)
		}
	})
}

// TestLeftOutAtTheEnd: what is left out last is said, too.
func TestLeftOutAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		s := New(g, func(err error) { t.Error(err) })
		to := s.Of("g", "w")
		for range 3 * room {
			to(engine.Opened{})
		}
		go func() { time.Sleep(time.Second); close(g.open) }()
		s.Close()
		if lines := strings.Split(strings.TrimSpace(g.b.String()), "\n"); !strings.Contains(lines[len(lines)-1], `"event":"left-out"`) {
			t.Errorf("the last line is %s", lines[len(lines)-1])
		}
	})
}

// full takes some bytes, and then no more.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

// TestAFileThatIsFull: the error is reported once, later events are nobody's matter, and Close returns.
func TestAFileThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := 0
		s := New(&full{300}, func(error) { failed++ })
		to := s.Of("g", "w")
		for i := range 10 * room {
			to(engine.Waiting{Reason: fmt.Sprint(i)})
			if i%1000 == 0 {
				synctest.Wait()
			}
		}
		s.Close()
		if failed != 1 {
			t.Errorf("the error was reported %d times", failed)
		}
	})
}
