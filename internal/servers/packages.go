package servers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// program is something this package runs and does not bring along.
type program struct {
	name string
	have func() bool
	// packages that contain it, the better one first: a release of Debian
	// carries one version of Java or another.
	packages []string
}

func programs() []program {
	inPath := func(name string) func() bool {
		return func() bool { _, err := exec.LookPath(name); return err == nil }
	}
	return []program{
		{"java", inPath("java"), []string{"openjdk-17-jre-headless", "openjdk-21-jre-headless"}},
		{"mvn", inPath("mvn"), []string{"maven"}},
		{"postgres", func() bool { return postgresBinaries() != "" }, []string{"postgresql"}},
		{"pgbouncer", func() bool { return pgBouncerServer() != "" }, []string{"pgbouncer"}},
		{"redis-server", inPath("redis-server"), []string{"redis-server"}},
		{"mariadbd", func() bool { return mariaDBServer() != "" }, []string{"mariadb-server"}},
		{"python3", inPath("python3"), []string{"python3"}},
		{"pip3", inPath("pip3"), []string{"python3-pip"}},
		{"node", inPath("node"), []string{"nodejs"}},
		{"npm", inPath("npm"), []string{"npm"}},
		{"strace", inPath("strace"), []string{"strace"}},
		{"chromium", inPath("chromium"), []string{"chromium"}},
		{"tmux", inPath("tmux"), []string{"tmux"}},
		// The race detector links C code.
		{"gcc", inPath("gcc"), []string{"gcc"}},
	}
}

func missingPrograms() []program {
	var missing []program
	for _, p := range programs() {
		if !p.have() {
			missing = append(missing, p)
		}
	}
	return missing
}

func missingPackages() []string {
	var names []string
	for _, p := range missingPrograms() {
		names = append(names, p.name)
	}
	return names
}

// installPackages asks apt-get for the programs that are not there. A machine
// that has them all is left alone.
func installPackages(ctx context.Context, w io.Writer) error {
	missing := missingPrograms()
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install %s: no apt-get here: install them by hand (Java 17, Maven, Postgres 15, PgBouncer, MariaDB 10.6, Redis 7 or later, Python 3.11 with pip, Node 18 with npm, strace, Chromium, tmux, gcc)",
			strings.Join(missingPackages(), ", "))
	}
	fmt.Fprintf(w, "servers: installing %s\n", strings.Join(missingPackages(), ", "))
	if err := runQuietly(asRoot(ctx, "apt-get", "update")); err != nil {
		return err
	}
	args := []string{"apt-get", "install", "-y", "--no-install-recommends"}
	for _, p := range missing {
		args = append(args, available(ctx, p.packages))
	}
	if slices.Contains(args, "gcc") {
		args = append(args, "libc6-dev")
	}
	if err := runQuietly(asRoot(ctx, args...)); err != nil {
		return err
	}
	if missing := missingPackages(); len(missing) > 0 {
		return fmt.Errorf("install %s: apt-get succeeded, but they are still not found", strings.Join(missing, ", "))
	}
	return nil
}

// available is the first of several packages that this release has.
func available(ctx context.Context, packages []string) string {
	for _, name := range packages {
		if exec.CommandContext(ctx, "apt-cache", "show", name).Run() == nil {
			return name
		}
	}
	return packages[0]
}

// asRoot is a command that runs as root, through sudo where we are not.
func asRoot(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"env", "DEBIAN_FRONTEND=noninteractive"}, args...)
	if os.Geteuid() != 0 {
		args = append([]string{"sudo"}, args...)
	}
	return exec.CommandContext(ctx, args[0], args[1:]...)
}
