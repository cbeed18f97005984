package bench

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
)

// TestMain is also three processes of the benchmarks' own: the embedded broker, so that its work is not counted as the
// engine's, the plain program, and one whose memory is measured.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FENCEPOST_BENCH_BROKER"); dir != "" {
		serve(dir)
		return
	}
	if args := os.Getenv("FENCEPOST_BENCH_PLAIN"); args != "" {
		if err := runPlain(strings.Split(args, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if args := os.Getenv("FENCEPOST_BENCH_PACKED"); args != "" {
		addr, memory, _ := strings.Cut(args, "\n")
		fetch, err := strconv.ParseInt(memory, 10, 64)
		if err == nil {
			err = runPacked(addr, fetch)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	servers.Main(m)
}

func runPlain(args []string) error {
	batch, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	want, err := strconv.Atoi(args[5])
	if err != nil {
		return err
	}
	return plain(context.Background(), args[0], args[1], args[2], args[3], batch, want)
}
