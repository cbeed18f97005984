package metrics_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/metrics"
)

// fake is an engine that says what it is told to.
type fake struct {
	status engine.Status
	parts  []engine.PartitionStatus
}

func (f *fake) Status() engine.Status                { return f.status }
func (f *fake) Partitions() []engine.PartitionStatus { return f.parts }

func tp(partition int32) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: "trips", Partition: partition}
}

// at is a partition that runs: its position, lag and newest record.
func at(partition int32, offset fencepost.Offset, lag int64, newest time.Time) engine.PartitionStatus {
	high := offset + fencepost.Offset(lag)
	return engine.PartitionStatus{TopicPartition: tp(partition), Position: ledger.Position{Offset: offset, Fence: 7}, Lag: lag, Running: true, Newest: newest,
		LastStableOffset: high, HighWatermark: high, Committed: newest}
}

// scrape compares the series of these names with what is wanted, help and type left out.
func scrape(t *testing.T, c prometheus.Collector, want string, names ...string) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(c)
	got, err := testutil.GatherAndCount(reg, names...)
	if err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	n := 0
	for _, f := range families {
		for _, name := range names {
			if f.GetName() != name {
				continue
			}
			for _, m := range f.GetMetric() {
				n++
				b.WriteString(strings.TrimPrefix(name, "fencepost_"))
				for _, l := range m.GetLabel() {
					if l.GetName() != "group" && l.GetName() != "cluster_name" && l.GetValue() != "" {
						b.WriteString(" " + l.GetName() + "=" + l.GetValue())
					}
				}
				b.WriteString(" " + value(m) + "\n")
			}
		}
	}
	if n != got {
		t.Fatalf("%d series were counted, %d read", got, n)
	}
	if strings.TrimSpace(b.String()) != strings.TrimSpace(want) {
		t.Errorf("scraped:\n%swant:\n%s", b.String(), want)
	}
}

// TestEvents counts each event once, as what it is.
func TestEvents(t *testing.T) {
	m := metrics.New(metrics.Config{Group: "g"})
	commit := engine.Committed{Rows: 5, Records: 3, Bytes: 100, Took: 20 * time.Millisecond}
	recovered := engine.Committed{Rows: 1, Records: 1, Bytes: 10, Took: time.Second, Recovered: true}
	for _, e := range []engine.Event{
		commit, commit, recovered,
		engine.Passed{Records: []engine.PassedRecord{{As: engine.DeadLetter, Code: "record-undecodable"}, {As: engine.Skip, Code: "record-refused"}, {As: engine.DeadLetter, Code: "record-undecodable"}}},
		engine.Moved{Moves: []ledger.Move{{Cause: ledger.CauseGap, AtMost: 40}, {Cause: ledger.CauseGap, AtMost: ledger.UnknownLoss}, {Cause: ledger.CauseRewind}}},
		engine.Refused{Relation: ledger.RelationMoved},
		engine.Retrying{What: "commit"}, engine.Retrying{What: "watch"}, engine.Retrying{What: "commit"},
		engine.Parked{Code: "truncated"},
		engine.Assigned{}, engine.Revoked{}, engine.Revoked{Lost: true},
		engine.MirrorFailed{},
		engine.Progress{}, engine.Opened{}, engine.Stopped{}, // of no account
	} {
		m.Event(e)
	}
	scrape(t, m, `
batch_rows 3 observations of 11
bytes_total 210
commit_duration_seconds 3 observations of 1.04
commits_total outcome=committed 2
commits_total outcome=recovered 1
dead_letters_total code=record-undecodable 2
fence_refusals_total relation=moved 1
lost_records_total 40
lost_unknown_total 1
mirror_failures_total 1
moves_total cause=gap 2
moves_total cause=rewind 1
parks_total code=truncated 1
rebalances_total kind=assigned 1
rebalances_total kind=lost 1
rebalances_total kind=revoked 1
records_total 7
retries_total what=commit 2
retries_total what=watch 1
rows_total 11
skipped_records_total code=record-refused 1
takeover_seconds 0 observations of 0
workers_gone_total 0
`, "fencepost_records_total", "fencepost_rows_total", "fencepost_bytes_total", "fencepost_commits_total", "fencepost_moves_total", "fencepost_lost_records_total",
		"fencepost_lost_unknown_total", "fencepost_fence_refusals_total", "fencepost_retries_total", "fencepost_parks_total", "fencepost_skipped_records_total",
		"fencepost_dead_letters_total", "fencepost_rebalances_total", "fencepost_workers_gone_total", "fencepost_mirror_failures_total",
		"fencepost_commit_duration_seconds", "fencepost_batch_rows", "fencepost_takeover_seconds")
}

