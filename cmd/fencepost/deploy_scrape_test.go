package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// The kinds of objects in deploy/kubernetes/metrics, with the fields that they use.
type (
	volumeMount struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	}
	secretVolume struct {
		Name   string `yaml:"name"`
		Secret struct {
			SecretName string `yaml:"secretName"`
		} `yaml:"secret"`
	}
	scrapedSet struct {
		Object `yaml:",inline"`
		Spec   struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Name  string   `yaml:"name"`
						Args  []string `yaml:"args"`
						Ports []struct {
							Name          string `yaml:"name"`
							ContainerPort int    `yaml:"containerPort"`
						} `yaml:"ports"`
						VolumeMounts []volumeMount `yaml:"volumeMounts"`
					} `yaml:"containers"`
					Volumes []secretVolume `yaml:"volumes"`
				} `yaml:"spec"`
			} `yaml:"template"`
		} `yaml:"spec"`
	}
	secretKey struct {
		Name string `yaml:"name"`
		Key  string `yaml:"key"`
	}
	podMonitor struct {
		Object `yaml:",inline"`
		Spec   struct {
			JobLabel            string   `yaml:"jobLabel"`
			Selector            selector `yaml:"selector"`
			PodMetricsEndpoints []struct {
				Port, Path, Scheme string
				Authorization      struct {
					Credentials secretKey `yaml:"credentials"`
				} `yaml:"authorization"`
				TLSConfig struct {
					ServerName string `yaml:"serverName"`
					CA         struct {
						Secret secretKey `yaml:"secret"`
					} `yaml:"ca"`
				} `yaml:"tlsConfig"`
			} `yaml:"podMetricsEndpoints"`
		} `yaml:"spec"`
	}
)

// TestKubernetesMetrics: what the patch adds to the StatefulSet is a run that this program would begin, its files are of secrets that are mounted,
// and the monitor asks where it answers, with the token of the same secret.
func TestKubernetesMetrics(t *testing.T) {
	m := readManifests(t)
	strict := func(text string, into any) {
		t.Helper()
		if err := yaml.UnmarshalWithOptions([]byte(text), into, yaml.Strict()); err != nil {
			t.Fatal(err)
		}
	}
	var set scrapedSet
	strict(deployed(t, "kubernetes/metrics/statefulset.yaml"), &set)
	token, monitor, _ := strings.Cut(deployed(t, "kubernetes/metrics/podmonitor.yaml"), "\n---\n")
	var holds secret
	var by podMonitor
	strict(token, &holds)
	strict(monitor, &by)

	c := set.Spec.Template.Spec.Containers[0]
	if set.Kind != m.set.Kind || set.Metadata.Name != m.set.Metadata.Name || c.Name != m.set.Spec.Template.Spec.Containers[0].Name {
		t.Errorf("it patches %s %s, container %s, which is not there", set.Kind, set.Metadata.Name, c.Name)
	}
	file, flag := wantRun(t, c.Args)
	if was, base := wantRun(t, m.set.Spec.Template.Spec.Containers[0].Args); file != was || flag("probes") != base("probes") {
		t.Errorf("it runs %s with probes at %s, and the StatefulSet %s with %s", file, flag("probes"), was, base("probes"))
	}
	at, err := httpPlace(runFlags{http: flag("http"), tls: flag("http-tls"), tokens: flag("http-token-file")})
	if err != nil || !strings.HasPrefix(at.address, "0.0.0.0:") {
		t.Fatalf("it listens at %q: %v", at.address, err)
	}
	end := by.Spec.PodMetricsEndpoints[0]
	if p := c.Ports[0]; p.Name != end.Port || fmt.Sprintf("0.0.0.0:%d", p.ContainerPort) != at.address || end.Scheme != "https" || end.Path != "/metrics" {
		t.Errorf("the monitor asks %s %s of port %s, and the worker answers at %s (%s)", end.Scheme, end.Path, end.Port, at.address, p.Name)
	}
	// :: folder -> secret
	mounted := map[string]string{}
	for _, mount := range c.VolumeMounts {
		for _, v := range set.Spec.Template.Spec.Volumes {
			if v.Name == mount.Name {
				mounted[mount.MountPath] = v.Secret.SecretName
			}
		}
	}
	if name := mounted[path.Dir(flag("http-token-file"))]; name != holds.Metadata.Name || name != end.Authorization.Credentials.Name || holds.StringData[path.Base(flag("http-token-file"))] == "" ||
		path.Base(flag("http-token-file")) != end.Authorization.Credentials.Key {
		t.Errorf("the token of %s is not the monitor's: %+v", name, end.Authorization)
	}
	if name := mounted[path.Dir(at.cert)]; path.Dir(at.cert) != path.Dir(at.key) || name == "" || name != end.TLSConfig.CA.Secret.Name {
		t.Errorf("the certificate of %s is not the one that the monitor trusts: %+v", name, end.TLSConfig)
	}
	labels := m.set.Spec.Template.Metadata.Labels
	if fmt.Sprint(by.Spec.Selector.MatchLabels) != fmt.Sprint(labels) || labels[by.Spec.JobLabel] != "fencepost" {
		t.Errorf("the monitor selects %v by job %s, and the pods are %v", by.Spec.Selector.MatchLabels, by.Spec.JobLabel, labels)
	}
	if !slices.ContainsFunc(alertRules(t), func(r alertRule) bool { return strings.Contains(r.Expr, `job=~".*fencepost.*"`) }) {
		t.Error("the alert rules no longer want a job of that name")
	}
}
