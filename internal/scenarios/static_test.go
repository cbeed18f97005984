//go:build realservers

package scenarios

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost"
)

// TestStaticRestartMovesNothing: a worker with an instance_id that stops and comes back has its own partitions again; those of the other go on
// meanwhile, and the other is neither asked for any nor given one. In both protocols.
func TestStaticRestartMovesNothing(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for _, protocol := range []string{"cooperative", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			sink, l, rows := presenceStores["postgres"](t)
			f := newFamily(t, binary, protocol, sink, l, "instance_id: '${WORKER}'")
			one, other := f.startAs("w1"), f.startAs("w2")
			shares := f.shares(2)
			f.fed(5)
			told := moved(other)

			one.signal(syscall.SIGTERM)
			<-one.done
			if one.err != nil {
				t.Errorf("stopped: %v", one.err)
			}
			f.feedTo(5, shares["w2"]) // while the first one is away

			again := f.startAs("w1")
			again.says("joined ")
			f.fed(5)
			if now := f.shares(2); fmt.Sprint(now) != fmt.Sprint(shares) {
				t.Errorf("the shares are %v, and were %v", now, shares)
			}
			if moved(other) != told {
				t.Errorf("the other one was moved:\n%s", other.log)
			}
			if n := rows(f.group); n != f.sent {
				t.Errorf("%d rows of %d records", n, f.sent)
			}
		})
	}
}

// moved is how often a worker was given partitions, or let some go.
func moved(p *process) int { return strings.Count(p.log.String(), `"msg":"partitions `) }

// startAs starts a worker under an instance_id.
func (f *family) startAs(name string) *process {
	cmd := exec.Command(f.binary, "run", f.file)
	cmd.Env = append(cmd.Environ(), "WORKER="+name)
	return launch(f.t, cmd)
}

// shares waits until n members share the partitions, and returns who has which. :: instance_id -> partitions
func (f *family) shares(n int) map[string][]int32 {
	f.t.Helper()
	var of map[string][]int32
	f.soon(fmt.Sprintf("%d members share the partitions", n), func() error {
		members, err := f.members.Members(f.t.Context())
		if err != nil {
			return err
		}
		all := 0
		of = map[string][]int32{}
		for _, m := range members {
			for _, tp := range m.Partitions {
				of[m.InstanceID] = append(of[m.InstanceID], tp.Partition)
			}
			slices.Sort(of[m.InstanceID])
			all += len(of[m.InstanceID])
		}
		if len(of) != n || all != familyPartitions {
			return fmt.Errorf("the shares are %v", of)
		}
		return nil
	})
	return of
}

// feedTo writes n records to each partition, and waits until those of some are committed.
func (f *family) feedTo(n int, partitions []int32) {
	f.t.Helper()
	var rs []*kgo.Record
	for p := range familyPartitions {
		for range n {
			rs = append(rs, &kgo.Record{Topic: f.topic, Partition: int32(p), Value: []byte(`{"n":1}`)})
		}
	}
	f.write(f.cl, rs...)
	f.sent += int64(len(rs))
	each := fencepost.Offset(f.sent / familyPartitions)
	f.soon("they are committed", func() error {
		now, err := f.ledger.Read(f.t.Context(), f.group)
		for _, p := range partitions {
			if got := now.Positions[at(f.topic, p)].Offset; got != each {
				err = errors.Join(err, fmt.Errorf("partition %d is at %d of %d", p, got, each))
			}
		}
		return err
	})
}
