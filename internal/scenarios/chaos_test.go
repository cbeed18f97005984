//go:build realservers

package scenarios

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
)

// The variables with which `make chaos` says what to run. Without them the short set of [TestChaos] runs.
const (
	envSeed    = "FENCEPOST_CHAOS_SEED"
	envMinutes = "FENCEPOST_CHAOS_MINUTES"
	envStore   = "FENCEPOST_CHAOS_STORE"
	envBrokers = "FENCEPOST_CHAOS_BROKERS"
	envVolley  = "FENCEPOST_CHAOS_KILLS"   // so many SIGKILLs at random moments, and nothing else
	envRecords = "FENCEPOST_CHAOS_RECORDS" // how many records there are during those kills; 0: as usual
)

// campaign is what one run of chaos is.
type campaign struct {
	seed    uint64
	length  time.Duration
	store   string // of chaosStores
	brokers int    // of its own, which may be killed; zero: the shared servers, which are left alone
	own     bool   // the store is the run's own, though the brokers are shared
	kills   int    // zero: everything that can be done; else SIGKILLs alone, so many
	records int    // of a run of kills; zero: some 1,000 a second

	partitions int // at the beginning; zero: parts
	pace       int // records that are fed in a second, about; zero: feedPace
}

// Where nothing but SIGKILLs is done, one is tried every volley, and falls every fallen: workers have to live again before the next.
const (
	volley = 400 * time.Millisecond
	fallen = 680 * time.Millisecond
)

// ownStore reports whether the store is the run's own, and may be killed.
func (c campaign) ownStore() bool { return c.own || c.brokers > 0 }

// again is how a person runs it once more.
func (c campaign) again() string {
	if c.brokers == 0 {
		return fmt.Sprintf("go test -tags realservers -run 'TestChaos/%s' ./internal/scenarios", c.store)
	}
	return fmt.Sprintf("make chaos SEED=%d MINUTES=%g STORE=%s BROKERS=%d KILLS=%d RECORDS=%d", c.seed, c.length.Minutes(), c.store, c.brokers, c.kills, c.records)
}

// TestChaos strikes at a pipeline of several worker processes by a seed, and holds what brokers, store and ledger have afterwards against
// ten invariants (internal/chaos). Without a wish it is a short set on the shared servers: workers, wires, sessions and operators.
func TestChaos(t *testing.T) {
	if os.Getenv(envMinutes) != "" {
		wished(t).run(t, build(t))
		return
	}
	t.Parallel()
	built := build(t)
	for seed, store := range []string{"postgres", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			campaign{seed: uint64(seed + 1), length: 20 * time.Second, store: store}.run(t, built)
		})
	}
}

