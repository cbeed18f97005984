//go:build realservers

package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/wire"
	"github.com/fencepost/fencepost/ledger"
)

const (
	usual = 3  // workers when nothing is scaled
	most  = 8  // workers at most
	parts = 6  // partitions at the beginning, where a campaign names no other number
	spare = 24 // partitions at most
)

// ring is where chaos happens: one pipeline with its workers, its servers, and the wires between.
type ring struct {
	*scene
	campaign
	kit     chaosStore
	topic   string
	binary  string
	dir     string               // of the file and of all logs
	file    string               // of the workers, in dir
	brokers []*servers.OwnBroker // nil: the shared one
	fronts  []*wire.Wire         // :: broker -> the way to it
	wires   []*wire.Wire         // :: worker -> its way to the store; nil where there is none

	began   time.Time
	slip    time.Duration // how far behind the schedule the run is: what begins and starts takes its time, and faults keep their distances
	history *chaos.History
	struck  []chaos.Fault // what was done
	orders  []chaos.Order
	eyes    *eyes
	feed    *feeder
	crew    [most]*process     // :: worker -> its life; nil: none
	lived   [most]time.Time    // :: worker -> when its life began
	pids    [most]atomic.Int64 // :: worker -> its process
	goal    int                // how many workers are to run
	down    map[int]bool       // workers that a fault has ended or stopped
	logs    [most]*os.File     // :: worker -> what it writes, over all its lives
	lives   int
	killed  int // by a fault, while they lived
	sent    int // records that a test produced by itself, into the first partition
	unasked int // lives that ended though nobody asked them to
}

// newRing makes a ring whose workers are the program that was built.
func newRing(t *testing.T, c campaign, built string) *ring {
	t.Helper()
	r := bareRing(t, c, c.ownBrokers(t), built)
	r.wires = r.wiresTo(t, r.kit.upstream())
	for _, b := range r.brokers {
		r.fronts = append(r.fronts, servers.SeededProxy(t, b.ProxyAt, b.Proxied, c.seed))
	}
	r.writeFile("pipeline.yaml", r.addresses(true), brief)
	r.writeFile("operator.yaml", r.addresses(false), brief)
	return r
}

// bareRing is a ring on these brokers, or on the shared one, without wires and without a pipeline file.
func bareRing(t *testing.T, c campaign, brokers []*servers.OwnBroker, built string) *ring {
	t.Helper()
	c.partitions = cmp.Or(c.partitions, parts)
	c.pace = cmp.Or(c.pace, feedPace)
	r := &ring{campaign: c, brokers: brokers, history: &chaos.History{}, down: map[int]bool{}, binary: built, dir: c.folder(t), file: "pipeline.yaml"}
	r.scene = newScene(t, r.firstBroker(t), nil)
	r.kit = chaosStores[c.store](t, r)
	r.topic = servers.Name(t)
	r.makeTopic()
	return r
}

func (r *ring) firstBroker(t *testing.T) servers.Broker {
	if len(r.brokers) > 0 {
		return r.brokers[0].Broker
	}
	return servers.Kafka(t)
}

// wiresTo is a way to the store for each worker; none to a store that is a file.
func (r *ring) wiresTo(t *testing.T, upstream string) (wires []*wire.Wire) {
	t.Helper()
	if upstream == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(upstream)
	must(t, err)
	for i := range most {
		wires = append(wires, servers.SeededProxy(t, net.JoinHostPort(servers.Address(t), port), upstream, r.seed+uint64(i)))
	}
	return wires
}

// addresses are the brokers', for workers through the wires in front of them.
func (r *ring) addresses(wired bool) (list []string) {
	for _, b := range r.brokers {
		if wired {
			list = append(list, b.ProxyAt)
		} else {
			list = append(list, b.Plaintext)
		}
	}
	if len(list) == 0 {
		list = []string{r.scene.broker.Plaintext}
	}
	return list
}

// brief is a session timeout that faults outlast.
const brief = 3 * time.Second

// writeFile writes a pipeline file. Odd seeds take the classic protocol of groups, even ones that of KIP-848, whose session timeout is the
// brokers' to say. more are further keys of the source.
func (r *ring) writeFile(name string, brokers []string, session time.Duration, more ...string) {
	r.t.Helper()
	protocol := fmt.Sprintf("group_protocol: cooperative, session_timeout: %s", session)
	if r.seed%2 == 0 {
		protocol = "group_protocol: consumer"
	}
	for _, key := range more {
		protocol += ", " + key
	}
	text := fmt.Sprintf("group: %s\nsource: {brokers: [\"%s\"], topics: [%s], start: earliest, %s}\nschema: {n: int}\nsink: %s\n"+
		"keep_commits: all\nwatch: 1s\ncommit_timeout: 5s\ndrain: 5s\nlog_format: json\n",
		r.group, strings.Join(brokers, `", "`), r.topic, protocol, r.kit.sink())
	must(r.t, os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600))
}

