package kafka

import (
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// advertise answers metadata with an address where the broker is not.
func advertise(c *kfake.Cluster, at string) func(kmsg.Request) (kmsg.Response, error, bool) {
	host, port, _ := net.SplitHostPort(at)
	n, _ := strconv.Atoi(port)
	return func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		b := kmsg.NewMetadataResponseBroker()
		b.Host, b.Port = host, int32(n)
		resp.Brokers = append(resp.Brokers, b)
		return resp, nil, true
	}
}
