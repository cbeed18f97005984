package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline"
)

// deployed reads a file of deploy.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantRun checks that words are those of a run that this program understands, and returns its flags.
func wantRun(t *testing.T, words []string) (file string, flag func(name string) string) {
	t.Helper()
	a := &app{program: "fencepost"}
	cmd, rest, err := a.root().Find(words)
	if err != nil || cmd.Name() != "run" {
		t.Fatalf("%q: not a run: %v", words, err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	if cmd.Flags().NArg() != 1 {
		t.Fatalf("%q: %q is not one file", words, cmd.Flags().Args())
	}
	return cmd.Flags().Arg(0), func(name string) string { return cmd.Flags().Lookup(name).Value.String() }
}

// The kinds of objects in deploy/kubernetes, with the fields that they use: one that is not here is a typing error, or a field to add.
type (
	meta struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	}
	selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	Object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Metadata   meta   `yaml:"metadata"`
	}
	configMap struct {
		Object `yaml:",inline"`
		Data   map[string]string `yaml:"data"`
	}
	secret struct {
		Object     `yaml:",inline"`
		Type       string            `yaml:"type"`
		StringData map[string]string `yaml:"stringData"`
	}
	service struct {
		Object `yaml:",inline"`
		Spec   struct {
			ClusterIP string            `yaml:"clusterIP"`
			Selector  map[string]string `yaml:"selector"`
			Ports     []struct {
				Name       string `yaml:"name"`
				Port       int    `yaml:"port"`
				TargetPort string `yaml:"targetPort"`
			} `yaml:"ports"`
		} `yaml:"spec"`
	}
	disruptionBudget struct {
		Object `yaml:",inline"`
		Spec   struct {
			MaxUnavailable             int      `yaml:"maxUnavailable"`
			UnhealthyPodEvictionPolicy string   `yaml:"unhealthyPodEvictionPolicy"`
			Selector                   selector `yaml:"selector"`
		} `yaml:"spec"`
	}
	probe struct {
		HTTPGet struct {
			Path string `yaml:"path"`
			Port string `yaml:"port"`
		} `yaml:"httpGet"`
		PeriodSeconds    int `yaml:"periodSeconds"`
		TimeoutSeconds   int `yaml:"timeoutSeconds"`
		FailureThreshold int `yaml:"failureThreshold"`
	}
	container struct {
		Name  string   `yaml:"name"`
		Image string   `yaml:"image"`
		Args  []string `yaml:"args"`
		Env   []struct {
			Name      string `yaml:"name"`
			ValueFrom struct {
				FieldRef struct {
					FieldPath string `yaml:"fieldPath"`
				} `yaml:"fieldRef"`
			} `yaml:"valueFrom"`
		} `yaml:"env"`
		EnvFrom []struct {
			SecretRef meta `yaml:"secretRef"`
		} `yaml:"envFrom"`
		Ports []struct {
			Name          string `yaml:"name"`
			ContainerPort int    `yaml:"containerPort"`
		} `yaml:"ports"`
		LivenessProbe   probe `yaml:"livenessProbe"`
		ReadinessProbe  probe `yaml:"readinessProbe"`
		Resources       struct{ Requests, Limits map[string]string }
		SecurityContext struct {
			AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct {
				Drop []string `yaml:"drop"`
			} `yaml:"capabilities"`
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string `yaml:"name"`
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	statefulSet struct {
		Object `yaml:",inline"`
		Spec   struct {
			ServiceName         string   `yaml:"serviceName"`
			Replicas            int      `yaml:"replicas"`
			PodManagementPolicy string   `yaml:"podManagementPolicy"`
			MinReadySeconds     int      `yaml:"minReadySeconds"`
			Selector            selector `yaml:"selector"`
			Template            struct {
				Metadata meta `yaml:"metadata"`
				Spec     struct {
					AutomountServiceAccountToken  bool `yaml:"automountServiceAccountToken"`
					TerminationGracePeriodSeconds int  `yaml:"terminationGracePeriodSeconds"`
					SecurityContext               struct {
						RunAsNonRoot   bool `yaml:"runAsNonRoot"`
						RunAsUser      int  `yaml:"runAsUser"`
						RunAsGroup     int  `yaml:"runAsGroup"`
						SeccompProfile struct {
							Type string `yaml:"type"`
						} `yaml:"seccompProfile"`
					} `yaml:"securityContext"`
					Containers []container `yaml:"containers"`
					Volumes    []struct {
						Name      string `yaml:"name"`
						ConfigMap meta   `yaml:"configMap"`
					} `yaml:"volumes"`
				} `yaml:"spec"`
			} `yaml:"template"`
		} `yaml:"spec"`
	}
	scaledObject struct {
		Object `yaml:",inline"`
		Spec   struct {
			ScaleTargetRef struct {
				APIVersion string `yaml:"apiVersion"`
				Kind       string `yaml:"kind"`
				Name       string `yaml:"name"`
			} `yaml:"scaleTargetRef"`
			MinReplicaCount int `yaml:"minReplicaCount"`
			MaxReplicaCount int `yaml:"maxReplicaCount"`
			CooldownPeriod  int `yaml:"cooldownPeriod"`
			Advanced        struct {
				HorizontalPodAutoscalerConfig struct {
					Behavior struct {
						ScaleDown struct {
							StabilizationWindowSeconds int `yaml:"stabilizationWindowSeconds"`
						} `yaml:"scaleDown"`
					} `yaml:"behavior"`
				} `yaml:"horizontalPodAutoscalerConfig"`
			} `yaml:"advanced"`
			Triggers []struct {
				Type     string            `yaml:"type"`
				Metadata map[string]string `yaml:"metadata"`
			} `yaml:"triggers"`
		} `yaml:"spec"`
	}
)

// manifests are the objects of deploy/kubernetes.
type manifests struct {
	config  configMap
	secret  secret
	set     statefulSet
	service service
	budget  disruptionBudget
	scaled  scaledObject
}

// readManifests reads every document of every file, each field of which has to be known.
func readManifests(t *testing.T) (m manifests) {
	t.Helper()
	into := map[string]any{"v1/ConfigMap": &m.config, "v1/Secret": &m.secret, "apps/v1/StatefulSet": &m.set, "v1/Service": &m.service,
		"policy/v1/PodDisruptionBudget": &m.budget, "keda.sh/v1alpha1/ScaledObject": &m.scaled}
	files, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		for document := range strings.SplitSeq(deployed(t, filepath.Join("kubernetes", filepath.Base(file))), "\n---\n") {
			var is Object
			if err := yaml.Unmarshal([]byte(document), &is); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			kind := is.APIVersion + "/" + is.Kind
			if into[kind] == nil {
				t.Fatalf("%s: %s is here twice, or is of no kind that is known", file, kind)
			}
			if err := yaml.UnmarshalWithOptions([]byte(document), into[kind], yaml.Strict()); err != nil {
				t.Fatalf("%s: %s: %v", file, kind, err)
			}
			delete(into, kind)
		}
	}
	if len(into) > 0 {
		t.Errorf("there is none of %v", into)
	}
	return m
}

var reference = regexp.MustCompile(`\$\{(\w+)\}`)

// TestKubernetesManifests: each field, flag, port, path and name that the manifests use is there, and what belongs together agrees.
func TestKubernetesManifests(t *testing.T) {
	m := readManifests(t)
	spec := m.set.Spec.Template.Spec
	c := spec.Containers[0]
	file, flag := wantRun(t, c.Args)
	if spec.Volumes[0].ConfigMap.Name != m.config.Metadata.Name || filepath.Dir(file) != c.VolumeMounts[0].MountPath || c.VolumeMounts[0].Name != spec.Volumes[0].Name {
		t.Errorf("%s is not where the ConfigMap is mounted", file)
	}
	names := map[string]bool{}
	for _, e := range c.Env {
		names[e.Name] = true
	}
	for name := range m.secret.StringData {
		names[name] = c.EnvFrom[0].SecretRef.Name == m.secret.Metadata.Name
	}
	text := m.config.Data[filepath.Base(file)]
	for _, used := range reference.FindAllStringSubmatch(text, -1) {
		if !names[used[1]] {
			t.Errorf("the pipeline uses %s, which the pod has not", used[0])
		}
		delete(names, used[1])
	}
	if len(names) > 0 {
		t.Errorf("the pod has %v, which the pipeline does not use", names)
	}
	env := pipeline.Process()
	env.Lookup = func(name string) (string, bool) {
		if name == "POD_NAME" {
			return "flights-0", true
		}
		v, ok := m.secret.StringData[name]
		return v, ok
	}
	f, err := pipeline.Parse("flights.yaml", []byte(text), env)
	if err != nil {
		t.Fatalf("the pipeline of the ConfigMap: %v", err)
	}
	if f.Source.InstanceID != "flights-0" {
		t.Errorf("instance_id is %q, want the pod's name", f.Source.InstanceID)
	}
	if grace := time.Duration(spec.TerminationGracePeriodSeconds) * time.Second; grace < f.Drain+2*time.Second {
		t.Errorf("a pod is killed after %s, and a stop may take %s and 2s", grace, f.Drain)
	}
	wantProbes(t, m, flag("probes"))
	if on := m.scaled.Spec.Triggers[0].Metadata; on["consumerGroup"] != string(f.Group) || on["topic"] != f.Topic() || !slices.Contains(f.Source.Brokers, on["bootstrapServers"]) {
		t.Errorf("replicas go by the lag of %v, which is not the pipeline", on)
	}
	labels := fmt.Sprint(m.set.Spec.Template.Metadata.Labels)
	for what, selects := range map[string]any{"StatefulSet": m.set.Spec.Selector.MatchLabels, "Service": m.service.Spec.Selector, "PodDisruptionBudget": m.budget.Spec.Selector.MatchLabels} {
		if fmt.Sprint(selects) != labels {
			t.Errorf("the %s selects %v, and the pods are %s", what, selects, labels)
		}
	}
	if ref := m.scaled.Spec.ScaleTargetRef; ref.Kind != m.set.Kind || ref.Name != m.set.Metadata.Name || m.set.Spec.ServiceName != m.service.Metadata.Name {
		t.Errorf("ScaledObject and StatefulSet name %v and %s, which are not here", ref, m.set.Spec.ServiceName)
	}
}

// wantProbes checks that probes ask where the worker answers.
func wantProbes(t *testing.T, m manifests, port string) {
	t.Helper()
	c := m.set.Spec.Template.Spec.Containers[0]
	ports := map[string]string{}
	for _, p := range c.Ports {
		ports[p.Name] = strconv.Itoa(p.ContainerPort)
	}
	for path, p := range map[string]probe{"/live": c.LivenessProbe, "/ready": c.ReadinessProbe} {
		if p.HTTPGet.Path != path || ports[p.HTTPGet.Port] != port {
			t.Errorf("a probe asks %s at port %s (%s), want %s at %s", p.HTTPGet.Path, p.HTTPGet.Port, ports[p.HTTPGet.Port], path, port)
		}
	}
	if p := m.service.Spec.Ports[0]; ports[p.TargetPort] != port || strconv.Itoa(p.Port) != port {
		t.Errorf("the service leads to port %v, want %s", p, port)
	}
}

// unit is a unit file. :: key -> its values
func unit(t *testing.T, text string) map[string][]string {
	t.Helper()
	keys := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Errorf("%q is no setting", line)
		}
		keys[key] = append(keys[key], value)
	}
	return keys
}

