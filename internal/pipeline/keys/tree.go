package keys

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/fencepost/fencepost"
)

// Node is one value of a YAML file: a scalar, a list, a mapping or nothing. The reader walks nodes and never the
// YAML library's own tree, whose shapes and positions have cases that only this file knows.
type Node struct {
	Shape   Shape
	Text    string // of a scalar, unquoted
	Quoted  bool   // a scalar in quotes or a block: its text begins behind At.Column
	block   bool   // a scalar written as a block (| or >)
	Entries []Entry
	Items   []*Node
	At      Place
}

// Entry is one key of a mapping, with its value.
type Entry struct {
	Key   string
	At    Place
	Value *Node
}

// Shape is what kind of value a Node is.
type Shape uint8

// The shapes. A Node of Nothing stands for a key behind which there is none.
const (
	Nothing Shape = iota
	Scalar
	List
	Mapping
)

// String is the shape as an error names it.
func (s Shape) String() string { return [...]string{"nothing", "a value", "a list", "a mapping"}[s] }

// Find returns the entry of that key, nil if there is none.
func (n *Node) Find(key string) *Entry {
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return &n.Entries[i]
		}
	}
	return nil
}

// parseTree reads YAML into nodes. What is no YAML, or a part of YAML that a pipeline file has no use for, is a
// *fencepost.UserError with exit 2.
func parseTree(name string, src []byte) (*Node, error) {
	if !utf8.Valid(src) {
		return nil, &fencepost.UserError{Code: "yaml-syntax", Exit: 2, Err: fmt.Errorf("%s: not UTF-8 text", name),
			Help: "a pipeline file is YAML; to write one: fencepost init"}
	}
	file, err := parseYAML(src)
	if err != nil {
		return nil, syntaxFault(name, src, err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			at := beginning(doc.Body)
			return nil, syntaxFault(name, src, &treeError{at, "a second document begins here: a file is one pipeline"})
		}
		body = doc.Body
	}
	if body == nil {
		return nil, &fencepost.UserError{Code: "file-empty", Exit: 2, Err: fmt.Errorf("%s: the file says nothing", name),
			Help: "to write one: fencepost init --brokers HOST:9092 --topic TOPIC --sink postgres"}
	}
	b := builder{anchors: map[string]*Node{}}
	root, err := b.node(body, 0)
	if err == nil && root.Shape != Mapping {
		return nil, syntaxFault(name, src, &treeError{root.At, "this is no pipeline file; to write one: fencepost init"})
	}
	if err != nil {
		return nil, syntaxFault(name, src, err)
	}
	return root, nil
}

// parseYAML calls the library, whose parser can panic on input that no person writes.
func parseYAML(src []byte) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, &treeError{Place{Line: 1, Column: 1, Width: 1}, "this can not be read as YAML"}
		}
	}()
	return parser.ParseBytes(src, 0)
}

// definedAt is how the library names a place.
var definedAt = regexp.MustCompile(` at \[(\d+):\d+\]`)

// treeError is an error of the YAML itself, at a place.
type treeError struct {
	at   Place
	text string
}

func (e *treeError) Error() string { return e.text }

// syntaxFault is the error of a file that is no YAML, with the line and a caret.
func syntaxFault(name string, src []byte, err error) error {
	f := Finding{Code: "yaml-syntax", Text: err.Error(), At: Place{Line: 1, Column: 1, Width: 1},
		Help: `look at the indentation, and for a missing space after ":"`}
	var library yaml.Error
	var ours *treeError
	switch {
	case errors.As(err, &ours):
		f.At, f.Help = ours.at, "leave it out"
	case errors.As(err, &library) && library.GetToken() != nil:
		t := library.GetToken()
		f.Text = definedAt.ReplaceAllString(library.GetMessage(), " in line $1")
		if f.Text != library.GetMessage() {
			f.Help = "leave one out"
		}
		f.At = Place{Line: t.Position.Line, Column: max(t.Position.Column, 1), Width: 1}
	}
	lines := splitLines(src)
	if i := f.At.Line - 1; i >= 0 && i < len(lines) && strings.Contains(lines[i], "${") && strings.ContainsAny(lines[i], "{[") &&
		strings.Contains(f.Text, "must be specified") {
		f.Help = `between { } or [ ] a reference needs quotes: "${NAME}"`
	}
	if i := f.At.Line - 1; i >= 0 && i < len(lines) && bracketed.MatchString(lines[i]) {
		f.Help = `between { } a path with [ ] needs quotes: "` + bracketed.FindStringSubmatch(lines[i])[1] + `"`
	}
	return &SyntaxError{Invalid{Name: name, Findings: []Finding{f}, lines: lines}}
}

// bracketed finds a path with a bracket in it that is written without quotes between braces.
var bracketed = regexp.MustCompile(`\{.*\bfrom: *([^"'{},\s\[]+\[[0-9]+\][^"'{},\s]*)`)

// SyntaxError says that a file is no YAML. Unlike Invalid it is a matter of usage: nothing in it could be looked at.
type SyntaxError struct{ Invalid }

