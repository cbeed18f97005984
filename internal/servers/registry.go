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
	"syscall"
	"testing"
	"time"
)

// RegistryServer is where a schema registry listens: Apicurio, which answers Confluent's API too. What it holds is in memory: it ends with
// the process.
type RegistryServer struct{ Host, Port string }

// OwnRegistryServer is a schema registry of the test's own.
type OwnRegistryServer struct {
	RegistryServer
	*Own
}

const (
	portRegistry    = "8080"
	registryVersion = "2.6.13.Final"
)

// OwnRegistry starts a schema registry for this test alone. Settings are system properties: "-Dregistry.auth.enabled=true".
func OwnRegistry(t testing.TB, settings ...string) *OwnRegistryServer {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	host := Address(t)
	server, err := k.newRegistry(host, settings)
	if err != nil {
		t.Fatal(err)
	}
	return &OwnRegistryServer{RegistryServer: registryAt(host), Own: own(t, server)}
}

func registryAt(host string) RegistryServer { return RegistryServer{Host: host, Port: portRegistry} }

// URL is Confluent's API of the registry.
func (r RegistryServer) URL() string { return r.base() + "/apis/ccompat/v7" }

// OwnURL is Apicurio's own API.
func (r RegistryServer) OwnURL() string { return r.base() + "/apis/registry/v2" }

func (r RegistryServer) base() string { return "http://" + net.JoinHostPort(r.Host, r.Port) }

// newRegistry makes the folder of a registry.
func (k kit) newRegistry(host string, settings []string) (*instance, error) {
	folder, err := newFolder("registry")
	if err != nil {
		return nil, err
	}
	args := append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-Dquarkus.http.host=" + host, "-Dquarkus.http.port=" + portRegistry}, settings...)
	args = append(args, "-jar", k.path("registry", "apicurio-registry-app-"+registryVersion+"-runner.jar"))
	return &instance{
		name:   "registry",
		folder: folder,
		polite: syscall.SIGTERM,
		command: func() *exec.Cmd {
			cmd := exec.Command("java", args...)
			cmd.Dir = folder.path
			return cmd
		},
		ask:     registryAt(host).serves,
		passing: func([]byte) bool { return false },
	}, nil
}

// serves asks for the registry's subjects, as a client does. A registry that wants a login is ready to say so.
func (r RegistryServer) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/subjects", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("registry answered %s", answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// fetchRegistry lets Maven unpack the registry.
func (k kit) fetchRegistry(ctx context.Context) error {
	dir := k.path("registry")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:unpack",
		"-Dartifact=io.apicurio:apicurio-registry-app:"+registryVersion+":tar.gz:all", "-DoutputDirectory="+dir)
	mvn.Dir = dir
	return runQuietly(mvn)
}
