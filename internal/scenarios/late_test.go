//go:build realservers

package scenarios

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/wire"
	"github.com/fencepost/fencepost/ledger"
)

// envDelay is how late everything is that a worker of [TestC13WaysThatDelay] says, as a duration; its session lasts a quarter of it.
const envDelay = "FENCEPOST_DELAY"

// TestC13WaysThatHang: a worker has sent a commit when its ways to the store and to the brokers hang, as those of a host that is cut off. When
// its session has ended another worker commits its partitions, while the commit still hangs; then it arrives, and nothing of it becomes visible.
func TestC13WaysThatHang(t *testing.T) {
	const session = 1500 * time.Millisecond
	lateCommits(t, session, wire.Fault{Hang: wire.Requests}, wire.Fault{Hang: wire.Both}, func(w *wire.Wire, _ func() bool) { w.Mend() })
}

// TestC13WaysThatDelay: the same where all that a worker says and hears comes several sessions later, but comes, without anybody mending
// anything.
func TestC13WaysThatDelay(t *testing.T) {
	delay, err := time.ParseDuration(cmp.Or(os.Getenv(envDelay), "6s"))
	must(t, err)
	late := wire.Drip{Way: wire.Requests, Bytes: 1 << 20, Every: delay}
	lateCommits(t, delay/4, wire.Fault{Drip: late}, wire.Fault{Drip: late, Delay: delay}, func(w *wire.Wire, waits func() bool) {
		eventually(t, "the late commit arrives", func() error {
			if waits() {
				return fmt.Errorf("it waits")
			}
			return nil
		})
		w.Mend()
	})
}

// lateCommits has a worker's commit come late for each store: toStore and toBrokers are what its ways do, and arrive is how the commit comes to
// the store at last. Odd cases speak the classic protocol of groups, even ones that of KIP-848.
func lateCommits(t *testing.T, session time.Duration, toStore, toBrokers wire.Fault, arrive func(w *wire.Wire, waits func() bool)) {
	t.Parallel()
	built := build(t)
	broker := servers.OwnKafka(t, fmt.Sprintf("group.consumer.session.timeout.ms=%d", session.Milliseconds()))
	for i, store := range []string{"postgres", "redis", "mariadb"} {
		t.Run(store, func(t *testing.T) {
			l := newLate(t, campaign{seed: uint64(i + 1), store: store}, broker, built, session)
			commit := []byte(answered[store].commit(t))
			waits := func() bool {
				return l.wires[0].Waiting(func(request []byte) bool { return bytes.Contains(bytes.ToLower(request), commit) }) > 0
			}
			l.wires[0].Set(toStore)
			l.spread()
			eventually(t, "the commit is on its way", func() error {
				if !waits() {
					return fmt.Errorf("nothing waits")
				}
				return nil
			})
			l.fronts[0].Set(toBrokers)
			began := time.Now()
			l.drained()
			took := time.Since(began)
			if !waits() {
				t.Error("the late commit arrived before the other worker's: this tests nothing")
			}
			rows, err := l.kit.rows(t.Context(), l.partitions)
			must(t, err)
			if n := count(rows); n != l.sent {
				t.Errorf("%d rows of %d records", n, l.sent)
			}
			arrive(l.wires[0], waits)
			l.fronts[0].Mend()
			l.shared() // the late worker is back
			l.spread()
			l.drained()
			l.wantRight()
			t.Logf("%s: the other worker had committed everything %s after the ways were cut, where a session lasts %s", store, took.Round(10*time.Millisecond), session)
		})
	}
}

// late is a ring of two workers, of which the first has everything come by wires.
type late struct {
	*ring
	members *kafka.Source
}

func newLate(t *testing.T, c campaign, broker *servers.OwnBroker, built string, session time.Duration) *late {
	t.Helper()
	l := &late{ring: bareRing(t, c, []*servers.OwnBroker{broker}, built)}
	l.wires = l.wiresTo(t, l.kit.upstream())
	l.fronts = []*wire.Wire{servers.SeededProxy(t, broker.ProxyAt, broker.Proxied, c.seed)}
	l.writeFile("wired.yaml", l.addresses(true), session)
	l.writeFile("pipeline.yaml", l.addresses(false), session)
	var err error
	l.members, err = kafka.Open(kafka.Config{Brokers: l.addresses(false), Group: l.group})
	must(t, err)
	t.Cleanup(func() { _ = l.members.Leave(t.Context()) })
	l.began, l.feed, l.goal = time.Now(), &feeder{}, 2
	l.feed.partitions.Store(int32(l.partitions))
	l.eyes = startEyes(l.ring)
	l.file = "wired.yaml"
	l.start(0)
	l.file = "pipeline.yaml"
	l.start(1)
	l.shared()
	l.spread() // every lane of either has its connection then
	l.drained()
	return l
}

// spread produces some records into every partition.
func (l *late) spread() {
	l.t.Helper()
	var records []*kgo.Record
	for p := range int32(l.partitions) {
		for range 5 {
			records = append(records, &kgo.Record{Topic: l.topic, Partition: p, Value: fmt.Appendf(nil, `{"n":%d}`, l.sent)})
			l.sent++
		}
	}
	l.write(l.cl, records...)
}

// drained waits until everything is committed.
func (l *late) drained() {
	l.t.Helper()
	ends := l.ends()
	eventually(l.t, "everything is committed", func() error {
		if behind := l.behind(ends); behind != "" {
			return fmt.Errorf("%s", behind)
		}
		return nil
	})
}

// shared waits until both workers have a share, which their entries in the ledger name.
func (l *late) shared() {
	l.t.Helper()
	eventually(l.t, "both workers have a share", func() error {
		members, err := l.members.Members(l.t.Context())
		if err != nil {
			return err
		}
		entered, err := ledger.ReadWorkers(l.t.Context(), l.kit.ledger(), l.group)
		for i, p := range l.crew[:l.goal] {
			if err == nil && len(shareOf(p, entered, members)) == 0 {
				err = fmt.Errorf("worker %d has none: entered %+v, members %+v", i, entered, members)
			}
		}
		return err
	})
}

// shareOf is the partitions of a worker process.
func shareOf(p *process, entered []ledger.Worker, members []kafka.Member) []fencepost.TopicPartition {
	for _, w := range entered {
		for _, m := range members {
			if strings.HasPrefix(w.Who, fmt.Sprintf("%d@", p.pid)) && w.Member == m.ID && w.Over == "" {
				return m.Partitions
			}
		}
	}
	return nil
}
