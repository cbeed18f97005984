package quickstart

import (
	"bytes"
	"os"
	"testing"
)

// itself makes a Config whose workers are this test binary.
func itself(t *testing.T, cfg Config) Config {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	as := func(plays string) func(string) []string {
		return func(file string) []string { return []string{"/usr/bin/env", playsEnv + "=" + plays, exe, file} }
	}
	cfg.Worker, cfg.Control = as("run"), as("control")
	return cfg
}

func TestFull(t *testing.T) {
	if os.Getenv("FULL") == "" {
		return
	}
	var out bytes.Buffer
	err := Run(t.Context(), itself(t, Config{Dir: "/tmp/qs/full", Seed: 20261121, Out: &out, Err: os.Stderr}))
	os.Stdout.Write(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
}
