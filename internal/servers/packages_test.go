package servers

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeMachine is a machine whose PATH holds these scripts and nothing else.
// Its package manager writes its arguments down, knows no openjdk-17, and
// "installs" java, mvn and gcc.
func fakeMachine(t *testing.T, programs ...string) (log string) {
	t.Helper()
	bin := t.TempDir()
	log = filepath.Join(bin, "log")
	script := func(name, body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range programs {
		script(name, "exit 0")
	}
	script("env", `shift; exec "$@"`)
	script("sudo", `exec "$@"`)
	script("apt-cache", `case $2 in openjdk-17*) exit 100;; esac`)
	script("apt-get", `echo "$@" >>`+log+`
if [ $1 = install ]; then for p in java mvn gcc postgres pgbouncer redis-server mariadbd; do echo >`+bin+`/$p; /bin/chmod +x `+bin+`/$p; done; fi`)
	t.Setenv("PATH", bin)
	return log
}

func TestInstallPackagesAsksForWhatIsMissingOnly(t *testing.T) {
	log := fakeMachine(t, "mvn", "postgres", "pgbouncer", "redis-server", "mariadbd", "python3", "pip3", "node", "npm", "strace", "chromium", "tmux")
	if err := installPackages(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	asked, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := "update\ninstall -y --no-install-recommends openjdk-21-jre-headless gcc libc6-dev\n"
	if string(asked) != want {
		t.Errorf("apt-get was asked\n%swant\n%s", asked, want)
	}
}

func TestInstallPackagesLeavesACompleteMachineAlone(t *testing.T) {
	log := fakeMachine(t, "java", "mvn", "postgres", "pgbouncer", "redis-server", "mariadbd", "python3", "pip3", "node", "npm", "strace", "chromium", "tmux", "gcc")
	if err := installPackages(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(log); err == nil {
		t.Error("apt-get ran though nothing was missing")
	}
}

func TestInstallPackagesNamesTheRemedyWithoutAptGet(t *testing.T) {
	log := fakeMachine(t, "java", "postgres", "pgbouncer", "redis-server", "mariadbd", "python3", "pip3", "node", "npm", "strace", "chromium", "tmux", "gcc")
	if err := os.Remove(filepath.Join(filepath.Dir(log), "apt-get")); err != nil {
		t.Fatal(err)
	}
	err := installPackages(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "install mvn: no apt-get here: install them by hand") {
		t.Errorf("installPackages() = %v, want an error that names mvn and what to do", err)
	}
}

func TestNewerServersNameTheRemedyWithoutAMirror(t *testing.T) {
	fakeMachine(t)
	if _, err := debianMirror(t.Context()); err == nil || !strings.Contains(err.Error(), "add one to its sources") {
		t.Errorf("debianMirror() = %v, want an error that says what to do", err)
	}
}
