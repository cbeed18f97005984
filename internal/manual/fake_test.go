//go:build realservers

package manual

import (
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fakes are the brokers that can be made to lie, which no real one does on request.
var fakes = newTable[*kfake.Cluster]()

// useFake gives the script such a broker.
func useFake(ts *testscript.TestScript) *kafka {
	t := ts.Value(testKey{}).(testing.TB)
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	ts.Check(err)
	t.Cleanup(c.Close)
	fakes.put(ts, c)
	return &kafka{at: c.ListenAddrs()[0]}
}

// lag makes the broker answer an old end, so many times: lag TOPIC:P END TIMES. All of a request's partitions get it.
func lag(ts *testscript.TestScript, _ bool, args []string) {
	c, ok := fakes.get(ts)
	if !ok {
		ts.Fatalf("the broker is no fake: kafka fake")
	}
	topic, p := partition(ts, args[0])
	end := number(ts, args[1])
	var left atomic.Int64
	left.Store(number(ts, args[2]))
	c.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.ListOffsetsRequest)
		if left.Load() <= 0 || req.Topics[0].Partitions[0].Timestamp != -1 {
			c.KeepControl()
			return nil, nil, false
		}
		left.Add(-1)
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		resp.SetVersion(req.GetVersion())
		answer := kmsg.NewListOffsetsResponseTopic()
		answer.Topic = topic
		one := kmsg.NewListOffsetsResponseTopicPartition()
		one.Partition, one.Offset, one.LeaderEpoch = p, end, 0
		answer.Partitions = append(answer.Partitions, one)
		resp.Topics = append(resp.Topics, answer)
		return resp, nil, true
	})
}