func splitLines(src []byte) []string {
	lines := strings.Split(string(src), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return lines
}

// maskWritten replaces the letters of secrets that are in the file itself, from their place on, by asterisks. Columns
// stay what they are.
func maskWritten(lines []string, secrets []*Node) []string {
	for _, n := range secrets {
		for i, part := range strings.Split(strings.TrimRight(n.Text, "\n"), "\n") {
			at := n.At.Line - 1 + i
			if n.block {
				at++
			}
			if part = strings.TrimSpace(part); part == "" || at >= len(lines) || at < 0 {
				continue
			}
			from := 0
			if i == 0 && !n.block {
				from = len(string([]rune(lines[at])[:min(n.At.Column-1, utf8.RuneCountInString(lines[at]))]))
			}
			stars := strings.Repeat("*", utf8.RuneCountInString(part))
			lines[at] = lines[at][:from] + strings.Replace(lines[at][from:], part, stars, 1)
		}
	}
	return lines
}

// mostNested bounds how deep a file nests: ours need five levels.
const mostNested = 40

// builder makes nodes of the library's tree.
type builder struct {
	anchors map[string]*Node
}

func (b *builder) node(n ast.Node, depth int) (*Node, error) {
	if depth > mostNested {
		return nil, &treeError{place(n), "nested too deep"}
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return &Node{Shape: Nothing, At: place(n)}, nil
	case *ast.StringNode:
		quoted := n.Token.Type == token.DoubleQuoteType || n.Token.Type == token.SingleQuoteType
		return &Node{Shape: Scalar, Text: n.Value, Quoted: quoted, At: place(n)}, nil
	case *ast.LiteralNode:
		return &Node{Shape: Scalar, Text: n.Value.Value, Quoted: true, block: true, At: place(n)}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return &Node{Shape: Scalar, Text: n.GetToken().Value, At: place(n)}, nil
	case *ast.SequenceNode:
		return b.list(n, depth)
	case *ast.MappingNode:
		return b.mapping(n, n.Values, depth)
	case *ast.MappingValueNode:
		return b.mapping(n, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		v, err := b.node(n.Value, depth+1)
		if err == nil {
			b.anchors[n.Name.GetToken().Value] = v
		}
		return v, err
	case *ast.AliasNode:
		v, ok := b.anchors[n.Value.GetToken().Value]
		if !ok {
			return nil, &treeError{place(n), "no anchor of this name stands above"}
		}
		return v, nil
	default:
		return nil, &treeError{place(n), "a pipeline file has no use for this part of YAML"}
	}
}

func (b *builder) list(n *ast.SequenceNode, depth int) (*Node, error) {
	out := &Node{Shape: List, At: place(n)}
	for _, value := range n.Values {
		if s := hostPort(value); s != nil {
			out.Items = append(out.Items, s)
			continue
		}
		item, err := b.node(value, depth+1)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// hostPort repairs [localhost:9092] inside { }, which the library takes for the mapping {localhost: 9092}: YAML requires
// white space behind the colon of a mapping (YAML 1.2.2, 7.3.3). It returns nil for anything else.
func hostPort(n ast.Node) *Node {
	var pair *ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingValueNode:
		pair = n
	case *ast.MappingNode:
		if n.Start.Type == token.MappingStartType || len(n.Values) != 1 {
			return nil
		}
		pair = n.Values[0]
	default:
		return nil
	}
	key, colon, value := pair.Key.GetToken(), pair.Start, pair.Value.GetToken()
	if value == nil || key.Type != token.StringType || value.Position.Column != colon.Position.Column+1 ||
		value.Position.Line != colon.Position.Line {
		return nil
	}
	at := place(pair.Key)
	text := key.Value + ":" + value.Value
	at.Width = utf8.RuneCountInString(text)
	return &Node{Shape: Scalar, Text: text, At: at}
}

func (b *builder) mapping(n ast.Node, pairs []*ast.MappingValueNode, depth int) (*Node, error) {
	out := &Node{Shape: Mapping, At: beginning(n)}
	var merged []*Node
	for _, pair := range pairs {
		value, err := b.node(pair.Value, depth+1)
		if err != nil {
			return nil, err
		}
		if pair.Key.IsMergeKey() {
			merged = append(merged, value)
			continue
		}
		key, err := b.node(pair.Key, depth+1)
		if err != nil || key.Shape != Scalar {
			return nil, &treeError{place(pair.Key), "a key is a word"}
		}
		if out.Find(key.Text) != nil {
			return nil, &treeError{key.At, fmt.Sprintf("key %s stands here twice", key.Text)}
		}
		out.Entries = append(out.Entries, Entry{key.Text, key.At, value})
	}
	for _, m := range merged { // <<: *anchor gives the keys that are not given beside it
		for _, e := range m.Entries {
			if out.Find(e.Key) == nil {
				out.Entries = append(out.Entries, e)
			}
		}
	}
	return out, nil
}

// beginning is where a node begins: for a mapping without braces at its first key, where the library says its colon.
func beginning(n ast.Node) Place {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		return place(n.Key)
	case *ast.MappingNode:
		if n.Start.Type != token.MappingStartType && len(n.Values) > 0 {
			return place(n.Values[0].Key)
		}
	}
	return place(n)
}

// place is the place of a node of the library.
func place(n ast.Node) Place {
	t := n.GetToken()
	if t == nil {
		return Place{Line: 1, Column: 1, Width: 1}
	}
	written := strings.TrimSpace(t.Origin)
	if i := strings.IndexByte(written, '\n'); i >= 0 {
		written = written[:i]
	}
	return Place{Line: t.Position.Line, Column: max(t.Position.Column, 1), Width: max(1, utf8.RuneCountInString(written))}
}