// TestTakeover measures from the notice to the first commit of each partition that came of it: not of those that came for another
// reason, nor of those that went again.
func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Config{Group: "g"})
		commits := func(partitions ...int32) {
			var segments []fencepost.Segment
			for _, p := range partitions {
				segments = append(segments, fencepost.Segment{TopicPartition: tp(p)})
			}
			m.Event(engine.Committed{Segments: segments})
		}
		m.Event(engine.Assigned{Partitions: []fencepost.TopicPartition{tp(0)}}) // at the start
		commits(0)
		m.Event(engine.WorkersGone{Workers: make([]ledger.Worker, 1), Err: errors.New("the group was not told")})
		m.Event(engine.Assigned{Partitions: []fencepost.TopicPartition{tp(1)}})
		commits(0, 1)
		m.Event(engine.WorkersGone{Workers: make([]ledger.Worker, 2)})
		time.Sleep(250 * time.Millisecond)
		m.Event(engine.Assigned{Partitions: []fencepost.TopicPartition{tp(2), tp(3), tp(4)}})
		m.Event(engine.Revoked{Partitions: []fencepost.TopicPartition{tp(4)}})
		time.Sleep(250 * time.Millisecond)
		commits(0, 2)
		time.Sleep(500 * time.Millisecond)
		commits(2, 3, 4)
		time.Sleep(time.Hour)
		m.Event(engine.Assigned{Partitions: []fencepost.TopicPartition{tp(5)}}) // of a person who scales
		commits(5)
		scrape(t, m, `
takeover_seconds 2 observations of 1.5
workers_gone_total 2
`, "fencepost_takeover_seconds", "fencepost_workers_gone_total")
	})
}

// ofPartitions are the names of series of single partitions.
var ofPartitions = []string{"fencepost_partition_high_watermark", "fencepost_partition_lag_records", "fencepost_partition_lag_seconds",
	"fencepost_partition_last_commit_timestamp_seconds", "fencepost_partition_last_stable_offset", "fencepost_partition_offset"}

// ofTheWorker are the names of its gauges.
var ofTheWorker = []string{"fencepost_brokers_silent", "fencepost_lag_records", "fencepost_lag_seconds", "fencepost_lag_unknown_partitions", "fencepost_member",
	"fencepost_partitions", "fencepost_partitions_left_out", "fencepost_queued_bytes", "fencepost_stopped_partitions"}

// TestWhatIsNotKnownIsAbsent: before the engine there is nothing; a lag that no broker tells is in no series; exact ages; 0 where nothing is unread.
func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, is := metrics.New(metrics.Config{Group: "g"}), &fake{}
		scrape(t, m, "", append(ofPartitions, ofTheWorker...)...)

		newest := time.Now().Add(-90 * time.Second).Truncate(time.Millisecond)
		silent := at(2, 5, 1, newest)
		silent.Lag, silent.Report = -1, ledger.Report{Halt: ledger.HaltWaiting, Code: "no-leader"}
		fresh := at(3, 0, 4, time.Time{})
		is.parts = []engine.PartitionStatus{at(0, 100, 20, newest), at(1, 7, 0, newest), silent, fresh}
		is.status = engine.Status{Lag: 24, Oldest: newest, Running: 3, Waiting: 1, Unknown: 1, Queued: 1 << 20}
		m.Runs(is)
		scrape(t, m, "", append(ofPartitions, ofTheWorker...)...) // it waits for brokers and stores: its zeros say nothing
		m.Event(engine.Opened{})
		scrape(t, m, `
partition_high_watermark partition=0 topic=trips 120
partition_high_watermark partition=1 topic=trips 7
partition_high_watermark partition=3 topic=trips 4
partition_lag_records partition=0 topic=trips 20
partition_lag_records partition=1 topic=trips 0
partition_lag_records partition=3 topic=trips 4
partition_lag_seconds partition=0 topic=trips 90
partition_lag_seconds partition=1 topic=trips 0
partition_last_commit_timestamp_seconds partition=0 topic=trips 946684710
partition_last_commit_timestamp_seconds partition=1 topic=trips 946684710
partition_last_commit_timestamp_seconds partition=2 topic=trips 946684710
partition_last_stable_offset partition=0 topic=trips 120
partition_last_stable_offset partition=1 topic=trips 7
partition_last_stable_offset partition=3 topic=trips 4
partition_offset partition=0 topic=trips 100
partition_offset partition=1 topic=trips 7
partition_offset partition=2 topic=trips 5
partition_offset partition=3 topic=trips 0
`, ofPartitions...)
		scrape(t, m, `
brokers_silent 0
lag_records 24
lag_seconds 90
lag_unknown_partitions 1
member 1
partitions state=blocked 0
partitions state=idle 1
partitions state=parked 0
partitions state=retrying 0
partitions state=running 2
partitions state=waiting 1
partitions_left_out 0
queued_bytes 1048576
stopped_partitions code=no-leader 1
`, ofTheWorker...)

		is.status.Silent = true
		for i := range is.parts {
			is.parts[i].Lag = -1
		}
		scrape(t, m, "brokers_silent 1\n", "fencepost_brokers_silent", "fencepost_lag_records", "fencepost_lag_seconds", "fencepost_partition_lag_records", "fencepost_partition_high_watermark")

		m.Event(engine.Stopped{})
		scrape(t, m, "", append(ofPartitions, ofTheWorker...)...)
		m.Event(engine.Opened{})
		m.Runs(nil)
		scrape(t, m, "", append(ofPartitions, ofTheWorker...)...)
	})
}

