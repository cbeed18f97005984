package decode

import (
	"sync"
	"unicode/utf8"
)

// told keeps the unknown names that were told already, over all decoders of a Factory. A decoder asks it once per
// name, so its lock is not on the way of a record.
type told struct {
	call func(string)

	sync.Mutex
	names map[string]bool
}

// tell passes a name on if it is new and the bound leaves room.
func (t *told) tell(name string) {
	if t.call == nil {
		return
	}
	t.Lock()
	defer t.Unlock()
	if t.names[name] || len(t.names) >= maxNames {
		return
	}
	t.names[name] = true
	t.call(name)
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
