//go:build realservers

package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net/url"
	"os/exec"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/flights"
	"github.com/fencepost/fencepost/internal/flights/feed"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

const flightOfAvro = `{"type": "record", "name": "flight", "fields": [{"name": "date", "type": {"type": "long", "logicalType": "timestamp-millis"}},
	{"name": "delay", "type": "long"}, {"name": "distance", "type": "long"}, {"name": "origin", "type": "string"}, {"name": "destination", "type": "string"}]}`

// appendAvro appends a flight as Confluent's serializers write it, by the schema of this id.
func appendAvro(b []byte, id int, f flights.Flight) []byte {
	b = binary.BigEndian.AppendUint32(append(b, 0), uint32(id))
	for _, n := range []int64{f.Date.UnixMilli(), f.Delay, f.Distance} {
		b = binary.AppendVarint(b, n)
	}
	for _, s := range []string{f.Origin, f.Destination} {
		b = append(binary.AppendVarint(b, int64(len(s))), s...)
	}
	return b
}

// fewRows is how many Connect takes in a round: its figures are of a record, and it takes tens of times as long.
const fewRows = 500_000

// BenchmarkKafkaConnect takes the flights from Apache Kafka into Postgres: from Avro beside JSON, each by us, and from Avro by Kafka Connect with
// Debezium's JDBC sink, which is warm: its start is not counted, ours is.
func BenchmarkKafkaConnect(b *testing.B) {
	r, registry := newReal(b), servers.Registry(b)
	id := register(b, registry, servers.Name(b))
	ofJSON := r.topic(1, feed.Config{})
	value := func(to []byte, f flights.Flight) []byte { return appendAvro(to, id, f) }
	ofAvro := r.topic(1, feed.Config{Value: value})
	ofConnect := r.topic(1, feed.Config{Value: value, Flights: first(r.flights(), fewRows)})
	decodeAvro := fmt.Sprintf("decode: avro\nregistry: {url: %q}", registry.URL())
	c := &connected{real: r, registry: registry, worker: servers.OwnConnect(b, r.brokers, "-Xmx2g", "-XX:TieredStopAtLevel=4"), rows: fewRows}
	c.takes(ofConnect)
	for b.Loop() {
		var fromJSON, fromAvro, byConnect []ran
		for range rounds {
			r.fresh()
			fromJSON = append(fromJSON, r.process(exec.Command(r.binary, "run", r.pipeline(ofJSON, 20_000), "--until", "end")))
			r.count(flightRows)
			r.fresh()
			fromAvro = append(fromAvro, r.process(exec.Command(r.binary, "run", r.pipelineOf(decodeAvro, ofAvro, 20_000), "--until", "end")))
			r.count(flightRows)
			byConnect = append(byConnect, c.takes(ofConnect))
		}
		reportConnect(b, fromJSON, fromAvro, byConnect)
	}
	b.ReportMetric(0, "ns/op")
}

// first are the first n of the flights.
func first(all iter.Seq[flights.Flight], n int) iter.Seq[flights.Flight] {
	return func(yield func(flights.Flight) bool) {
		left := n
		for f := range all {
			if left--; left < 0 || !yield(f) {
				return
			}
		}
	}
}

func reportConnect(b *testing.B, fromJSON, fromAvro, byConnect []ran) {
	both := func(x ran) time.Duration { return x.cpu + x.pg }
	b.ReportMetric(middle(fromAvro, both)/middle(fromJSON, both), "avro-of-json-cpu(goal<=0.9)")
	b.ReportMetric(middle(byConnect, both)/fewRows/(middle(fromAvro, both)/flightRows), "times-less-cpu-than-connect")
	for _, side := range []struct {
		name string
		rows float64
		ran  []ran
	}{{"json", flightRows, fromJSON}, {"avro", flightRows, fromAvro}, {"connect", fewRows, byConnect}} {
		b.ReportMetric(middle(side.ran, func(x ran) time.Duration { return x.cpu })/side.rows*1e6, side.name+"-cpu-s/M")
		b.ReportMetric(middle(side.ran, func(x ran) time.Duration { return x.pg })/side.rows*1e6, side.name+"-pg-cpu-s/M")
		b.ReportMetric(side.rows/1000/middle(side.ran, func(x ran) time.Duration { return x.wall }), side.name+"-k-records/s")
	}
}

// register registers the schema of the flights, and returns its id.
func register(b *testing.B, registry servers.RegistryServer, subject string) int {
	b.Helper()
	cl, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		b.Fatal(err)
	}
	made, err := cl.CreateSchema(b.Context(), subject, sr.Schema{Schema: flightOfAvro, Type: sr.TypeAvro})
	if err != nil {
		b.Fatal(err)
	}
	return made.ID
}

// connected is a worker of Kafka Connect beside the benchmarks' servers.
type connected struct {
	*real
	registry servers.RegistryServer
	worker   *servers.OwnConnectServer
	rows     int // of the topic
}

// takes lets Connect take a topic into the table: batches of 20,000 rows, and the driver's way of many rows in one statement.
func (c *connected) takes(topic string) ran {
	c.b.Helper()
	c.fresh()
	at, err := url.Parse(c.dsn)
	if err != nil {
		c.b.Fatal(err)
	}
	cpu, pg, began := procCPU(c.worker.PID(), false), c.pgCPU(), time.Now()
	name := c.worker.Add(c.b,
		"connector.class=io.debezium.connector.jdbc.JdbcSinkConnector",
		"topics="+topic,
		"connection.url=jdbc:postgresql://"+at.Host+at.Path+"?reWriteBatchedInserts=true",
		"connection.username="+at.User.Username(),
		"connection.password=none",
		"insert.mode=insert",
		"primary.key.mode=none",
		"schema.evolution=none",
		"collection.name.format=flights",
		"batch.size=20000",
		"consumer.override.max.poll.records=20000",
		"key.converter=org.apache.kafka.connect.storage.StringConverter",
		"value.converter=io.apicurio.registry.utils.converter.AvroConverter",
		"value.converter.apicurio.registry.url="+c.registry.OwnURL(),
		"value.converter.apicurio.registry.as-confluent=true",
		"value.converter.apicurio.registry.use-id=contentId",
	)
	defer c.worker.Remove(c.b, name)
	c.ended(topic, "connect-"+name)
	took := ran{wall: time.Since(began), cpu: procCPU(c.worker.PID(), false) - cpu, pg: c.pgCPU() - pg}
	c.count(c.rows)
	return took
}

// ended waits until a group has committed all records of a topic.
func (c *connected) ended(topic, group string) {
	c.b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.brokers))
	if err != nil {
		c.b.Fatal(err)
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	for deadline := time.Now().Add(20 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		sum := int64(0)
		done, err := adm.FetchOffsets(context.Background(), group)
		done.Each(func(o kadm.OffsetResponse) { sum += max(0, o.At) })
		if err == nil && sum == int64(c.rows) {
			return
		}
		if time.Now().After(deadline) {
			c.b.Fatalf("connect has committed %d records of %s (%v)", sum, topic, err)
		}
	}
}
