package decode

import (
	"sync"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// told keeps the unknown names that were reported already, over all decoders of a Factory. A decoder asks it once per
// name, so its lock is not on the way of a record.
type told struct {
	call UnknownFunc

	mu struct {
		sync.Mutex
		names map[string]bool
	}
}

func newTold(call UnknownFunc) *told {
	t := &told{call: call}
	t.mu.names = map[string]bool{}
	return t
}

// tell passes a name on, and the record that has it, if it is new and the bound permits.
func (t *told) tell(name string, r *fencepost.Record) {
	if t.call == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.names[name] || len(t.mu.names) >= maxNames {
		return
	}
	t.mu.names[name] = true
	t.call(name, r.TopicPartition, r.Offset)
}

// cut is the first n bytes of a text, less a character that would be cut in two.
func cut(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
