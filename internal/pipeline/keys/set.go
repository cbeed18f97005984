package keys

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// set puts KEY=VALUE into a file's mapping, in the place of what is there: a key below another is behind a dot, and a list or a
// mapping is YAML in [ ] or { }. It returns the text as it may be printed. Whether there is such a key is the reader's to find.
//
// Errors: *fencepost.UserError usage.
func (n *Node) set(text string, at Place) (shown string, err error) {
	key, value, ok := strings.Cut(text, "=")
	if key = strings.TrimSpace(key); !ok || key == "" {
		return "", notSet("--set: not in the form KEY=VALUE")
	}
	at.Width = utf8.RuneCountInString(key)
	behind := Place{Line: at.Line, Column: at.Width + 2, Width: max(1, utf8.RuneCountInString(value))}
	v := &Node{Shape: Scalar, Text: value, At: behind}
	switch value = strings.TrimSpace(value); {
	case value == "":
		v.Shape = Nothing
	case value[0] == '[' || value[0] == '{':
		if v, err = parseValue(value, behind); err != nil {
			return "", notSet("--set %s: %v", key, err)
		}
	}
	for parent, rest := n, key; ; {
		name, below, more := strings.Cut(rest, ".")
		e := parent.Find(name)
		if e == nil {
			parent.Entries = append(parent.Entries, Entry{name, at, &Node{Shape: Mapping, At: at}})
			e = &parent.Entries[len(parent.Entries)-1]
		}
		if !more {
			e.At, e.Value = at, v
			shown, _ = hideSecrets(text, at)
			return shown, nil
		}
		if e.Value.Shape != Mapping { // delay: int becomes {type: ...}; what the file said of it is replaced
			e.At, e.Value = at, &Node{Shape: Mapping, At: at}
		}
		parent, rest = e.Value, below
	}
}

func notSet(format string, args ...any) error {
	return &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf(format, args...), Help: "--set batch.records=1000, or --set 'source.topics=[a, b]'"}
}

// parseValue reads a list or a mapping, all of it at one place.
func parseValue(text string, at Place) (*Node, error) {
	file, err := parseYAML([]byte(text))
	if err != nil || len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("this can not be read as YAML")
	}
	b := builder{anchors: map[string]*Node{}}
	n, err := b.node(file.Docs[0].Body, 0)
	if err == nil {
		n.moveTo(at)
	}
	return n, err
}

// moveTo gives a node, and all in it, one place.
func (n *Node) moveTo(at Place) {
	n.At = at
	for _, item := range n.Items {
		item.moveTo(at)
	}
	for i := range n.Entries {
		n.Entries[i].At = at
		n.Entries[i].Value.moveTo(at)
	}
}
