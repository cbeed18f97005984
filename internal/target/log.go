package target

import (
	"context"
	"slices"
	"time"

	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline"
)

// Logs asks where the logs of topics begin and end, and which offset is at a time: of the topics that are named, on the brokers of
// o.Brokers, or of a pipeline file's own. No group is joined or asked about.
func Logs(ctx context.Context, names []string, at time.Time, o Options) (l admin.Log, err error) {
	t := &Target{Operand: o.Brokers}
	defer func() {
		if closing := t.Close(ctx, o.Timeout); err == nil {
			err = closing
		}
	}()
	if err := t.openLogs(ctx, names, o); err != nil {
		return l, err
	}
	if err := t.ping(ctx, o.Timeout); err != nil {
		return l, err
	}
	l, err = admin.Logs(ctx, t.Cluster, at)
	return l, t.Pointed(err)
}

// openLogs attaches the brokers of a file or of --brokers.
func (t *Target) openLogs(ctx context.Context, names []string, o Options) error {
	file := isPipeline(names[0])
	switch {
	case file && len(names) > 1:
		return codes.Usage("fencepost log "+names[0], "a pipeline file names its topics itself")
	case file && o.Brokers != "":
		return codes.Usage("leave it out", "--brokers is for topics; %s names its own", names[0])
	case file:
		f, err := pipeline.Load(names[0], o.Env)
		if err != nil {
			return err
		}
		c, topics := f.Source.Cluster(), f.Source.Topics
		c.Pattern = f.Source.Pattern
		for _, tp := range f.Source.Partitions {
			topics = append(topics, tp.Topic)
		}
		return t.attach(c, slices.Compact(slices.Sorted(slices.Values(topics))))
	case o.Brokers == "":
		return codes.Usage("--brokers HOST:9092, or --brokers FILE.yaml for those of a pipeline", "no broker is named")
	}
	c, err := readBrokers(o.Brokers, o.Env)
	if err != nil {
		return err
	}
	return t.attach(c, names)
}
