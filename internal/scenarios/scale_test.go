//go:build realservers

package scenarios

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// envScale is how many times over [TestScale] scales, rolls and restarts; once.
const envScale = "FENCEPOST_SCALE"

// TestScale is what operators do to workers that are well, while records come all the time, on three brokers that each have a copy of
// everything: from one worker to eight and back, a rolling restart of all eight, and the same of static members. Nothing is a fault here, so
// that no worker may end with an error; each partition goes on behind each step; and a static restart moves nothing. Afterwards every
// invariant holds, and the command's own audit finds nothing. In both protocols, with Postgres and with Redis.
func TestScale(t *testing.T) {
	t.Parallel()
	times, err := strconv.Atoi(cmp.Or(os.Getenv(envScale), "1"))
	must(t, err)
	built := build(t)
	// A static member that is away keeps its partitions for as long as a session lasts.
	brokers := servers.OwnKafkaCluster(t, 3, "group.consumer.session.timeout.ms=30000")
	for _, store := range []string{"postgres", "redis"} {
		for i, protocol := range []string{"cooperative", "consumer"} {
			t.Run(store+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				s := newScaled(t, campaign{seed: uint64(i + 1), store: store, partitions: 2 * most, pace: 3000}, brokers, built)
				s.begin(1)
				for range times {
					s.to(most)
					s.roll()
					s.to(1)
				}
				s.to(0)
				s.file = "static.yaml"
				s.to(most)
				for range times {
					s.rollStatic()
				}
				s.wantRight()
			})
		}
	}
}

// scaled is a ring at whose workers nothing strikes.
type scaled struct {
	*ring
	members *kafka.Source
	steps   []stretch
}

// stretch is a time during which something was done.
type stretch struct {
	what        string
	from, until time.Time
}

func newScaled(t *testing.T, c campaign, brokers []*servers.OwnBroker, built string) *scaled {
	t.Helper()
	s := &scaled{ring: bareRing(t, c, brokers, built)}
	s.writeFile("pipeline.yaml", s.addresses(false), long)
	s.writeFile("static.yaml", s.addresses(false), long, "instance_id: '${WORKER}'")
	var err error
	s.members, err = kafka.Open(kafka.Config{Brokers: s.addresses(false), Group: s.group})
	must(t, err)
	t.Cleanup(func() { _ = s.members.Leave(t.Context()) })
	return s
}

// long is a session timeout that no restart comes near to.
const long = 30 * time.Second

// during notes when a step was done.
func (s *scaled) during(what string, f func()) {
	s.t.Helper()
	from := time.Now()
	f()
	s.steps = append(s.steps, stretch{what, from, time.Now()})
	s.say("%s took %s", what, time.Since(from).Round(time.Millisecond))
}

// to scales to so many workers, and waits until they share the partitions and each of those goes on.
func (s *scaled) to(n int) {
	s.t.Helper()
	s.during(fmt.Sprintf("scale to %d", n), func() {
		var ending sync.WaitGroup
		for i := n; i < s.goal; i++ {
			ending.Go(func() { s.retire(i) })
		}
		ending.Wait()
		for i := n; i < s.goal; i++ {
			s.crew[i] = nil
		}
		s.scale(n)
		if n > 0 {
			s.shares()
			s.goOn(s.all())
		}
	})
}

// retire asks a worker to end, which it has to do in time and without an error.
func (s *scaled) retire(i int) {
	p := s.crew[i]
	s.ask(i, p)
	if p.err != nil {
		s.t.Errorf("worker %d, asked to end: %v\n%s", i, p.err, p.log)
	}
}

// roll restarts one worker after the other: the next once the one before has its share again, and every partition goes on.
func (s *scaled) roll() {
	s.t.Helper()
	s.during("rolling restart", func() {
		for i := range s.goal {
			s.retire(i)
			s.start(i)
			s.crew[i].says("joined ")
			s.shares()
			s.goOn(s.all())
		}
	})
}

// rollStatic restarts one static member after the other. Partitions of the others go on meanwhile, nobody is asked for any or given one, and
// the coordinator counts no rebalance: but for one where the leader of a classic group restarts, which the client begins by itself if it
// would have made other shares than it is given back (KIP-814), and by which nothing moves.
func (s *scaled) rollStatic() {
	s.t.Helper()
	shares, generation := s.shares(), s.generation()
	told := map[int]int{}
	for i := range s.goal {
		told[i] = moved(s.crew[i])
	}
	s.during("static restart", func() {
		for i := range s.goal {
			s.retire(i)
			s.goOn(s.besides(shares[fmt.Sprintf("w%d", i)]))
			s.start(i)
			s.crew[i].says("joined ")
			s.goOn(s.all())
			for other, n := range told {
				if is := moved(s.crew[other]); other != i && is != n {
					s.t.Errorf("worker %d was moved by the restart of worker %d:\n%s", other, i, s.crew[other].log)
				}
			}
			told[i] = moved(s.crew[i])
		}
	})
	if now := s.shares(); !maps.EqualFunc(now, shares, slices.Equal) {
		s.t.Errorf("after static restarts the shares are %v, and were %v", now, shares)
	}
	rebalances := s.generation() - generation
	if rebalances > s.leaders() {
		s.t.Errorf("%d rebalances by %d static restarts, want %d at most", rebalances, s.goal, s.leaders())
	}
	s.t.Logf("%d rebalances by %d static restarts", rebalances, s.goal)
}

// leaders is how many members of the group share the partitions out.
func (s *scaled) leaders() int32 { return int32(s.seed % 2) }

// all is every partition.
func (s *scaled) all() []fencepost.TopicPartition { return s.besides(nil) }

