package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fencepost/fencepost/engine"
)

// LagExporter shows the lag of engines under the names of kafka-lag-exporter (seglo/kafka-lag-exporter, README.md), for dashboards and
// alerts that exist. Lag in seconds is exact here, and an estimate there. cluster is its label cluster_name.
//
// Each worker shows the partitions that it holds: sums and maxima of a group are those over its workers. The label is_simple_consumer
// is always "false", the member's labels are empty, and kafka_partition_earliest_offset is left out, since an engine does not ask for it.
func LagExporter(cluster string, of ...*Metrics) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, prometheus.Labels{"cluster_name": cluster})
	}
	member := []string{"group", "topic", "partition", "member_host", "consumer_id", "client_id"}
	return &lagExporter{of: of,
		latest:     desc("kafka_partition_latest_offset", "Latest offset of a partition", "topic", "partition"),
		offset:     desc("kafka_consumergroup_group_offset", "Last group consumed offset of a partition", member...),
		lag:        desc("kafka_consumergroup_group_lag", "Group offset lag of a partition", member...),
		seconds:    desc("kafka_consumergroup_group_lag_seconds", "Group time lag of a partition", member...),
		maxLag:     desc("kafka_consumergroup_group_max_lag", "Max group offset lag", "group", "is_simple_consumer"),
		maxSeconds: desc("kafka_consumergroup_group_max_lag_seconds", "Max group time lag", "group", "is_simple_consumer"),
		sum:        desc("kafka_consumergroup_group_sum_lag", "Sum of group offset lag", "group"),
		topicSum:   desc("kafka_consumergroup_group_topic_sum_lag", "Sum of group offset lag across topic partitions", "group", "topic"),
	}
}

type lagExporter struct {
	of []*Metrics

	latest, offset, lag, seconds, maxLag, maxSeconds, sum, topicSum *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (l *lagExporter) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{l.latest, l.offset, l.lag, l.seconds, l.maxLag, l.maxSeconds, l.sum, l.topicSum} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (l *lagExporter) Collect(out chan<- prometheus.Metric) {
	send := sender(out)
	logs := map[string]map[int32]float64{} // where partitions end, each once: two groups may read the same topic
	for _, m := range l.of {
		if a := m.engine.ask(); a.runs && a.status.LagKnown() && m.single(len(a.parts)) {
			l.group(string(m.cfg.Group), a.parts, m.nowFunc(), logs, send)
		}
	}
	for topic, ends := range logs {
		for partition, end := range ends {
			send(l.latest, end, topic, strconv.Itoa(int(partition)))
		}
	}
}

func (l *lagExporter) group(group string, parts []engine.PartitionStatus, now time.Time, logs map[string]map[int32]float64, send send) {
	var sum, most, oldest float64
	topics := map[string]float64{}
	for _, p := range parts {
		if p.Lag < 0 {
			continue
		}
		if logs[p.Topic] == nil {
			logs[p.Topic] = map[int32]float64{}
		}
		logs[p.Topic][p.Partition] = max(logs[p.Topic][p.Partition], float64(p.HighWatermark))
		lag, of := float64(p.Lag), []string{group, p.Topic, strconv.Itoa(int(p.Partition)), "", "", ""}
		send(l.offset, float64(p.Position.Offset), of...)
		send(l.lag, lag, of...)
		if seconds, known := lagSeconds(p.Lag, p.Newest, now); known {
			send(l.seconds, seconds, of...)
			oldest = max(oldest, seconds)
		}
		sum, most, topics[p.Topic] = sum+lag, max(most, lag), topics[p.Topic]+lag
	}
	if len(topics) == 0 {
		return
	}
	send(l.sum, sum, group)
	send(l.maxLag, most, group, "false")
	send(l.maxSeconds, oldest, group, "false")
	for topic, lag := range topics {
		send(l.topicSum, lag, group, topic)
	}
}