// TestSystemdUnit: the command is one that this program understands; what starting again does not mend ends by a status that prevents it;
// a stop has the time that it may take. Where systemd is there, it reads the unit.
func TestSystemdUnit(t *testing.T) {
	text := deployed(t, "systemd/fencepost@.service")
	keys := unit(t, text)
	words := strings.Fields(strings.ReplaceAll(keys["ExecStart"][0], " $FENCEPOST_ARGS", " --http 9464"))
	wantRun(t, words[1:])
	var lasting []string
	for _, name := range codes.Names() {
		c, _ := codes.Find(name)
		if exit := strconv.Itoa(c.Exit); c.Exit > 1 && !slices.Contains(lasting, exit) {
			lasting = append(lasting, exit)
		}
	}
	slices.Sort(lasting)
	if got := keys["RestartPreventExitStatus"][0]; got != strings.Join(lasting, " ") {
		t.Errorf("RestartPreventExitStatus=%s, want %v: 1 alone may be mended by itself", got, lasting)
	}
	if !strings.Contains(exitsPage(t), "RestartPreventExitStatus="+keys["RestartPreventExitStatus"][0]) {
		t.Error("the reference names other exit codes")
	}
	if d, err := time.ParseDuration(keys["TimeoutStopSec"][0]); err != nil || d < 32*time.Second {
		t.Errorf("TimeoutStopSec=%s, want at least drain and 2s: %v", d, err)
	}
	if keys["Type"][0] != "notify" || keys["WatchdogSec"] == nil {
		t.Error("the unit is not watched")
	}
	verify(t, strings.Replace(text, words[0], "/bin/true", 1))
}

