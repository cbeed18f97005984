package debezium

import (
	"context"
	"sync"

	"github.com/fencepost/fencepost/decode/registry"
)

// Guard are the schemas of events in Avro without those that the Config does not accept: an event that names one is a bad record, whose Code is
// NotAccepted. REQUIRES: New takes the Config.
func (c Config) Guard(of registry.Schemas) registry.Schemas {
	g := &guard{Schemas: of, config: c}
	g.mu.of = map[registry.ID]error{}
	return g
}

// guard looks at each schema once.
type guard struct {
	registry.Schemas
	config Config
	mu     struct {
		sync.Mutex
		of map[registry.ID]error // :: schema -> why it is refused; nil: it is taken
	}
}

// Schema is the contract of [registry.Schemas].
func (g *guard) Schema(ctx context.Context, id registry.ID) (*registry.Schema, error) {
	s, err := g.Schemas.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	refusal, met := g.mu.of[id]
	if !met {
		d, _ := OfAvro(s.Text)
		refusal = g.config.refusal(d)
		g.mu.of[id] = refusal
	}
	if refusal != nil {
		return nil, refusal
	}
	return s, nil
}
