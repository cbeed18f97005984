package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// EnvNewer lists servers that are newer than the machine's own, separated by commas: FENCEPOST_TEST_NEWER=mysql,postgres,valkey.
// Shared and own servers are then those: mysql or mariadb in the place of MariaDB, redis or valkey in that of Redis; postgres and
// pgbouncer in that of the machine's.
const EnvNewer = "FENCEPOST_TEST_NEWER"

// newer is a server of a newer suite of Debian, beside the machine's own: the packages and all that they need, down to the C
// library, are unpacked into a folder of the kit, and nothing is installed.
type newer struct {
	name    string
	pkg     string // of Debian
	version string // of the package that our tests have last passed with
	// programs are what is started, and parts what they read, in the root of the packages. Libraries are kept besides.
	programs, parts []string
}

// newerSuite is the suite of Debian that has the newest servers. It moves: what it has now is what the tests run on.
const newerSuite = "sid"

var newerServers = []newer{
	{"mysql", "mysql-server-core", "9.7.4-2", []string{"usr/sbin/mysqld"}, []string{"usr/share/mysql", "usr/lib/mysql"}},
	{"mariadb", "mariadb-server-core", "1:11.8.9+ds-4", []string{"usr/sbin/mariadbd"}, []string{"usr/share/mariadb"}},
	{"postgres", "postgresql-18", "18.6-3", []string{"usr/lib/postgresql/18/bin/postgres", "usr/lib/postgresql/18/bin/initdb", "usr/lib/postgresql/18/bin/pg_basebackup"},
		[]string{"usr/lib/postgresql/18/lib", "usr/share/postgresql", "usr/share/zoneinfo"}},
	{"redis", "redis-server", "5:8.0.6-3", []string{"usr/bin/redis-server"}, []string{"usr/bin/redis-check-rdb"}},
	{"valkey", "valkey-server", "9.1.2-1", []string{"usr/bin/valkey-server"}, []string{"usr/bin/valkey-check-rdb"}},
	{"pgbouncer", "pgbouncer", "1.26.1-1", []string{"usr/sbin/pgbouncer"}, nil},
}

// wanted is the first of these newer servers that [EnvNewer] lists.
func wanted(names ...string) (newer, bool) {
	list := strings.Split(os.Getenv(EnvNewer), ",")
	for _, n := range newerServers {
		if slices.Contains(names, n.name) && slices.Contains(list, n.name) {
			return n, true
		}
	}
	return newer{}, false
}

// root is the folder of a newer server's packages.
func (k kit) root(n newer) string { return k.path("newer", n.name, "root") }

// program is the path of a newer server's program.
func (k kit) program(n newer, i int) string { return filepath.Join(k.root(n), n.programs[i]) }

// newerRecipe is what the folder of the newer servers depends on.
func newerRecipe() string { return fmt.Sprintf("2 %s %q", newerSuite, newerServers) }

