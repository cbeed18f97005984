//go:build realservers

package servers

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A connector whose task fails is reported as failed, with why, and one that is not there as not there.
func TestConnectSaysWhatFailed(t *testing.T) {
	t.Parallel()
	c, name := Connect(t), Name(t)
	t.Cleanup(func() { c.Remove(t, name) })
	if err := c.Running(t.Context(), name); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("before it is added: got %v, want a 404", err)
	}
	config := map[string]string{"connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "tasks.max": "1", "topics": name,
		"connection.url": "jdbc:postgresql://" + Address(t) + "/nowhere", "connection.username": "u", "connection.password": "p"}
	if err := c.ask(t.Context(), http.MethodPut, "/connectors/"+name+"/config", config, nil); err != nil {
		t.Fatal(err)
	}
	var failed *connectorFailed
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := c.Running(t.Context(), name)
		if errors.As(err, &failed) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no failure within a minute: %v", err)
		}
	}
	if failed.name != name || !strings.Contains(failed.trace, "Unable to determine Dialect") {
		t.Errorf("got %v, want a sink without its database", failed)
	}
}