// verify has systemd read a unit, where it is there.
func verify(t *testing.T, text string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here: systemd has not read the unit")
		return
	}
	path := filepath.Join(t.TempDir(), "fencepost@flights.service")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || bytes.Contains(out, []byte(filepath.Base(path))) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestContainerfile: the image is the static binary, and its user is not root.
func TestContainerfile(t *testing.T) {
	text := deployed(t, "container/Containerfile")
	build := regexp.MustCompile(`(?m)^RUN CGO_ENABLED=0 go build .*-o (/\S+) \./cmd/fencepost$`).FindStringSubmatch(text)
	_, last, _ := strings.Cut(text, "\nFROM scratch\n")
	if build == nil || !strings.Contains(last, "COPY --from=build "+build[1]+" "+build[1]+"\n") || !strings.Contains(last, `ENTRYPOINT ["`+build[1]+`"]`) {
		t.Errorf("the last stage does not run the static binary:\n%s", text)
	}
	if user := regexp.MustCompile(`(?m)^USER ([1-9]\d*):[1-9]\d*$`).FindString(last); user == "" {
		t.Error("the user is root, or has no number by which Kubernetes knows that it is not")
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if !strings.Contains(text, "golang:"+string(version[1])+" ") {
		t.Errorf("it is built by another Go than %s", version[1])
	}
}

// releaser is what .goreleaser.yaml may say.
type releaser struct {
	Version     int    `yaml:"version"`
	ProjectName string `yaml:"project_name"`
	Builds      []struct {
		Main         string   `yaml:"main"`
		Binary       string   `yaml:"binary"`
		Env          []string `yaml:"env"`
		Flags        []string `yaml:"flags"`
		ModTimestamp string   `yaml:"mod_timestamp"`
		Goos         []string `yaml:"goos"`
		Goarch       []string `yaml:"goarch"`
	} `yaml:"builds"`
	Archives []struct {
		Formats         []string `yaml:"formats"`
		FormatOverrides []struct {
			Goos    string   `yaml:"goos"`
			Formats []string `yaml:"formats"`
		} `yaml:"format_overrides"`
		Files []string `yaml:"files"`
	} `yaml:"archives"`
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
	} `yaml:"checksum"`
	Changelog struct {
		Disable bool `yaml:"disable"`
	} `yaml:"changelog"`
}

// TestReleasesAreBuilt: what goreleaser builds is what `make release-build` does, statically; and what the archives take is there.
func TestReleasesAreBuilt(t *testing.T) {
	text, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var r releaser
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	if err := d.Decode(&r); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	b := r.Builds[0]
	var targets []string
	for _, os := range b.Goos {
		for _, arch := range b.Goarch {
			targets = append(targets, os+"/"+arch)
		}
	}
	if b.Main != "./cmd/fencepost" || !slices.Contains(b.Env, "CGO_ENABLED=0") {
		t.Errorf("it builds %s with %v", b.Main, b.Env)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(makefile), "RELEASES = "+strings.Join(targets, " ")+"\n") {
		t.Errorf("make release-build builds others than %v", targets)
	}
	for _, file := range r.Archives[0].Files {
		if found, err := filepath.Glob(filepath.Join("../..", strings.ReplaceAll(file, "**", "*"))); err != nil || len(found) == 0 {
			t.Errorf("the archives take %s, which is not there: %v", file, err)
		}
	}
}