// wished is the campaign that the environment asks for.
func wished(t *testing.T) campaign {
	t.Helper()
	number := func(name, otherwise string) float64 {
		text := os.Getenv(name)
		if text == "" {
			text = otherwise
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n < 0 {
			t.Fatalf("%s=%s: want a number", name, text)
		}
		return n
	}
	c := campaign{seed: uint64(number(envSeed, "1")), length: time.Duration(number(envMinutes, "1") * float64(time.Minute)),
		store: os.Getenv(envStore), brokers: int(number(envBrokers, "1"))}
	c.store = cmp.Or(c.store, "postgres")
	if c.kills = int(number(envVolley, "0")); c.kills > 0 {
		c.length = time.Duration(c.kills) * fallen
		c.records = int(number(envRecords, "0"))
	}
	if _, known := chaosStores[c.store]; !known || c.brokers < 1 {
		t.Fatalf("STORE=%s BROKERS=%d: want postgres, mariadb, redis, sqlite or zookeeper, and a broker", c.store, c.brokers)
	}
	return c
}

// drained is how long after the last fault everything must be applied.
const drained = time.Minute

// run is a whole campaign.
func (c campaign) run(t *testing.T, built string) {
	r := newRing(t, c, built)
	faults := chaos.Schedule(c.seed, c.dealt(), r.terrain())
	r.begin(usual)
	for _, step := range chaos.Steps(faults) {
		r.until(step.At + r.slip)
		if r.enough() {
			break
		}
		r.strike(step)
		r.slip = max(r.slip, r.now()-step.At)
	}
	if c.kills == 0 {
		r.until(c.length + r.slip)
	}
	length := r.now()
	facts := r.end()
	for _, v := range append(r.eyes.found(), chaos.Check(facts)...) {
		t.Error(v)
	}
	t.Logf("seed %d on %s, %d brokers: %d faults in %s, %d records, %d rows, %d moves, all applied %s after the last fault; %d lives of workers, %d ended by themselves",
		c.seed, c.store, c.brokers, len(r.struck), length.Round(time.Second), count(facts.Log), count(facts.Rows), len(facts.Moves), facts.Drained.Round(time.Millisecond), r.lives, r.unasked)
	t.Logf("faults: %s%d workers killed while they lived", tally(r.struck), r.killed)
	if t.Failed() {
		t.Logf("run it again: %s\nhistory of seed %d:\n%s\nlogs: %s", c.again(), c.seed, r.history.String(), r.dir)
	}
}

// dealt is for how long faults are dealt. A run of kills ends by their number, and by that of its records.
func (c campaign) dealt() time.Duration {
	if c.kills > 0 {
		return 4 * c.length
	}
	return c.length
}

// enough reports whether a run of kills has all of them, and its records.
func (r *ring) enough() bool {
	return r.kills > 0 && r.killed >= r.kills && (r.records == 0 || r.feed.over())
}

// count is how many entries there are in all partitions.
func count[K comparable](m map[K][]chaos.Entry) (n int) {
	for _, list := range m {
		n += len(list)
	}
	return n
}

// tally is how often each kind came, for a report.
func tally(faults []chaos.Fault) (text string) {
	times := map[chaos.Kind]int{}
	for _, f := range faults {
		times[f.Kind]++
	}
	for k := chaos.Kill; k <= chaos.AddPartitions; k++ {
		if times[k] > 0 {
			text += fmt.Sprintf("%d x %s; ", times[k], k)
		}
	}
	return text
}

// terrain is what can be done to the ring.
func (r *ring) terrain() chaos.Terrain {
	if r.kills > 0 {
		return chaos.Terrain{Kinds: []chaos.Kind{chaos.Kill}, Workers: usual, Most: most, Brokers: 1, Pause: volley}
	}
	kinds := []chaos.Kind{chaos.Kill, chaos.Stop, chaos.Scale, chaos.Roll, chaos.Rewind, chaos.Skip, chaos.AddPartitions}
	if len(r.wires) > 0 {
		kinds = append(kinds, chaos.CutWire, chaos.DelayWire, chaos.DripWire, chaos.HangWire, chaos.MuteWire, chaos.RefuseWire)
	}
	if len(r.brokers) > 0 {
		kinds = append(kinds, chaos.CutOff, chaos.KillBroker, chaos.StopBroker, chaos.FreezeBroker, chaos.CutBroker, chaos.HangBroker, chaos.DelayBroker)
	}
	if len(r.brokers) > 1 {
		kinds = append(kinds, chaos.KillBrokers, chaos.MoveLeaders)
	}
	return chaos.Terrain{Kinds: append(kinds, r.kit.kinds()...), Workers: usual, Most: most, Brokers: max(1, len(r.brokers))}
}

// ownBrokers starts the campaign's brokers; none where it uses the shared one.
func (c campaign) ownBrokers(t *testing.T) []*servers.OwnBroker {
	t.Helper()
	switch c.brokers {
	case 0:
		return nil
	case 1:
		return []*servers.OwnBroker{servers.OwnKafka(t)}
	}
	return servers.OwnKafkaCluster(t, c.brokers)
}

// folder is the folder of a run's logs: it stays where the test fails.
func (c campaign) folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", fmt.Sprintf("fencepost-chaos-%s-%d-", c.store, c.seed))
	must(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			must(t, os.RemoveAll(dir))
		}
	})
	return dir
}

// keep copies the servers' logs beside the workers'.
func (r *ring) keep() {
	owns := []*servers.Own{r.kit.server()}
	for _, b := range r.brokers {
		owns = append(owns, b.Own)
	}
	for i, o := range slices.DeleteFunc(owns, func(o *servers.Own) bool { return o == nil }) {
		text, err := os.ReadFile(o.Log())
		if err == nil {
			err = os.WriteFile(filepath.Join(r.dir, fmt.Sprintf("server-%d.log", i)), text, 0o600)
		}
		if err != nil {
			r.t.Logf("keep a server's log: %v", err)
		}
	}
}