func (r *ring) makeTopic() {
	r.t.Helper()
	copies := int16(max(1, len(r.brokers)))
	inSync := fmt.Sprint(copies/2 + 1)
	eventually(r.t, "topic "+r.topic+" is made", func() error {
		made, err := r.adm.CreateTopic(r.t.Context(), int32(r.partitions), copies, map[string]*string{"min.insync.replicas": &inSync}, r.topic)
		return errors.Join(err, made.Err)
	})
	eventually(r.t, "topic "+r.topic+" is known", func() error { // a worker would end over one that is not
		listed, err := r.adm.ListEndOffsets(r.t.Context(), r.topic)
		if err == nil && len(listed[r.topic]) < r.partitions {
			err = fmt.Errorf("%d partitions of it", len(listed[r.topic]))
		}
		return errors.Join(err, listed.Error())
	})
}

// now is the time since the beginning.
func (r *ring) now() time.Duration { return time.Since(r.began) }

// say writes into the history.
func (r *ring) say(format string, args ...any) { r.history.Add(r.now(), format, args...) }

// begin starts everything, and returns when every partition is begun. The schedule begins then.
func (r *ring) begin(workers int) {
	r.t.Helper()
	r.began = time.Now()
	r.eyes = startEyes(r)
	r.feed = startFeed(r)
	r.scale(workers)
	eventually(r.t, "every partition is begun", func() error {
		r.revive()
		s, err := r.kit.ledger().Read(r.t.Context(), r.group)
		if err == nil && len(s.Positions) < r.partitions {
			err = fmt.Errorf("%d positions", len(s.Positions))
		}
		return err
	})
	r.slip = r.now()
	r.say("every partition is begun")
}

// until waits for a moment of the run, and gives each worker that has ended by itself its next life meanwhile.
func (r *ring) until(at time.Duration) {
	r.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for r.now() < at {
		<-tick.C
		r.revive()
	}
}

// restartAfter is how long after the beginning of a life a supervisor begins the next at the earliest.
const restartAfter = 500 * time.Millisecond

// revive does what a supervisor does.
func (r *ring) revive() {
	r.t.Helper()
	for i := range r.goal {
		p := r.crew[i]
		if r.down[i] || p == nil || time.Since(r.lived[i]) < restartAfter {
			continue
		}
		select {
		case <-p.done:
			r.unasked++
			r.say("worker %d (process %d) ended by itself: %v; it begins again", i, p.pid, p.err)
			r.t.Logf("worker %d ended by itself, %s after the beginning: %v\n%s", i, r.now().Round(time.Millisecond), p.err, p.log.last())
			r.start(i)
		default:
		}
	}
}

// start begins a life of a worker.
func (r *ring) start(i int) {
	r.t.Helper()
	r.lives++
	log := r.logOf(i)
	address := r.kit.upstream()
	if len(r.wires) > 0 {
		address = r.wires[i].Addr()
	}
	cmd := exec.Command(r.binary, "run", filepath.Join(r.dir, r.file))
	cmd.Env = append(os.Environ(), "STORE="+r.kit.address(address), fmt.Sprintf("WORKER=w%d", i))
	r.crew[i], r.lived[i] = spawn(r.t, cmd, log), time.Now()
	r.pids[i].Store(int64(r.crew[i].pid))
	fmt.Fprintf(log, "--- life %d, process %d\n", r.lives, r.crew[i].pid)
	r.say("worker %d is process %d", i, r.crew[i].pid)
}