// besides is every partition but for some.
func (s *scaled) besides(some []int32) (tps []fencepost.TopicPartition) {
	for p := range int32(s.partitions) {
		if !slices.Contains(some, p) {
			tps = append(tps, at(s.topic, p))
		}
	}
	return tps
}

// goOn waits until partitions have come past where their logs end now.
func (s *scaled) goOn(tps []fencepost.TopicPartition) {
	s.t.Helper()
	ends := s.ends()
	maps.DeleteFunc(ends, func(tp fencepost.TopicPartition, _ fencepost.Offset) bool { return !slices.Contains(tps, tp) })
	eventually(s.t, fmt.Sprintf("%d partitions go on", len(tps)), func() error {
		now, err := s.kit.ledger().Read(s.t.Context(), s.group)
		for tp, end := range ends {
			if got := now.Positions[tp].Offset; err == nil && got <= end {
				err = fmt.Errorf("%s is at %d, and its log ended at %d", tp, got, end)
			}
		}
		return err
	})
}

// shares waits until as many members as there are workers share the partitions, and returns who has which. :: member, or its instance_id -> partitions
func (s *scaled) shares() (of map[string][]int32) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%d members share the partitions", s.goal), func() error {
		members, err := s.members.Members(s.t.Context())
		if err != nil {
			return err
		}
		all := 0
		of = map[string][]int32{}
		for _, m := range members {
			for _, tp := range m.Partitions {
				of[cmp.Or(m.InstanceID, m.ID)] = append(of[cmp.Or(m.InstanceID, m.ID)], tp.Partition)
				all++
			}
		}
		for _, list := range of {
			slices.Sort(list)
		}
		if len(of) != s.goal || len(members) != s.goal || all != s.partitions {
			return fmt.Errorf("%d members have %v", len(members), of)
		}
		return nil
	})
	return of
}

// generation counts the rebalances of the group, as its coordinator does: KIP-848's epoch, or the generation for which a member's heartbeat
// is taken.
func (s *scaled) generation() int32 {
	s.t.Helper()
	ctx := s.t.Context()
	if s.seed%2 == 0 {
		groups, err := s.adm.DescribeConsumerGroups(ctx, string(s.group))
		must(s.t, err)
		must(s.t, groups.Error())
		return groups[string(s.group)].Epoch
	}
	members, err := s.members.Members(ctx)
	must(s.t, err)
	for generation := range int32(10_000) {
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID, req.Generation = string(s.group), members[0].ID, generation
		resp, err := req.RequestWith(ctx, s.cl)
		must(s.t, err)
		if resp.ErrorCode == kerr.IllegalGeneration.Code {
			continue
		}
		must(s.t, kerr.ErrorForCode(resp.ErrorCode))
		return generation
	}
	s.t.Fatal("no generation is the group's")
	return 0
}

// wantRight ends everything, wants every invariant and a clean audit, and reports what there was.
func (s *scaled) wantRight() {
	s.t.Helper()
	drains := time.Now()
	facts := s.end()
	for _, v := range append(s.eyes.found(), chaos.Check(facts)...) {
		s.t.Error(v)
	}
	if s.unasked > 0 {
		s.t.Errorf("%d workers ended by themselves", s.unasked)
	}
	s.wantAudited(facts)
	s.t.Logf("%s on %s: %d records, %d rows, %d commits by %d lives of workers, in %s", map[uint64]string{0: "consumer", 1: "cooperative"}[s.seed%2], s.campaign.store,
		count(facts.Log), count(facts.Rows), len(facts.Moves), s.lives, drains.Sub(s.began).Round(time.Second))
	for _, step := range s.steps {
		longest, typical := pauses(facts.Moves, step.from, step.until)
		s.t.Logf("%s took %s: longest pause of a partition %s; the median of all partitions' longest %s", step.what,
			step.until.Sub(step.from).Round(10*time.Millisecond), longest.Round(time.Millisecond), typical.Round(time.Millisecond))
	}
	if s.t.Failed() {
		s.t.Logf("history:\n%s\nlogs: %s", s.history.String(), s.dir)
	}
}

// wantAudited has the command prove what it can: the chain and the positions, and on Postgres the rows.
func (s *scaled) wantAudited(facts chaos.Facts) {
	s.t.Helper()
	cmd := exec.Command(s.binary, "audit", filepath.Join(s.dir, "pipeline.yaml"), "-o", "json")
	cmd.Env = append(os.Environ(), "STORE="+s.kit.address(s.kit.upstream()))
	out, err := cmd.Output() // it exits with 3 where the rows name no record
	var found struct {
		Faults *int
		Proven bool
		Rows   *struct{ Expected, Found int }
	}
	if json.Unmarshal(out, &found) != nil || found.Faults == nil || *found.Faults > 0 {
		s.t.Errorf("the audit says, with %v:\n%s", err, out)
		return
	}
	if n := count(facts.Log); s.campaign.store == "postgres" && (!found.Proven || found.Rows == nil || found.Rows.Expected != n || found.Rows.Found != n) {
		s.t.Errorf("the audit of %d records says, with %v:\n%s", n, err, out)
	}
}

// pauses is the longest time between two commits of one partition that a stretch of time has a part in, and the median of the partitions' longest.
func pauses(moves []ledger.Recorded, from, until time.Time) (longest, median time.Duration) {
	last, most := map[fencepost.TopicPartition]time.Time{}, map[fencepost.TopicPartition]time.Duration{}
	for _, m := range moves {
		before, began := last[m.TopicPartition]
		if last[m.TopicPartition] = m.At; began && m.At.After(from) && before.Before(until) {
			most[m.TopicPartition] = max(most[m.TopicPartition], m.At.Sub(before))
		}
	}
	all := slices.Sorted(maps.Values(most))
	if len(all) == 0 {
		return 0, 0
	}
	return all[len(all)-1], all[len(all)/2]
}