// fetchNewer unpacks the newer servers, side by side.
func (k kit) fetchNewer(ctx context.Context) error {
	if err := errors.Join(os.RemoveAll(k.path("newer")), os.MkdirAll(k.path("newer"), 0o755)); err != nil {
		return err
	}
	apt, err := k.newerLists(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(apt.dir)
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range newerServers {
		group.Go(func() error {
			err := k.unpack(ctx, apt, n)
			if err == nil {
				err = k.initNewer(ctx, n)
			}
			if err != nil {
				return fmt.Errorf("fetch %s: %w", n.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// data is the template of a newer server's data directory.
func (k kit) data(n newer) string { return k.path("newer", n.name, "data") }

// initNewer makes the template of a newer server that needs one.
func (k kit) initNewer(ctx context.Context, n newer) error {
	switch n.name {
	case "mysql":
		return k.initMySQL(ctx, n)
	case "mariadb":
		return k.initNewerMariaDB(ctx, n)
	case "postgres":
		return k.initPostgresOf(ctx, n, k.data(n))
	}
	return nil
}

// tellNewer says which packages the newer servers are.
func (k kit) tellNewer() string {
	var b strings.Builder
	for _, n := range newerServers {
		have := k.newerVersion(n)
		fmt.Fprintf(&b, "servers: %s %s of Debian %s", n.pkg, have, newerSuite)
		if have != n.version {
			fmt.Fprintf(&b, ", where the tests were last seen to pass with %s", n.version)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// newerVersion reads the version of a newer server's package from the list of its packages.
func (k kit) newerVersion(n newer) string {
	text, _ := os.ReadFile(k.path("newer", n.name, "packages"))
	for line := range strings.Lines(string(text)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == n.pkg {
			return version
		}
	}
	return "of an unknown version"
}

// apt is a configuration of apt-get beside the machine's own: other lists, no package installed.
type apt struct{ dir string }

// newerLists fetches the lists of the newer suite, from the mirror that the machine uses for its own.
func (k kit) newerLists(ctx context.Context) (apt, error) {
	a := apt{dir: k.path("newer", "apt")}
	mirror, err := debianMirror(ctx)
	if err != nil {
		return a, err
	}
	options := ""
	if key := firstFile("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg"); key != "" {
		options = "[signed-by=" + key + "] "
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(a.dir, "lists", "partial"), 0o755),
		os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644),
		os.WriteFile(filepath.Join(a.dir, "sources"), []byte("deb "+options+mirror+" "+newerSuite+" main\n"), 0o644)); err != nil {
		return a, err
	}
	return a, runQuietly(a.get(ctx, a.dir, "update"))
}

// debianMirror is where the machine takes the packages of Debian from.
func debianMirror(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("the newest MySQL, MariaDB, Postgres, PgBouncer, Redis and Valkey come from Debian, by apt-get, which does not answer here: %w", err)
	}
	for mirror := range strings.Lines(string(out)) {
		if mirror = strings.TrimSpace(mirror); strings.HasSuffix(strings.TrimSuffix(mirror, "/"), "/debian") {
			return mirror, nil
		}
	}
	return "", errors.New("the newest MySQL, MariaDB, Postgres, PgBouncer, Redis and Valkey come from Debian, and this machine's apt-get has no mirror of it: " +
		"add one to its sources (deb http://deb.debian.org/debian stable main)")
}

func firstFile(paths ...string) string {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// get is an apt-get of this configuration, with a cache of its own.
func (a apt) get(ctx context.Context, cache string, args ...string) *exec.Cmd {
	options := []string{"-qq", "-o", "Dir::Etc::sourcelist=" + filepath.Join(a.dir, "sources"), "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::State::Lists=" + filepath.Join(a.dir, "lists"), "-o", "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"-o", "Dir::Cache=" + cache, "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "-o", "Debug::NoLocking=1"}
	return exec.CommandContext(ctx, "apt-get", append(options, args...)...)
}

// unpack makes the folder of one newer server:
//
//	root/      its programs, their libraries and what they read
//	packages   the names and versions of the packages that they are from
func (k kit) unpack(ctx context.Context, a apt, n newer) error {
	dir := k.path("newer", n.name)
	cache, all := filepath.Join(dir, "cache"), filepath.Join(dir, "unpacked")
	if err := os.MkdirAll(filepath.Join(cache, "archives", "partial"), 0o755); err != nil {
		return err
	}
	if err := runQuietly(a.get(ctx, cache, "install", "-y", "--no-install-recommends", "--download-only", n.pkg)); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(cache, "archives", "*.deb"))
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, file := range files {
		if err := runQuietly(exec.CommandContext(ctx, "dpkg-deb", "-x", file, all)); err != nil {
			return err
		}
		about, err := exec.CommandContext(ctx, "dpkg-deb", "-W", "--showformat", "${Package} ${Version}\n", file).Output()
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		list.Write(about)
	}
	if err := errors.Join(k.keep(n, all), os.WriteFile(filepath.Join(dir, "packages"), []byte(list.String()), 0o644)); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(cache), os.RemoveAll(all))
}

// keep moves what a newer server needs out of all that its packages hold.
func (k kit) keep(n newer, all string) error {
	loaders, err := filepath.Glob(filepath.Join(all, "usr/lib/*-linux-gnu*/ld-linux-*.so.*"))
	if err != nil || len(loaders) == 0 {
		return fmt.Errorf("there is no loader in its packages (%w)", err)
	}
	loader, err := filepath.Rel(all, loaders[0])
	if err != nil {
		return err
	}
	for _, part := range slices.Concat([]string{filepath.Dir(loader)}, n.parts, n.programs) {
		to := filepath.Join(k.root(n), part)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(filepath.Join(all, part), to)); err != nil {
			return err
		}
	}
	// Below the libraries are plug-ins of things that no server loads.
	below, _ := filepath.Glob(filepath.Join(k.root(n), filepath.Dir(loader), "*"))
	for _, dir := range below {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	for i := range n.programs {
		if err := wrap(k.program(n, i), n.programs[i], loader); err != nil {
			return err
		}
	}
	return nil
}

// wrap puts a script in the place of a program, which starts it with the loader and the libraries that it was built for. One
// of these programs may start another, and the folder may be copied.
func wrap(file, name, loader string) error {
	up := strings.Repeat("/..", strings.Count(name, "/"))
	script := fmt.Sprintf("#!/bin/sh\nroot=$(cd \"$(dirname \"$0\")%s\" && pwd)\nexec \"$root/%s\" --library-path \"$root/%s\" --argv0 \"$0\" \"$root/%s.elf\" \"$@\"\n",
		up, loader, filepath.Dir(loader), name)
	return errors.Join(os.Rename(file, file+".elf"), os.WriteFile(file, []byte(script), 0o755))
}
