//go:build realservers

package servers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
)

// subjects are the names that the registry knows.
func subjects(t *testing.T, r servers.RegistryServer) (names []string) {
	t.Helper()
	answer, err := http.Get(r.URL() + "/subjects")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(text, &names)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return names
}

func TestRegistryIsShared(t *testing.T) {
	one, two := servers.Registry(t), servers.Registry(t)
	if one != two {
		t.Errorf("two wishes gave %s and %s, want one server", one.URL(), two.URL())
	}
	subjects(t, one)
}

// A registry is in memory: what it knew is gone after SIGKILL, and a shared one is another.
func TestRegistryForgetsThroughKill(t *testing.T) {
	server := servers.OwnRegistry(t)
	body := strings.NewReader(`{"schema":"\"int\""}`)
	answer, err := http.Post(server.URL()+"/subjects/x/versions", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := subjects(t, server.RegistryServer); len(got) != 1 || got[0] != "x" {
		t.Fatalf("got the subjects %q, want x", got)
	}
	server.Kill()
	server.Start()
	if got := subjects(t, server.RegistryServer); len(got) != 0 {
		t.Errorf("after SIGKILL: got the subjects %q, want none", got)
	}
}

// Each serializer registers a schema with the registry, and says what is wrong with a job without failing the others.
func TestSerializers(t *testing.T) {
	r := servers.Registry(t)
	for _, s := range []servers.Serializer{servers.Python, servers.JavaScript, servers.Java} {
		topic := servers.Name(t)
		done := r.Serialize(t, s,
			servers.Job{Topic: topic, Type: "AVRO", Schema: `{"type":"int"}`, Value: json.RawMessage(`"no number"`)},
			servers.Job{Topic: topic, Type: "AVRO", Schema: `{"type":"int"}`, Value: json.RawMessage(`1`)})
		if done[0].Error == "" || done[1].Error != "" || len(done[1].Bytes) == 0 || done[1].Bytes[len(done[1].Bytes)-1] != 2 {
			t.Errorf("serializer %d: got %+v, want an error and a body of 02", s, done)
		}
		if all := strings.Join(subjects(t, r), " "); !strings.Contains(all, topic+"-value") {
			t.Errorf("serializer %d: the registry has %s, want %s-value", s, all, topic)
		}
	}
}
