package servers

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The files that make a server: Maven projects, a log configuration and a
// broker configuration.
//
//go:embed files
var embedded embed.FS

// errNotInstalled is returned by [openKit] when a server cannot be started
// because its files were never fetched.
var errNotInstalled = errors.New("not installed: run `make servers`")

// kit is the git-ignored folder of server files at the root of the repository.
//
//	.servers/
//	  lock                one installer at a time
//	  kafka/libs/         jars, by Maven
//	  kafka/format/       bootstrap.checkpoint of a formatted broker
//	  kafka/k.jsa         archive of loaded classes: a start in half the time
//	  zookeeper/libs/     jars, by Maven
//	  connect/libs/       jars of Kafka Connect, Debezium's connectors and Apicurio's converter, by Maven
//	  tls/                an authority and a client's certificate
//	  postgres/           a data directory as initdb left it
//	  mariadb/            one as mariadb-install-db left it
//	  kafka24/libs/       jars of Kafka 2.4.1 and of a ZooKeeper, by Maven
//	  registry/           Apicurio, by Maven
//	  serializers/        what producers serialize with: of PyPI, npm and Maven
//	  prometheus/         Prometheus and promtool, out of Debian's package
//	  axe/                axe-core, of npm, which finds what is hard to use in a page
//	  STEP.done           digest of the recipe that made each of these
type kit struct {
	dir string
}

// findKit names the folder, which need not exist yet.
func findKit() (kit, error) {
	dir, err := os.Getwd()
	if err != nil {
		return kit{}, fmt.Errorf("find the repository: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return kit{dir: linked(filepath.Join(at, ".servers"))}, nil
		}
		if at == filepath.Dir(at) {
			return kit{}, fmt.Errorf("find the repository: no go.mod above %s", dir)
		}
	}
}

// linked is the folder that a link leads to: the class archive is good for the paths that it was made with, and another working
// tree of the repository may link the kit of the first.
func linked(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// openKit returns the folder with everything in it, or an error that wraps
// [errNotInstalled] and names what is missing.
func openKit() (kit, error) {
	k, err := findKit()
	if err != nil {
		return kit{}, err
	}
	if missing := missingPackages(); len(missing) > 0 {
		return kit{}, fmt.Errorf("%s: %w", strings.Join(missing, ", "), errNotInstalled)
	}
	steps, err := k.steps()
	if err != nil {
		return kit{}, err
	}
	for _, s := range steps {
		if !k.done(s) {
			return kit{}, fmt.Errorf("%s: %w", s.name, errNotInstalled)
		}
	}
	return k, nil
}

// path is a file of the kit.
func (k kit) path(elem ...string) string {
	return filepath.Join(append([]string{k.dir}, elem...)...)
}

// classPath lists Kafka's jars in one fixed order, since the class archive is
// only good for the class path it was made with.
func (k kit) classPath() (string, error) { return k.jars("kafka") }

// jars is the class path of a server that Maven brought.
func (k kit) jars(server string) (string, error) {
	jars, err := filepath.Glob(k.path(server, "libs", "*.jar"))
	if err != nil {
		return "", fmt.Errorf("list jars: %w", err)
	}
	if len(jars) == 0 {
		return "", fmt.Errorf("list jars: none in %s: %w", k.path(server, "libs"), errNotInstalled)
	}
	slices.Sort(jars)
	return strings.Join(jars, ":"), nil
}

// postgresBinaries is the folder of the newest Postgres server of this machine,
// or "". Debian keeps server programs out of PATH, a folder for each version.
func postgresBinaries() string {
	best, newest := "", 0
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	for _, file := range found {
		dir := filepath.Dir(file)
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err == nil && version > newest {
			best, newest = dir, version
		}
	}
	if best != "" {
		return best
	}
	if file, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(file)
	}
	return ""
}
