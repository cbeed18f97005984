package quickstart

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/logs"
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
		slog.New(slog.NewJSONHandler(os.Stderr, nil)).Error("run failed", "error", err.Error())
		os.Exit(1)
	}
}

// play is what the verbs run and quickstart-control do.
func play(ctx context.Context, plays, file string) error {
	f, err := pipeline.Load(file, pipeline.Process())
	if err != nil {
		return err
	}
	log := logs.New(logs.Config{Out: os.Stderr, JSON: true, Level: slog.LevelDebug, Group: f.Group})
	o, err := pipeline.Open(ctx, f, pipeline.Hooks{Member: log.Joined})
	if err != nil {
		return err
	}
	defer o.Close()
	cfg := o.Config()
	if plays == "control" {
		cfg.Sink = NewControl(cfg.Sink, f.About().Path, f.Rate)
	}
	cfg.Until.End = true
	cfg.Who = fmt.Sprintf("%d@test", os.Getpid())
	cfg.Events = log.Event
	return engine.Run(ctx, cfg)
}
