//go:build realservers

package main

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/servers"
)

// The test binary is the program too, when asked by this variable.
const asProgram = "FENCEPOST_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// The kernel ends the servers of a program that was killed. It leaves folders
// behind, which the next test's servers remove: this one stays the first.
func TestServersDieWithTheProgram(t *testing.T) {
	cmd := program(t, "run", "--", "sh", "-c", `echo "$`+servers.EnvKafka+`"; exec sleep 1`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	address := strings.TrimSpace(string(line[:n]))
	for deadline := time.Now().Add(2 * time.Minute); ; {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("Kafka at %s outlived the program by two minutes", address)
		}
	}
}

func TestRunGivesAddressesAndTheExitCode(t *testing.T) {
	cmd := program(t, "run", "--", "sh", "-c",
		`echo "$`+servers.EnvKafka+` $`+servers.EnvPostgres+` $`+servers.EnvRedis+` $`+servers.EnvZooKeeper+`"; exit 7`)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != 7 {
		t.Fatalf("exit code %d (%v), want the command's 7\n%s", got, err, &stderr)
	}
	fields := append(strings.Fields(string(out)), "", "", "", "")
	kafka, dsn, redis, zooKeeper := fields[0], fields[1], fields[2], fields[3]
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{kafka, u.Host, redis, zooKeeper} {
		host, _, err := net.SplitHostPort(address)
		if err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("address %q, want one of this machine", address)
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s still listens after the run", address)
		}
	}
}

// A signal reaches the command, and the servers stop after it.
func TestRunHandsSignalsOn(t *testing.T) {
	cmd := program(t, "run", "--", "sh", "-c",
		`trap 'exit 9' TERM; echo "$`+servers.EnvKafka+`"; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line) // the command runs, its trap is set
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 9 {
		t.Errorf("exit code %d, want 9 from the command's trap", got)
	}
	if conn, err := net.Dial("tcp", strings.TrimSpace(string(line[:n]))); err == nil {
		conn.Close()
		t.Error("Kafka still listens after the run")
	}
}

func TestInstallIsSilentWhereNothingIsMissing(t *testing.T) {
	out, err := program(t, "install").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("install said %q, %v, want nothing", out, err)
	}
}

func TestMissingArgumentsAreAnError(t *testing.T) {
	for _, args := range [][]string{{}, {"run"}, {"run", "--"}, {"install", "x"}, {"help"}} {
		cmd := program(t, args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != 2 || !bytes.HasPrefix(out, []byte("usage:")) {
			t.Errorf("servers %q: exit code %d, said %q, want 2 and the usage", args, got, out)
		}
	}
}