// TestSeriesAreBounded: above the limit single partitions have no series, and a series says of how many.
func TestSeriesAreBounded(t *testing.T) {
	parts := []engine.PartitionStatus{at(0, 1, 1, time.Time{}), at(1, 1, 1, time.Time{}), at(2, 1, 1, time.Time{})}
	for _, c := range []struct{ limit, single, leftOut int }{{0, 3, 0}, {3, 3, 0}, {2, 0, 3}, {-1, 0, 3}} {
		m := metrics.New(metrics.Config{Group: "g", Partitions: c.limit})
		m.Event(engine.Opened{})
		m.Runs(&fake{status: engine.Status{Lag: 3, Running: 3}, parts: parts})
		for _, of := range []struct {
			name string
			c    prometheus.Collector
		}{{"fencepost_partition_offset", m}, {"kafka_consumergroup_group_lag", metrics.LagExporter("", m)}} {
			if got := testutil.CollectAndCount(of.c, of.name); got != c.single {
				t.Errorf("limit %d: %d series of %s, want %d", c.limit, got, of.name, c.single)
			}
		}
		if got := testutil.CollectAndCount(m, "fencepost_partitions_left_out"); got != 1 {
			t.Errorf("limit %d: what is left out is not said", c.limit)
		}
	}
}

// TestLagExporter: two groups of one process that read the same topic, under the names of kafka-lag-exporter.
func TestLagExporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		newest := time.Now().Add(-3 * time.Second)
		silent := at(1, 7, 1, newest)
		silent.Lag = -1
		a, b := metrics.New(metrics.Config{Group: "a"}), metrics.New(metrics.Config{Group: "b"})
		a.Runs(&fake{status: engine.Status{Lag: 20, Unknown: 1, Running: 2}, parts: []engine.PartitionStatus{at(0, 100, 20, newest), silent, at(2, 8, 5, newest)}})
		b.Runs(&fake{status: engine.Status{Lag: 10}, parts: []engine.PartitionStatus{at(0, 111, 10, newest)}})
		c := metrics.LagExporter("main", a, b)
		a.Event(engine.Opened{})
		b.Event(engine.Opened{})
		scrape(t, c, `
kafka_consumergroup_group_lag partition=0 topic=trips 20
kafka_consumergroup_group_lag partition=2 topic=trips 5
kafka_consumergroup_group_lag partition=0 topic=trips 10
kafka_consumergroup_group_lag_seconds partition=0 topic=trips 3
kafka_consumergroup_group_lag_seconds partition=2 topic=trips 3
kafka_consumergroup_group_lag_seconds partition=0 topic=trips 3
kafka_consumergroup_group_max_lag is_simple_consumer=false 20
kafka_consumergroup_group_max_lag is_simple_consumer=false 10
kafka_consumergroup_group_max_lag_seconds is_simple_consumer=false 3
kafka_consumergroup_group_max_lag_seconds is_simple_consumer=false 3
kafka_consumergroup_group_offset partition=0 topic=trips 100
kafka_consumergroup_group_offset partition=2 topic=trips 8
kafka_consumergroup_group_offset partition=0 topic=trips 111
kafka_consumergroup_group_sum_lag 25
kafka_consumergroup_group_sum_lag 10
kafka_consumergroup_group_topic_sum_lag topic=trips 25
kafka_consumergroup_group_topic_sum_lag topic=trips 10
kafka_partition_latest_offset partition=0 topic=trips 121
kafka_partition_latest_offset partition=2 topic=trips 13
`, "kafka_consumergroup_group_lag", "kafka_consumergroup_group_lag_seconds", "kafka_consumergroup_group_max_lag", "kafka_consumergroup_group_max_lag_seconds",
			"kafka_consumergroup_group_offset", "kafka_consumergroup_group_sum_lag", "kafka_consumergroup_group_topic_sum_lag", "kafka_partition_latest_offset")
	})
}

// TestNames: help, units and suffixes are as Prometheus' own linter wants them.
func TestNames(t *testing.T) {
	m := metrics.New(metrics.Config{Group: "g"})
	m.Event(engine.Opened{})
	m.Runs(&fake{status: engine.Status{Lag: 3, Running: 1}, parts: []engine.PartitionStatus{at(0, 1, 3, time.Now())}})
	m.Event(engine.Committed{})
	m.Event(engine.Parked{Code: "truncated"})
	problems, err := testutil.CollectAndLint(m)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Error(err)
	}
}