// logOf is the log of a worker, over all its lives.
func (r *ring) logOf(i int) *os.File {
	r.t.Helper()
	if r.logs[i] == nil {
		log, err := os.OpenFile(filepath.Join(r.dir, fmt.Sprintf("worker-%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(r.t, err)
		r.t.Cleanup(func() { _ = log.Close() })
		r.logs[i] = log
	}
	return r.logs[i]
}

// scale starts and ends workers until so many run.
func (r *ring) scale(n int) {
	r.t.Helper()
	var ending sync.WaitGroup
	for i := range most {
		switch {
		case i < n && r.crew[i] == nil:
			r.start(i)
		case i >= n && r.crew[i] != nil:
			p := r.crew[i]
			r.crew[i] = nil
			ending.Go(func() { r.ask(i, p) })
		}
	}
	r.goal = n
	ending.Wait()
}

// ask ends a worker by SIGTERM, and by SIGKILL where it takes much longer than its drain.
func (r *ring) ask(i int, p *process) {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
		r.say("worker %d (process %d), asked to end: %v", i, p.pid, p.err)
	case <-time.After(20 * time.Second):
		r.say("worker %d (process %d) was asked to end 20s ago, and is killed", i, p.pid)
		p.kill()
	}
}

// end heals everything, waits until all is applied, ends the workers, and reads what there is.
func (r *ring) end() chaos.Facts {
	r.t.Helper()
	for _, w := range slices.Concat(r.wires, r.fronts) {
		w.Mend()
	}
	for i := range r.down { // a run that ends by its kills leaves some of them not undone
		delete(r.down, i)
		r.start(i)
	}
	r.say("all faults are over")
	last := time.Now()
	r.feed.stop()
	ends := r.ends()
	f := chaos.Facts{Orders: r.orders, Limit: drained, AtLeastOnce: r.apart()}
	for deadline := last.Add(drained); ; {
		f.Behind = r.behind(ends)
		f.Drained = time.Since(last)
		if f.Behind == "" || time.Now().After(deadline) {
			break
		}
		r.until(r.now() + 50*time.Millisecond)
	}
	r.say("drained: %s", cmp.Or(f.Behind, "everything is applied"))
	r.scale(0)
	r.eyes.close()
	f.Seen = r.eyes.watch.Seen()
	f.Log = r.readLog(ends)
	r.read(&f)
	r.keep()
	return f
}

// apart reports whether rows and ledger are two stores.
func (r *ring) apart() bool {
	_, is := r.kit.(*chaosZooKeeper)
	return is
}

// read takes rows, moves and positions out of the store.
func (r *ring) read(f *chaos.Facts) {
	r.t.Helper()
	var err error
	f.Rows, err = r.kit.rows(r.t.Context(), len(f.Log))
	must(r.t, err)
	f.Snapshot, err = r.kit.ledger().Read(r.t.Context(), r.group)
	must(r.t, err)
	for m, err := range r.kit.ledger().(ledger.History).Moves(r.t.Context(), r.group) {
		must(r.t, err)
		f.Moves = append(f.Moves, m)
	}
}

// ends is where the log of each partition ends.
func (r *ring) ends() (ends map[fencepost.TopicPartition]fencepost.Offset) {
	r.t.Helper()
	eventually(r.t, "the log's ends are known", func() error {
		listed, err := r.adm.ListEndOffsets(r.t.Context(), r.topic)
		if err := errors.Join(err, listed.Error()); err != nil {
			return err
		}
		ends = map[fencepost.TopicPartition]fencepost.Offset{}
		listed.Each(func(o kadm.ListedOffset) { ends[at(o.Topic, o.Partition)] = fencepost.Offset(o.Offset) })
		if n := r.feed.partitions.Load(); len(ends) < int(n) {
			return fmt.Errorf("%d partitions of %d", len(ends), n)
		}
		return nil
	})
	return ends
}

// behind says which positions are not at the end of their log; nothing: all are.
func (r *ring) behind(ends map[fencepost.TopicPartition]fencepost.Offset) string {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	s, err := r.kit.ledger().Read(ctx, r.group)
	if err != nil {
		return err.Error()
	}
	var list []string
	for tp, end := range ends {
		if p := s.Positions[tp]; p.Offset != end {
			list = append(list, fmt.Sprintf("%s is at %d of %d", tp, p.Offset, end))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// readLog reads the whole topic.
func (r *ring) readLog(ends map[fencepost.TopicPartition]fencepost.Offset) map[fencepost.TopicPartition][]chaos.Entry {
	r.t.Helper()
	from, left := map[int32]kgo.Offset{}, 0
	for tp, end := range ends {
		from[tp.Partition] = kgo.NewOffset().AtStart()
		left += int(end)
	}
	cl := r.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: from}))
	log := map[fencepost.TopicPartition][]chaos.Entry{}
	for left > 0 {
		ctx, cancel := context.WithTimeout(r.t.Context(), patience)
		fetched := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			r.t.Fatalf("read the log: %d records are missing, and none came in %s: %v", left, patience, fetched.Err())
		}
		cancel()
		fetched.EachRecord(func(rec *kgo.Record) {
			tp := at(rec.Topic, rec.Partition)
			n, err := fed(rec.Value)
			must(r.t, err)
			log[tp] = append(log[tp], chaos.Entry{Offset: fencepost.Offset(rec.Offset), Value: n})
			left--
		})
	}
	return log
}
