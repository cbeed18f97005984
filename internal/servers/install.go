package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// step makes one folder or file of the kit.
type step struct {
	name   string
	result string // the file or folder it makes
	recipe string // what the result depends on; a change makes it again
	make   func(ctx context.Context) error
	tell   func() string // lines about what was made; nil: none
}

// Install fetches and prepares whatever is missing and prints that on w, a line a
// step. Where nothing is missing it writes nothing and changes nothing: no
// package manager runs on a machine that has the programs. Several installers
// of one repository wait for each other.
func Install(ctx context.Context, w io.Writer) error {
	k, err := findKit()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.dir, 0o755); err != nil {
		return fmt.Errorf("install servers: %w", err)
	}
	lock, err := os.OpenFile(k.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("install servers: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}

	if err := installPackages(ctx, w); err != nil {
		return err
	}
	steps, err := k.steps()
	if err != nil {
		return err
	}
	for _, s := range steps {
		if k.done(s) {
			continue
		}
		fmt.Fprintf(w, "servers: making %s\n", s.name)
		if err := s.make(ctx); err != nil {
			return fmt.Errorf("make %s: %w", s.name, err)
		}
		if err := os.WriteFile(k.mark(s), []byte(s.digest()), 0o644); err != nil {
			return fmt.Errorf("mark %s as made: %w", s.name, err)
		}
		if s.tell != nil {
			fmt.Fprint(w, s.tell())
		}
	}
	return nil
}

// steps lists the kit's parts, each after those it needs.
func (k kit) steps() ([]step, error) {
	pom, err := embedded.ReadFile("files/pom.xml")
	if err != nil {
		return nil, fmt.Errorf("read pom: %w", err)
	}
	pom24, err := embedded.ReadFile("files/pom-kafka-2.4.xml")
	if err != nil {
		return nil, fmt.Errorf("read pom: %w", err)
	}
	properties, err := embedded.ReadFile("files/server.properties")
	if err != nil {
		return nil, fmt.Errorf("read broker configuration: %w", err)
	}
	zooKeeper, err := embedded.ReadFile(zooKeeperPom)
	if err != nil {
		return nil, fmt.Errorf("read pom: %w", err)
	}
	connect, err := embedded.ReadFile(connectPom)
	if err != nil {
		return nil, fmt.Errorf("read pom: %w", err)
	}
	serializers, err := serializerRecipe()
	if err != nil {
		return nil, err
	}
	java, err := exec.LookPath("java")
	if err == nil {
		java, err = filepath.EvalSymlinks(java)
	}
	if err != nil {
		return nil, fmt.Errorf("find java: %w", err)
	}
	jars := string(pom)
	format := jars + string(properties)
	return []step{
		{"tls", k.path("tls"), "1", k.makeTLS, nil},
		{"kafka-jars", k.path("kafka", "libs"), jars, k.fetchJars, nil},
		{"kafka-format", k.path("kafka", "format"), format, k.formatKafka, nil},
		// The archive is ignored without an error when the class path, the
		// jars or the virtual machine are not those it was made with.
		{"kafka-archive", k.path("kafka", "k.jsa"), strings.Join([]string{format, k.dir, java}, "\n"), k.archiveKafka, nil},
		{"postgres", k.path("postgres"), postgresBinaries(), k.initPostgres, nil},
		{"mariadb", k.path("mariadb"), mariaDBServer(), k.initMariaDB, nil},
		{"zookeeper-jars", k.path("zookeeper", "libs"), string(zooKeeper), k.fetchZooKeeper, nil},
		{"connect-jars", k.path("connect", "libs"), string(connect), k.fetchConnect, nil},
		{"kafka-2.4-jars", k.path("kafka24", "libs"), string(pom24), k.fetchJars24, nil},
		{"registry", k.path("registry"), registryVersion, k.fetchRegistry, nil},
		{"serializers", k.path("serializers", "classes"), serializers, k.fetchSerializers, nil},
		{"prometheus", k.path("prometheus", "usr", "bin", "prometheus"), "1", k.fetchPrometheus, k.tellPrometheus},
		{"axe", k.path("axe", "axe.min.js"), axePackage + axeDigest, k.fetchAxe, nil},
		{"newer", k.path("newer"), newerRecipe(), k.fetchNewer, k.tellNewer},
	}, nil
}

func (k kit) mark(s step) string { return k.path(s.name + ".done") }

func (k kit) done(s step) bool {
	made, err := os.ReadFile(k.mark(s))
	if err != nil || string(made) != s.digest() {
		return false
	}
	_, err = os.Stat(s.result)
	return err == nil
}

func (s step) digest() string {
	sum := sha256.Sum256([]byte(s.recipe))
	return hex.EncodeToString(sum[:])
}

// fetchJars lets Maven copy Kafka and what it needs.
func (k kit) fetchJars(ctx context.Context) error {
	pom, err := embedded.ReadFile("files/pom.xml")
	if err != nil {
		return err
	}
	// An archive is good for the jars it was made with, to the second of their making.
	if err := os.RemoveAll(k.path("kafka", "k.jsa")); err != nil {
		return err
	}
	return copyJars(ctx, k.path("kafka"), pom)
}

// copyJars lets Maven copy what a project depends on into dir/libs.
func copyJars(ctx context.Context, dir string, pom []byte) error {
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "libs")), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs")
	mvn.Dir = dir
	return runQuietly(mvn)
}

// runQuietly runs a command and puts what it printed into the error.
func runQuietly(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}
