package redis

import (
	"cmp"
	"errors"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// refusedKey is a refusal with the key that the server names, and the field of it; an empty field: none.
type refusedKey struct {
	*sink.Rejected
	key, field string
}

// Unwrap is the refusal.
func (r refusedKey) Unwrap() error { return r.Rejected }

// nameRow has a refusal name the first row of the batch that writes to the key which the server names.
func nameRow(cfg Config, g fencepost.Group, b *fencepost.Batch, err error) error {
	at, ok := errors.AsType[refusedKey](err)
	if !ok {
		return err
	}
	var effects []bound
	for _, e := range cfg.effects() {
		one, err := e.bind(scope{group: cmp.Or(cfg.Group, g), batch: b})
		if err != nil {
			continue // the plan has reported it
		}
		effects = append(effects, one)
	}
	n := 0
	for row, tp := range b.All() {
		n++
		for i := range effects {
			if effects[i].writes(at, row, tp) {
				return sink.Name(err, n)
			}
		}
	}
	return err
}

// writes reports whether a row's command is for the key, and for the field if there is one.
func (e *bound) writes(at refusedKey, row int, tp fencepost.TopicPartition) bool {
	is := func(value appender, want string) bool {
		text, err := value(e.buf[:0], row, tp)
		e.buf = text
		return err == nil && string(text) == want
	}
	return is(e.key, at.key) && (at.field == "" || e.name != nil && is(e.name, at.field))
}
