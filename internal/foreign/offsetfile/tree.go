package offsetfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf8"
)

// node is a JSON value with its line. The decoder into Go's types would take the last of two equal keys, any case of a
// key, and knows no lines.
type node struct {
	kind    kind
	line    int
	text    string // of a text or number
	items   []node // of a list
	members []member
}

type member struct {
	key   string
	value node
}

// kind is what a value is; the text is for messages.
type kind string

const (
	object kind = "an object"
	list   kind = "a list"
	text   kind = "a text"
	number kind = "a number"
	truth  kind = "true or false"
	null   kind = "null"
)

// deepest is how far values may lie within each other; our forms need five.
const deepest = 16

// tree reads one JSON value, and nothing behind it. first is the line that data begins at.
func tree(name string, first int, data []byte) (node, error) {
	p := parser{dec: json.NewDecoder(bytes.NewReader(data)), first: first}
	p.dec.UseNumber()
	for i, b := range data {
		if b == '\n' {
			p.ends = append(p.ends, int64(i))
		}
	}
	if !utf8.Valid(data) {
		return node{}, damaged(name, 0, "the file is not UTF-8")
	}
	n, err := p.value(0)
	if err == nil {
		if _, more := p.dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the end of the JSON")
		}
	}
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the JSON ends too early")
		}
		return node{}, damaged(name, p.ahead(data), "%w", err)
	}
	return n, nil
}

type parser struct {
	dec   *json.Decoder
	first int
	ends  []int64 // of lines
}

// line is the decoder's line.
func (p *parser) line() int {
	at := p.dec.InputOffset()
	return p.first + sort.Search(len(p.ends), func(i int) bool { return p.ends[i] >= at })
}

// ahead is the line of what the decoder would read next, which is where an error is.
func (p *parser) ahead(data []byte) int {
	at := int(p.dec.InputOffset())
	for at < len(data)-1 && strings.IndexByte(" \t\r\n,:", data[at]) >= 0 {
		at++
	}
	return p.first + bytes.Count(data[:at], []byte("\n"))
}

func (p *parser) value(depth int) (n node, err error) {
	if depth > deepest {
		return n, errors.New("nested too deep")
	}
	t, err := p.dec.Token()
	if err != nil {
		return n, err
	}
	n.line = p.line()
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			n.kind = list
			return n, p.list(&n, depth)
		}
		n.kind = object
		return n, p.object(&n, depth)
	case string:
		n.kind, n.text = text, t
	case json.Number:
		n.kind, n.text = number, t.String()
	case bool:
		n.kind = truth
	default:
		n.kind = null
	}
	return n, nil
}

func (p *parser) list(n *node, depth int) error {
	for p.dec.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := p.dec.Token()
	return err
}

func (p *parser) object(n *node, depth int) error {
	seen := map[string]bool{}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if seen[key] {
			return fmt.Errorf("the key %q stands there twice", key)
		}
		seen[key] = true
		v, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{key, v})
	}
	_, err := p.dec.Token()
	return err
}

// member is an object's value of that key; ok is false if it has none.
func (n node) member(key string) (v node, ok bool) {
	for _, m := range n.members {
		if m.key == key {
			return m.value, true
		}
	}
	return node{}, false
}

// need is member where the form has to have one of that kind.
func (n node) need(key string, k kind) (node, error) {
	if n.kind != object {
		return node{}, fmt.Errorf("%s, want an object with %q", n.kind, key)
	}
	v, ok := n.member(key)
	if !ok {
		return v, fmt.Errorf("no %q", key)
	}
	if v.kind != k {
		return v, fmt.Errorf("%q is %s, want %s", key, v.kind, k)
	}
	return v, nil
}

// row reads a topic, a partition and an offset by their keys.
func (n node) row(at node, topic, partition, offset string) (r row, err error) {
	t, err := n.need(topic, text)
	if err != nil {
		return r, err
	}
	p, err := n.need(partition, number)
	if err != nil {
		return r, err
	}
	o, err := at.need(offset, number)
	if err != nil {
		return r, err
	}
	r, err = fields(t.text, p.text, o.text)
	r.line = n.line
	if err == nil && t.text != r.Topic {
		err = fmt.Errorf("%q is no topic name", t.text)
	}
	return r, err
}
