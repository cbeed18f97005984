package simulation

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic   = "t"
	group   = fencepost.Group("g")
	brokers = 3
	// session is how long the coordinator waits for a worker that says nothing.
	sessionTimeout = 3 * time.Second
	// settled is the longest time from the last fault to the end of all logs.
	settled = 25 * time.Second
)

// Result is what became of a simulation.
type Result struct {
	Plan    Plan
	History string        // what happened, a line each, with the time since the beginning in milliseconds
	Faults  []string      // what is lost, doubled, out of order, or said to have been done and was not
	Late    []string      // what came late, stands still, or is not as workers say of themselves
	Took    time.Duration // from the last fault until everything was applied, in the simulation's time
	Commits int
}

// Run simulates one seed.
func Run(t *testing.T, seed uint64) (r Result) {
	if repeatable {
		cryptotest.SetGlobalRandom(t, seed)
	}
	synctest.Test(t, func(t *testing.T) {
		reseed(seed)
		w, err := newWorld(NewPlan(seed))
		if err != nil {
			t.Fatal(err)
		}
		w.run()
		r = w.result()
		w.close()
	})
	return r
}

// world is brokers, a database, and the workers between them.
type world struct {
	plan    Plan
	dice    *dice
	network *network
	cluster *kfake.Cluster
	db      *database
	log     *log
	workers []*worker     // that were started, those that have ended too
	saved   image         // of the database; the zero image: none yet
	endings []ending      // of faults that last
	applied time.Duration // from the last fault until everything was applied; negative: never

	mu struct {
		sync.Mutex
		history strings.Builder
		faults  []string
		late    []string
	}
}

func newWorld(p Plan) (*world, error) {
	w := &world{plan: p, dice: newDice(p.Seed), network: newNetwork()}
	var err error
	w.cluster, err = kfake.NewCluster(kfake.NumBrokers(brokers), kfake.Ports(9092, 9093, 9094), kfake.ListenFn(w.network.virtual.Listen),
		kfake.SeedTopics(p.Partitions, topic), kfake.GroupMinSessionTimeout(time.Second), kfake.ClusterID("simulated"),
		kfake.BrokerConfigs(map[string]string{
			"group.initial.rebalance.delay.ms":         "0",
			"group.consumer.heartbeat.interval.ms":     "300",
			"group.consumer.min.heartbeat.interval.ms": "100",
			"group.consumer.session.timeout.ms":        fmt.Sprint(sessionTimeout.Milliseconds()),
			"group.consumer.min.session.timeout.ms":    "1000",
			"transaction.state.log.num.partitions":     "4",
			"log.retention.ms":                         "-1",
		}))
	if err != nil {
		return nil, fmt.Errorf("start brokers: %w", err)
	}
	w.log, err = newLog(w)
	if err != nil {
		return nil, err
	}
	w.db = &database{Store: memory.Open(), plan: p, dice: w.dice, note: w.note}
	w.db.mu.under = map[fencepost.TopicPartition]int{}
	w.db.SetKeep(ledger.KeepAll)
	w.db.SetReject(refuses)
	if p.Together {
		w.db.Handle = func(_ context.Context, tx *memory.Tx, b *fencepost.Batch) error {
			tx.Append(memory.RowsOf(b)...)
			return nil
		}
	}
	return w, nil
}

// refuses is the constraint of the table.
func refuses(r memory.Row) *sink.Rejected {
	if id, ok := r.Values[0].(int64); ok && refusable(id) {
		return &sink.Rejected{Code: "23514", Reason: "the table takes no such number"}
	}
	return nil
}

// note writes a line of the history.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.mu.history, "%6d ", w.dice.now().Milliseconds())
	fmt.Fprintf(&w.mu.history, format+"\n", args...)
}

// broken notes that something is lost, doubled, out of order or untrue.
func (w *world) broken(format string, args ...any) {
	w.note("BROKEN "+format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.faults = append(w.mu.faults, fmt.Sprintf(format, args...))
}

// late notes that something came late, or stands still.
func (w *world) late(format string, args ...any) {
	w.note("LATE "+format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.late = append(w.mu.late, fmt.Sprintf(format, args...))
}

// run has the faults happen, waits until everything is applied, and checks.
func (w *world) run() {
	for range w.dice.below(3) {
		w.log.produceEach() // in front of the first start
	}
	for range w.plan.Workers {
		w.start(w.identity(len(w.workers)))
	}
	w.misfortune()
	w.applied = w.settle()
	w.checkStatus() // of what was under way when the last fault ended
	w.checkMirror()
	w.checkReports()    // of what stood still, and has nothing to do since
	w.log.produceEach() // whoever holds a partition wrongly is refused, and whoever holds it mirrors it
	w.settle()
	w.check()
	w.checkTakeover()
	for _, k := range w.workers {
		w.stop(k)
	}
}

// settle waits until everything is applied, which it has to be in time, and for what follows from that. It returns how long it took; negative: for ever.
func (w *world) settle() (took time.Duration) {
	began, left := time.Now(), ""
	for took = -1; took < 0 && time.Since(began) < settled; time.Sleep(50 * time.Millisecond) {
		w.revive()
		if left = w.behind(); left == "" {
			took = time.Since(began)
		}
	}
	if took < 0 {
		w.late("not applied within %s: %s", settled, left)
	}
	time.Sleep(4 * watch) // mirror, reports and progress follow
	return took
}

// result is what has become of the world.
func (w *world) result() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Result{Plan: w.plan, History: w.mu.history.String(), Faults: w.mu.faults, Late: w.mu.late, Took: w.applied, Commits: len(w.db.journal)}
}

// close ends what is left. The database has finished by then what its clients have not waited for.
func (w *world) close() {
	time.Sleep(10 * time.Second)
	w.log.close()
	w.cluster.Close()
}

// client is one that the faults do not concern.
func (w *world) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addresses()...), kgo.Dialer(w.network.virtual.DialContext), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MetadataMinAge(50 * time.Millisecond), kgo.MetadataMaxAge(300 * time.Millisecond)}, opts...)...)
}

func addresses() []string { return []string{"localhost:9092", "localhost:9093", "localhost:9094"} }

func tp(p int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: topic, Partition: p}
}

// clientLog has what a worker's client says written into the history, where the environment asks for it.
func (w *world) clientLog(name string, h *host) func(level int, msg string, keyvals ...any) {
	if os.Getenv("SIMULATION_CLIENTS") != "1" {
		return nil
	}
	return func(_ int, msg string, keyvals ...any) {
		if !h.gone() {
			w.note("   %s's client: %s %v", name, msg, keyvals)
		}
	}
}

// source is a worker's.
func (w *world) source(name, instance string, h *host) (*kafka.Source, error) {
	return kafka.Open(kafka.Config{Brokers: addresses(), Group: group, Topics: []string{topic}, Protocol: w.plan.Protocol, InstanceID: instance, ClientID: name,
		SessionTimeout: sessionTimeout, RebalanceTimeout: rebalance, Watch: watch, Dial: h.dial, Log: w.clientLog(name, h)})
}
