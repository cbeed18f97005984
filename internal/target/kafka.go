package target

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline"
)

// kafkaParams secure the connection; user and password are before the @.
var kafkaParams = []string{"tls", "ca", "cert", "cert_key", "server_name", "sasl"}

// kafkaScheme is a Kafka group's committed offsets. By the protocol they are next to read; with layout=kafka they are as
// foreign as any, since some programs commit the offset of the last record.
var kafkaScheme = scheme{params: kafkaParams,
	native: func(ctx context.Context, l *location) (*Target, error) {
		t, err := openGroup(ctx, l)
		if err != nil {
			return nil, err
		}
		t.means, t.movable = foreign.MeaningNext, true
		return t, nil
	},
	layouts: map[string]layout{"kafka": {params: kafkaParams, open: openGroup}}}

// noLedger refuses ledger=TOPIC, by which earlier versions named a ledger in a compacted topic.
func (l *location) noLedger() error {
	if l.scheme != "kafka" || !l.params.Has("ledger") {
		return nil
	}
	return &fencepost.UserError{Code: "ledger-removed", Exit: 2, Err: errors.New("ledger= was removed: Kafka keeps no ledger any more"),
		Help: "NEW names another store and group; with the build before this one: fencepost offsets copy URL NEW --execute"}
}

func openGroup(_ context.Context, l *location) (*Target, error) {
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	c, err := l.kafka()
	if err != nil {
		return nil, err
	}
	lay, err := kafka.OpenLayout(kafka.LayoutConfig{Brokers: c.Brokers, Group: g, TLS: c.TLS, SASL: c.SASL})
	if err != nil {
		return nil, codes.Usage(examples["kafka"], "%s", err)
	}
	t := ofLayout(lay, "group "+string(g))
	t.Group, t.brokers = g, &c
	return t, nil
}

// kafka is the cluster that the URL leads to.
func (l *location) kafka() (c kafka.Config, err error) {
	c.Brokers = strings.Split(l.url.Host, ",")
	for i, b := range c.Brokers {
		if !strings.Contains(b, ":") {
			c.Brokers[i] = b + ":9092"
		}
	}
	p := l.params
	c.TLS = kafka.TLS{CA: p.Get("ca"), Cert: p.Get("cert"), Key: p.Get("cert_key"), ServerName: p.Get("server_name")}
	if on := p.Get("tls"); on != "" {
		if c.TLS.Enabled, err = strconv.ParseBool(on); err != nil {
			return c, codes.Usage("tls=true", "tls=%s: neither true nor false", on)
		}
	}
	if c.SASL.Mechanism = p.Get("sasl"); c.SASL.Mechanism == "" {
		return c, nil
	}
	var login kafka.Credentials
	if l.url.User != nil {
		login.User = l.url.User.Username()
		login.Password, _ = l.url.User.Password()
	}
	if c.SASL.Mechanism == "OAUTHBEARER" {
		login.Token = login.Password
	}
	c.SASL.Credentials = func(context.Context) (kafka.Credentials, error) { return login, nil }
	return c, nil
}

// isPipeline reports whether a word is the name of a pipeline file, and not of a topic or a broker.
func isPipeline(word string) bool {
	ext := filepath.Ext(word)
	return ext == ".yaml" || ext == ".yml"
}

// readBrokers reads what --brokers names: HOST:9092, several of them, a kafka:// URL, or the source of a pipeline file.
func readBrokers(text string, env *pipeline.Environment) (kafka.Config, error) {
	const help = "--brokers HOST:9092, or kafka://USER:${PW}@HOST:9093?tls=true&sasl=SCRAM-SHA-512, or a pipeline file"
	if isPipeline(text) {
		f, err := pipeline.Load(text, env)
		if err != nil {
			return kafka.Config{}, err
		}
		return f.Source.Cluster(), nil
	}
	if !strings.Contains(text, "://") {
		text = "kafka://" + text
	}
	l, err := parse(text, env)
	if err != nil {
		return kafka.Config{}, err
	}
	if l.scheme != "kafka" {
		return kafka.Config{}, codes.Usage(help, "%s:// leads to no broker", l.scheme)
	}
	if err := l.takes(kafkaParams, false); err != nil {
		return kafka.Config{}, err
	}
	return l.kafka()
}
