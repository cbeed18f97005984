package kafka

import (
	"strings"
	"testing"

	store "github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/engine"
)

// A source that names no broker returns the error when an engine takes it, and before that nothing fails.
func TestTopicsWithoutABroker(t *testing.T) {
	_, err := engine.New(engine.Config{Group: "g", Source: Topics(nil, "g", "flights"), Sink: store.Open()})
	if err == nil || !strings.Contains(err.Error(), "engine.Config.Source: configure kafka") || !strings.Contains(err.Error(), "Brokers") {
		t.Errorf("the error is %v, want one that names Config.Source and Brokers", err)
	}
}
