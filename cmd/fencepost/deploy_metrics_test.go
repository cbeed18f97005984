package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// alertRule is one rule of deploy/prometheus/rules.yaml, with the fields that rules may have there.
type alertRule struct {
	Alert  string `yaml:"alert"`
	Expr   string `yaml:"expr"`
	For    string `yaml:"for"`
	Labels struct {
		Severity string `yaml:"severity"`
	} `yaml:"labels"`
	Annotations struct {
		Summary     string `yaml:"summary"`
		Description string `yaml:"description"`
		Command     string `yaml:"command"`
	} `yaml:"annotations"`
}

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string      `yaml:"name"`
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions([]byte(deployed(t, "prometheus/rules.yaml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return file.Groups[0].Rules
}

// TestAlertRules: each rule says what is so, what it means and which command shows more, which this program understands; it names what the
// program shows; and its test has a time at which it fires and one at which it does not. internal/scenarios runs those tests.
func TestAlertRules(t *testing.T) {
	var tests struct {
		Tests []struct {
			Rules []struct {
				Alert string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "prometheus/rules_test.yaml")), &tests); err != nil {
		t.Fatal(err)
	}
	tested := map[string]map[bool]bool{} // :: alert -> whether it fires -> a test has that
	for _, test := range tests.Tests {
		for _, r := range test.Rules {
			if tested[r.Alert] == nil {
				tested[r.Alert] = map[bool]bool{}
			}
			tested[r.Alert][len(r.Fires) > 0] = true
		}
	}
	shown := shownMetrics(t)
	a := &app{program: "fencepost"}
	for _, r := range alertRules(t) {
		if r.Annotations.Summary == "" || r.Annotations.Description == "" || !slices.Contains([]string{"critical", "warning"}, r.Labels.Severity) {
			t.Errorf("%s has no sentence, or no severity", r.Alert)
		}
		words := strings.Fields(r.Annotations.Command)
		cmd, rest, err := a.root().Find(words[1:])
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil || words[0] != "fencepost" || fmt.Sprint(cmd.Flags().Args()) != "[FILE]" {
			t.Errorf("%s: %q cannot be typed: %v", r.Alert, r.Annotations.Command, err)
		}
		if !tested[r.Alert][true] || !tested[r.Alert][false] {
			t.Errorf("%s: no test has it fire, or no test has it quiet", r.Alert)
		}
		delete(tested, r.Alert)
		for _, fault := range shown.faults(r.Expr) {
			t.Errorf("%s: %s", r.Alert, fault)
		}
	}
	for alert := range tested {
		t.Errorf("%s is tested, and is no rule", alert)
	}
	page, err := os.ReadFile("../../docs/guides/production.md")
	if err != nil {
		t.Fatal(err)
	}
	var told, are []string
	for _, m := range regexp.MustCompile("`(Fencepost[A-Z]\\w+)`").FindAllStringSubmatch(string(page), -1) {
		told = append(told, m[1])
	}
	for _, r := range alertRules(t) {
		are = append(are, r.Alert)
	}
	slices.Sort(told)
	slices.Sort(are)
	if !slices.Equal(told, are) {
		t.Errorf("docs/guides/production.md tells of %v, and the rules are %v", told, are)
	}
}

// TestDashboard: what the dashboard for Grafana asks for is what the program shows, and no panel lies on another.
func TestDashboard(t *testing.T) {
	type target struct {
		Expr string `json:"expr"`
	}
	var board struct {
		Panels []struct {
			Title   string   `json:"title"`
			Type    string   `json:"type"`
			Targets []target `json:"targets"`
			GridPos struct{ X, Y, W, H int }
		} `json:"panels"`
		Annotations struct {
			List []target `json:"list"`
		} `json:"annotations"`
		Templating struct {
			List []struct {
				Name       string `json:"name"`
				Definition string `json:"definition"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal([]byte(deployed(t, "grafana/fencepost.json")), &board); err != nil {
		t.Fatal(err)
	}
	shown, asked, taken := shownMetrics(t), "", map[[2]int]string{}
	check := func(where string, targets []target) {
		for _, one := range targets {
			asked += one.Expr + "\n"
			for _, fault := range shown.faults(one.Expr) {
				t.Errorf("%s: %s", where, fault)
			}
		}
	}
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		check(p.Title, p.Targets)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" || at[0] >= 24 {
					t.Errorf("%s lies on %s, or beyond the edge", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
	}
	check("annotations", board.Annotations.List)
	for _, v := range board.Templating.List {
		check(v.Name, []target{{v.Definition}})
	}
	for _, name := range []string{"fencepost_lag_records", "fencepost_lag_seconds", "fencepost_records_total", "fencepost_commit_duration_seconds", "fencepost_partitions",
		"fencepost_moves_total", "fencepost_lost_records_total", "fencepost_dead_letters_total", "fencepost_rebalances_total", "fencepost_takeover_seconds"} {
		if !strings.Contains(asked, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// metricNames are the names and labels that docs/reference/metrics.md has, which TestReference holds to the code; and those of Prometheus itself.
type metricNames struct{ names, labels map[string]bool }

var (
	metricRow  = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|([^|]*)\\|")
	quoted     = regexp.MustCompile("`([a-z_]+)`")
	inQuotes   = regexp.MustCompile(`"[^"]*"`)
	identifier = regexp.MustCompile(`\b(?:fencepost|kafka|go|process|promhttp)_\w+`)
	grouping   = regexp.MustCompile(`\b(?:by|on|without|ignoring|group_left|group_right) \(([^)]*)\)|\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`[a-z_]+`)
)

func shownMetrics(t *testing.T) metricNames {
	t.Helper()
	shown := metricNames{map[string]bool{"process_start_time_seconds": true, "process_resident_memory_bytes": true, "fencepost_build_info": true},
		map[string]bool{"job": true, "instance": true, "le": true}}
	for _, row := range metricRow.FindAllStringSubmatch(metricsPage(t), -1) {
		for _, part := range []string{"", "_bucket", "_count", "_sum"} {
			shown.names[row[1]+part] = part == "" || strings.HasSuffix(row[1], "seconds") || strings.HasSuffix(row[1], "rows")
		}
		for _, label := range quoted.FindAllStringSubmatch(row[2], -1) {
			shown.labels[label[1]] = true
		}
	}
	return shown
}

// faults are the names and labels of an expression that nothing shows.
func (s metricNames) faults(expr string) (faults []string) {
	for _, name := range identifier.FindAllString(expr, -1) {
		if !s.names[name] {
			faults = append(faults, fmt.Sprintf("nothing shows %s", name))
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
		for _, label := range labelName.FindAllString(inQuotes.ReplaceAllString(m[1]+m[2], ""), -1) {
			if !s.labels[label] {
				faults = append(faults, fmt.Sprintf("no metric has the label %s", label))
			}
		}
	}
	return faults
}
