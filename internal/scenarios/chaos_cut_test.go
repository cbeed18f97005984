//go:build realservers

package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/wire"
)

// envSweep, where it is set, has sweeps go over every byte and every system call, and not over a few of them.
const envSweep = "FENCEPOST_SWEEP"

// stride is how far apart the places of a sweep are.
func stride(few int) int {
	if os.Getenv(envSweep) != "" {
		return 1
	}
	return few
}

// answered is how the request of a commit is known, by its store, and how far apart the cuts of a short sweep are: a server says little of a
// script, and more of several statements.
var answered = map[string]struct {
	commit func(t *testing.T) string
	few    int
}{
	"postgres": {func(*testing.T) string { return "commit" }, 40},
	"mariadb":  {func(*testing.T) string { return "commit" }, 20},
	"redis":    {scriptDigest, 5},
}

// TestC2AnswerCutAtEveryByte loses the answer to a commit behind its k-th byte, for each k: the worker does not know what became of it,
// asks, and each record counts once. Behind the last byte it is the connection that is lost, and the commit is known.
func TestC2AnswerCutAtEveryByte(t *testing.T) {
	t.Parallel()
	built := build(t)
	for store, c := range answered {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			commit := []byte(c.commit(t))
			since := func(request []byte) bool { return bytes.Contains(bytes.ToLower(request), commit) }
			r := newCalmRing(t, campaign{seed: 1, store: store}, built)
			r.some(1)
			w, cuts, longest := r.wires[0], 0, 0
			for k := 0; ; k += stride(c.few) {
				w.Set(wire.Fault{Cut: wire.Cut{Way: wire.Answers, After: k, Since: since, Once: true}})
				r.some(1)
				if !cutsAnswer(t, w) { // the answer is not that long
					break
				}
				cuts, longest = cuts+1, k
			}
			w.Mend()
			r.wantRight()
			t.Logf("%d commits whose answer was cut, behind 0 to %d bytes", cuts, longest)
			if cuts < 2 {
				t.Errorf("%d answers were cut: this tests nothing", cuts)
			}
		})
	}
}

// cutsAnswer reports whether the answer to the commit was cut. The store shows a commit before its answer comes by the wire: until its first
// byte has come, and for as long as more of them come, it is not known.
func cutsAnswer(t *testing.T, w *wire.Wire) bool {
	t.Helper()
	eventually(t, "the answer to the commit comes by", func() error {
		if w.Cuts() == 0 && w.Counted() == 0 {
			return errors.New("no byte of it was seen")
		}
		return nil
	})
	for passed := -1; w.Cuts() == 0 && passed < w.Counted(); time.Sleep(50 * time.Millisecond) {
		passed = w.Counted()
	}
	return w.Cuts() > 0
}

// newCalmRing is a ring with one worker, at which nothing strikes by itself.
func newCalmRing(t *testing.T, c campaign, built string) *ring {
	t.Helper()
	r := newRing(t, c, built)
	r.began, r.feed = time.Now(), &feeder{}
	r.feed.partitions.Store(int32(r.partitions))
	r.eyes = startEyes(r)
	r.scale(1)
	return r
}

// some produces records into the first partition, and waits until they are committed.
func (r *ring) some(n int) {
	r.t.Helper()
	r.produced(n)
	tp := at(r.topic, 0)
	eventually(r.t, fmt.Sprintf("record %d is committed", r.sent-1), func() error {
		s, err := r.kit.ledger().Read(r.t.Context(), r.group)
		if p := s.Positions[tp]; err == nil && p.Offset != fencepost.Offset(r.sent) {
			err = fmt.Errorf("%s is at %d", tp, p.Offset)
		}
		return err
	})
}

func (r *ring) produced(n int) {
	r.t.Helper()
	var records []*kgo.Record
	for range n {
		records = append(records, &kgo.Record{Topic: r.topic, Value: fmt.Appendf(nil, `{"n":%d}`, 7*r.sent)})
		r.sent++
	}
	r.write(r.cl, records...)
}

// wantRight ends the workers, and wants every invariant.
func (r *ring) wantRight() {
	r.t.Helper()
	r.scale(0)
	r.eyes.close()
	ends := r.ends()
	f := chaos.Facts{Limit: drained, AtLeastOnce: r.apart(), Behind: r.behind(ends), Seen: r.eyes.watch.Seen(), Log: r.readLog(ends)}
	r.read(&f)
	for _, v := range append(r.eyes.found(), chaos.Check(f)...) {
		r.t.Error(v)
	}
	if n := count(f.Log); n != r.sent {
		r.t.Errorf("the log has %d records, %d were produced", n, r.sent)
	}
}
