//go:build realservers

package scenarios

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fencepost/fencepost/internal/servers"
)

// TestAlertRulesAreTested: promtool takes the configuration and the alert rules, and the tests of the rules pass.
func TestAlertRulesAreTested(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"check", "config", "--syntax-only", "prometheus.yaml"}, {"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		cmd := servers.Promtool(t, args...)
		cmd.Dir = "../../deploy/prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

const scrapedFile = `group: %s
source: {brokers: [%q], topics: [%s]}
schema: {n: int}
sink: {postgres: {dsn: %q, table: hits}}
watch: 1s
`

const scrapeConfig = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%[1]q]
scrape_configs:
  - job_name: fencepost
    scheme: https
    tls_config: {ca_file: %[3]q}
    authorization: {credentials_file: %[4]q}
    static_configs: [{targets: [%[2]q]}]
  - job_name: password
    scheme: https
    tls_config: {ca_file: %[3]q}
    basic_auth: {username: prometheus, password_file: %[4]q}
    static_configs: [{targets: [%[2]q]}]
  - job_name: stranger
    scheme: https
    tls_config: {ca_file: %[3]q}
    static_configs: [{targets: [%[2]q]}]
`

// TestPrometheusScrapesARun: what a real Prometheus has of a real worker, by TLS and a token, is what offsets show says of it, with native
// histograms; promtool finds nothing wrong with the page; the alert rules and every expression of the dashboard are taken; what nobody knows
// any more is absent; and who has no token gets nothing.
func TestPrometheusScrapesARun(t *testing.T) {
	t.Parallel()
	binary, broker := build(t), servers.OwnKafka(t)
	dsn := servers.Postgres(t).Database(t)
	s := newScene(t, broker.Broker, openPostgresStore(t, dsn, "create table hits (n bigint)"))
	topic := s.topic(4)
	s.produce(at(topic, 0), `{"n":1}`, `{"n":2}`)
	s.produce(at(topic, 1), `{"n":1}`, `bad`, `{"n":3}`, `{"n":4}`)
	s.committed(at(topic, 2), 0) // a marker alone
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, scrapedFile, s.group, s.broker.Plaintext, topic, dsn), 0o600))

	host := servers.Address(t)
	ca, key, token := signedFor(t, host)
	where := host + ":9464"
	worker := launch(t, exec.Command(binary, "run", file, "--http", where, "--http-tls", ca+","+key, "--http-token-file", token))
	rules, err := filepath.Abs("../../deploy/prometheus/rules.yaml")
	must(t, err)
	prom := prometheus{t, servers.OwnPrometheus(t, fmt.Sprintf(scrapeConfig, rules, where, ca, token)).URL()}

	of := fmt.Sprintf("{job=\"fencepost\", topic=%q}", topic)
	eventually(t, "Prometheus has what offsets show says", func() error {
		want, err := shownPositions(t, binary, file)
		if err != nil {
			return err // the ledger may not be there yet, or a broker may be slow to answer
		}
		var faults []error
		for name, values := range want {
			if got := prom.values(name + of); fmt.Sprint(got) != fmt.Sprint(values) {
				faults = append(faults, fmt.Errorf("%s: %v, and offsets show says %v", name, got, values))
			}
		}
		if len(want["fencepost_partition_offset"]) < 3 || prom.one(`fencepost_partitions{job="fencepost", state="parked"}`) != "1" {
			faults = append(faults, fmt.Errorf("not all of it was applied: %v", want))
		}
		return errors.Join(faults...)
	})
	if got := prom.one(`fencepost_lag_records{job="fencepost"}`); got != "3" {
		t.Errorf("lag %s, want the 3 records behind a bad one", got)
	}
	if commits, counted := prom.one(`sum(fencepost_commits_total{job="fencepost"})`), prom.one(`histogram_count(fencepost_commit_duration_seconds{job="fencepost"})`); commits != counted || commits == "" {
		t.Errorf("%s commits, and %s in the native histogram", commits, counted)
	}
	eventually(t, "a password is a token, and a stranger gets nothing", func() error {
		if by, none := prom.one(`up{job="password"}`), prom.one(`up{job="stranger"}`); by != "1" || none != "0" {
			return fmt.Errorf("up by password: %s, without: %s", by, none)
		}
		return nil
	})
	for _, page := range []string{"/metrics", "/metrics?names=kafka-lag-exporter&cluster=main"} {
		promtoolChecks(t, "https://"+where+page, ca, token)
	}
	prom.takesDashboard()
	eventually(t, "the alert of a parked partition is pending", func() error {
		if got := prom.one(`ALERTS{alertname="FencepostPartitionParked"}`); got != "1" {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})

	broker.Freeze()
	eventually(t, "lag is absent while no broker answers", func() error {
		var there []string
		for _, name := range []string{"fencepost_lag_records", "fencepost_lag_seconds", "fencepost_partition_lag_records", "fencepost_partition_high_watermark", "fencepost_partition_last_stable_offset"} {
			if len(prom.values(name)) > 0 {
				there = append(there, name)
			}
		}
		if silent := prom.one(`fencepost_brokers_silent{job="fencepost"}`); silent != "1" || len(there) > 0 {
			return fmt.Errorf("silent: %s, and there is %v", silent, there)
		}
		return nil
	})
	if got := prom.values("fencepost_partition_offset" + of); len(got) < 3 {
		t.Errorf("positions are the ledger's, and known: got %v", got)
	}
	broker.Thaw()
	eventually(t, "lag is there again", func() error {
		if got := prom.one(`fencepost_lag_records{job="fencepost"}`); got != "3" {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})

	worker.signal(syscall.SIGTERM)
	<-worker.done
	secret, err := os.ReadFile(token)
	must(t, err)
	if strings.Contains(worker.log.String(), strings.TrimSpace(string(secret))) {
		t.Errorf("the token is in the log:\n%s", worker.log)
	}
	eventually(t, "nothing is left of a worker that has ended", func() error {
		if up, left := prom.one(`up{job="fencepost"}`), prom.values(`{__name__=~"fencepost_.*"}`); up != "0" || len(left) > 0 {
			return fmt.Errorf("up: %s, and there is %v", up, left)
		}
		return nil
	})
}

// shownPositions is what offsets show -o json says, as the metrics would. :: metric -> partition -> value
func shownPositions(t *testing.T, binary, file string) (map[string]map[string]string, error) {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), binary, "offsets", "show", file, "--all", "-o", "json").Output()
	if exit, is := errors.AsType[*exec.ExitError](err); is && exit.ExitCode() == 3 {
		err = nil // there are findings: a partition is parked
	}
	if err != nil {
		return nil, fmt.Errorf("offsets show: %w: %s", err, text)
	}
	var shown struct {
		Positions []struct {
			Partition int
			Position  *struct{ Offset *int64 }
			Bounds    *struct{ Stable, End *int64 }
			Lag       *int64
		}
	}
	must(t, json.Unmarshal(text, &shown))
	said := map[string]map[string]string{}
	for _, name := range []string{"offset", "last_stable_offset", "high_watermark", "lag_records"} {
		said["fencepost_partition_"+name] = map[string]string{}
	}
	for _, p := range shown.Positions {
		put := func(name string, v *int64) {
			if v != nil {
				said["fencepost_partition_"+name][strconv.Itoa(p.Partition)] = strconv.FormatInt(*v, 10)
			}
		}
		if p.Position != nil {
			put("offset", p.Position.Offset)
		}
		if p.Bounds != nil {
			put("last_stable_offset", p.Bounds.Stable)
			put("high_watermark", p.Bounds.End)
		}
		put("lag_records", p.Lag)
	}
	return said, nil
}

// signedFor makes a certificate for a host, which signs itself, its key, and a file with a token.
func signedFor(t *testing.T, host string) (cert, key, token string) {
	t.Helper()
	dir := t.TempDir()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true}
	signed, err := x509.CreateCertificate(rand.Reader, &c, &c, &private.PublicKey, private)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, text, 0o600))
		return path
	}
	return file("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})),
		file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), file("token", []byte(rand.Text()+"\n"))
}

// promtoolChecks has promtool read a page.
func promtoolChecks(t *testing.T, page, ca, token string) {
	t.Helper()
	trusted, err := os.ReadFile(ca)
	must(t, err)
	secret, err := os.ReadFile(token)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	must(t, err)
	in.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(secret)))
	answer, err := client.Do(in)
	must(t, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", page, answer.Status)
	}
	cmd := servers.Promtool(t, "check", "metrics")
	cmd.Stdin = answer.Body
	if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics < %s: %v\n%s", page, err, out)
	}
}

// prometheus is a real server that is asked.
type prometheus struct {
	t   *testing.T
	url string
}

// series is one of an answer.
type series struct {
	Metric map[string]string
	Value  [2]any
}

// ask evaluates an expression now.
func (p prometheus) ask(expr string) ([]series, error) {
	answer, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	var said struct {
		Status, Error string
		Data          struct{ Result []series }
	}
	if err := json.Unmarshal(text, &said); err != nil || said.Status != "success" {
		return nil, fmt.Errorf("%s: %w: %s", expr, err, text)
	}
	return said.Data.Result, nil
}

// values are those of an expression, :: partition -> value
func (p prometheus) values(expr string) map[string]string {
	p.t.Helper()
	all, err := p.ask(expr)
	must(p.t, err)
	values := map[string]string{}
	for _, one := range all {
		values[one.Metric["partition"]] = fmt.Sprint(one.Value[1])
	}
	return values
}

// one is the value of an expression that has one; empty: it has none.
func (p prometheus) one(expr string) string {
	p.t.Helper()
	all, err := p.ask(expr)
	must(p.t, err)
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprint(all[0].Value[1])
}

var grafanaExpr = regexp.MustCompile(`(?m)^\s*"expr": ("(?:[^"\\]|\\.)*")`)

// takesDashboard evaluates every expression of the dashboard, as Grafana would with nothing chosen.
func (p prometheus) takesDashboard() {
	p.t.Helper()
	board, err := os.ReadFile("../../deploy/grafana/fencepost.json")
	must(p.t, err)
	answered, all := 0, grafanaExpr.FindAllSubmatch(board, -1)
	for _, m := range all {
		var expr string
		must(p.t, json.Unmarshal(m[1], &expr))
		got, err := p.ask(strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$group", ".*").Replace(expr))
		if err != nil {
			p.t.Errorf("the dashboard: %v", err)
		}
		if len(got) > 0 {
			answered++
		}
	}
	// Nothing was lost, moved or retried here.
	if len(all) < 25 || answered < 15 {
		p.t.Errorf("of %d expressions of the dashboard %d have a value, want at least 15 of 25", len(all), answered)
	}
}
