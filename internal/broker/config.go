package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/fencepost/fencepost/internal/listen"
)

// Config says how the broker runs. Only Dir is needed.
type Config struct {
	// Dir is the folder of its data; made if it is not there. An old one goes on where it ended. Needed.
	Dir string

	// Listen is HOST:PORT, the host in 127.0.0.0/8 or localhost (127.0.0.1). Port 0 takes a free one. Zero: 127.0.0.1:0.
	Listen string

	// AutoTopics is how many partitions a topic gets that a client asks for and that is not there. Zero: none is made, the
	// client gets UNKNOWN_TOPIC_OR_PARTITION. (Clients ask for it too: kgo.AllowAutoTopicCreation.)
	AutoTopics int

	// Sync fsyncs each batch and each commit before it is acknowledged. Zero: they survive kill -9, not power loss.
	Sync bool

	// Heartbeat is how often members of KIP-848 groups report, and so how fast such a group changes. Zero: 200ms.
	Heartbeat time.Duration

	// Session is after how long a silent member of a KIP-848 group is given up; a classic member says its own, from 1s on.
	// Zero: 6s.
	Session time.Duration

	// Settings are more of Kafka's broker settings, by their names there; they win over ours. Zero: none.
	Settings map[string]string

	// Log gets what kfake logs, from slog.LevelWarn on. Zero: it is dropped.
	Log *slog.Logger
}

// validate joins all that is wrong, each with its field. The address is not looked at: see address.
func (c Config) validate() error {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("Dir: needed"))
	}
	if c.AutoTopics < 0 {
		faults = append(faults, fmt.Errorf("AutoTopics: %d partitions", c.AutoTopics))
	}
	if c.Heartbeat < 0 {
		faults = append(faults, fmt.Errorf("Heartbeat: %v", c.Heartbeat))
	}
	if c.Session < 0 {
		faults = append(faults, fmt.Errorf("Session: %v", c.Session))
	}
	return errors.Join(faults...)
}

// address is Listen with its zero filled in. The error is a *UserError with NotLoopback.
func (c Config) address() (string, error) {
	if c.Listen == "" {
		return "127.0.0.1:0", nil
	}
	refused := &Fault{
		Code: NotLoopback, Subject: c.Listen, Why: "the embedded broker listens on this machine only: HOST:PORT, HOST in 127.0.0.0/8",
		Help: "--listen 127.0.0.1:19092",
	}
	address, err := listen.Address(c.Listen)
	if host, _, _ := net.SplitHostPort(address); err == nil && strings.Contains(host, ":") {
		err = listen.ErrNotLoopback // the broker speaks IPv4
	}
	if err != nil && !errors.Is(err, listen.ErrNotLoopback) {
		refused.Err = err
	}
	if err != nil {
		return "", refused
	}
	return address, nil
}

// options are kfake's words for the config.
func (c Config) options(listener net.Listener, clusterID string, log kfake.Logger) []kfake.Opt {
	settings := map[string]string{
		"group.initial.rebalance.delay.ms":     "0", // unknown to kfake, which never waits; for clients that ask
		"group.consumer.heartbeat.interval.ms": millis(c.Heartbeat, 200*time.Millisecond),
		"group.consumer.session.timeout.ms":    millis(c.Session, 6*time.Second),
		"default.replication.factor":           "1",
	}
	for name, value := range c.Settings {
		settings[name] = value
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return listener, nil }),
		kfake.DataDir(c.Dir),
		kfake.ClusterID(clusterID),
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(settings),
		kfake.WithLogger(log),
	}
	if c.AutoTopics > 0 {
		options = append(options, kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(c.AutoTopics))
	}
	if c.Sync {
		options = append(options, kfake.SyncWrites())
	}
	return options
}

func millis(d, zero time.Duration) string {
	if d == 0 {
		d = zero
	}
	return strconv.FormatInt(max(d.Milliseconds(), 1), 10)
}
