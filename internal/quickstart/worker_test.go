package quickstart

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline"
)

// playsEnv makes the test binary a worker: "run" or "control". Its one argument is the pipeline file.
const playsEnv = "FENCEPOST_QUICKSTART_TEST_PLAYS"

func TestMain(m *testing.M) {
	plays := os.Getenv(playsEnv)
	if plays == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := play(ctx, plays, os.Args[1])
	stop()
	if err != nil {
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Error("stopped", "err", err.Error())
		os.Exit(1)
	}
}

// play is what the verbs run and quickstart-control do, with no more log than the director reads.
func play(ctx context.Context, plays, file string) error {
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f, err := pipeline.Load(file, pipeline.Process())
	if err != nil {
		return err
	}
	o, err := pipeline.Open(ctx, f, pipeline.Hooks{Member: func(id string, generation int32) {
		log.Info("group joined", "member", id, "generation", generation)
	}})
	if err != nil {
		return err
	}
	defer o.Close()
	cfg := o.Config()
	if plays == "control" {
		cfg.Sink = NewControl(cfg.Sink, f.Sink.Path, f.Rate)
	}
	cfg.Until.End = true
	cfg.Who = fmt.Sprintf("%d@test", os.Getpid())
	cfg.Events = func(e engine.Event) { tell(log, e) }
	return engine.Run(ctx, cfg)
}

func tell(log *slog.Logger, e engine.Event) {
	switch e := e.(type) {
	case engine.Assigned:
		log.Info("partitions assigned", "partitions", names(e.Partitions))
	case engine.Revoked:
		log.Info("partitions revoked", "partitions", names(e.Partitions))
	case engine.Committed:
		var segments []segment
		for _, s := range e.Segments {
			segments = append(segments, segment{Partition: s.Move.Partition, From: int64(s.Move.Held.Offset),
				Until: int64(s.Move.Next.Offset), Rows: int64(s.Rows())})
		}
		log.Debug("batch committed", "segments", segments)
	case engine.Retrying:
		log.Warn("retrying", "what", e.What, "err", fmt.Sprint(e.Err))
	case engine.Parked:
		log.Error("partition parked", "code", e.Code, "reason", e.Reason)
	case engine.Refused:
		log.Warn("batch refused", "partition", e.Partition, "standing", e.Standing.String())
	case engine.Waiting:
		log.Warn("partition waiting", "reason", e.Reason)
	}
}

func names(tps []fencepost.TopicPartition) []string {
	out := []string{}
	for _, tp := range tps {
		out = append(out, tp.String())
	}
	return out
}
