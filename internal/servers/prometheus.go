package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// OwnPrometheusServer is a Prometheus of the test's own.
type OwnPrometheusServer struct {
	Host, Port string
	*Own
}

const portPrometheus = "9090"

// OwnPrometheus starts a Prometheus for this test alone, with the text of its configuration. Paths in it are absolute. Native histograms are taken.
func OwnPrometheus(t testing.TB, config string) *OwnPrometheusServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newPrometheus(host, config)
	if err != nil {
		t.Fatal(err)
	}
	return &OwnPrometheusServer{Host: host, Port: portPrometheus, Own: own(t, server)}
}

// URL is where it answers.
func (p *OwnPrometheusServer) URL() string { return prometheusURL(p.Host) }

// Promtool is Prometheus' tool: it checks pages, rules and configurations, and runs the tests of rules.
func Promtool(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), k.prometheus("promtool"), args...)
}

func prometheusURL(host string) string { return "http://" + net.JoinHostPort(host, portPrometheus) }

// prometheus is the path of a program of the package.
func (k kit) prometheus(program string) string { return k.path("prometheus", "usr", "bin", program) }

// newPrometheus writes the folder of a server.
func (k kit) newPrometheus(host, config string) (*instance, error) {
	folder, err := newFolder("prometheus")
	if err != nil {
		return nil, err
	}
	file := folder.join("prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, fmt.Errorf("prepare prometheus: %w", errors.Join(err, folder.remove()))
	}
	return &instance{
		name:   "prometheus",
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			cmd := exec.Command(k.prometheus("prometheus"), "--config.file="+file, "--storage.tsdb.path="+folder.data(),
				"--web.listen-address="+net.JoinHostPort(host, portPrometheus), "--enable-feature=native-histograms", "--log.level=warn")
			cmd.Dir = folder.path
			return cmd
		},
		ask: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			ask, err := http.NewRequestWithContext(ctx, http.MethodGet, prometheusURL(host)+"/-/ready", nil)
			if err != nil {
				return err
			}
			answer, err := http.DefaultClient.Do(ask)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("prometheus answered %s", answer.Status)
			}
			_, err = io.Copy(io.Discard, answer.Body)
			return err
		},
		passing: func([]byte) bool { return false },
	}, nil
}

// fetchPrometheus unpacks the package of the machine's own suite, without what it depends on and without installing it: no server starts by itself.
func (k kit) fetchPrometheus(ctx context.Context) error {
	dir := k.path("prometheus")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	download := func() error {
		cmd := exec.CommandContext(ctx, "apt-get", "-qq", "download", "prometheus")
		cmd.Dir = dir
		return runQuietly(cmd)
	}
	if err := download(); err != nil { // the lists of packages may be old, or not be there
		if err := errors.Join(runQuietly(asRoot(ctx, "apt-get", "update")), download()); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(files) != 1 {
		return fmt.Errorf("apt-get download prometheus: %d packages (%w)", len(files), err)
	}
	return errors.Join(runQuietly(exec.CommandContext(ctx, "dpkg-deb", "-x", files[0], dir)), os.Remove(files[0]))
}

// tellPrometheus says which version it is.
func (k kit) tellPrometheus() string {
	out, err := exec.Command(k.prometheus("promtool"), "--version").Output()
	if err != nil {
		return fmt.Sprintf("servers: prometheus: %v\n", err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	first, _, _ = strings.Cut(strings.TrimPrefix(first, "promtool, version "), " ")
	return "servers: Prometheus " + first + " of the machine's own suite\n"
}
