package keys

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost/internal/text"
)

// Reader walks a file's nodes beside the table of keys. It collects every finding and every value; the rules that
// concern more than one key come afterwards, in rules.go.
type Reader struct {
	table    Table
	env      *Environment
	findings []Finding
	values   map[string]any     // :: path -> what parse made of it
	places   map[string]Place   // :: path -> its key in the file
	at       map[string]Place   // :: path -> its value in the file
	items    map[string][]Place // :: path -> the entries of a list of texts
	lines    []string           // of the file
	set      []string           // what is set besides the file, as it may be printed
	written  []*Node            // secrets that are in the file itself
}

// Read reads the text of a file by a table. What is no YAML is an error; what the file says wrong is among the
// findings of the reader.
func Read(t Table, name string, src []byte, env *Environment) (*Reader, error) {
	root, err := parseTree(name, src)
	if err != nil {
		return nil, err
	}
	written := make([]string, len(env.Set))
	for i, set := range env.Set {
		if written[i], err = root.set(set, Place{Line: -1 - i, Column: 1}); err != nil {
			return nil, err
		}
	}
	r := &Reader{table: t, env: env, set: written, lines: splitLines(src), values: map[string]any{}, places: map[string]Place{}, at: map[string]Place{}, items: map[string][]Place{}}
	r.mapping(root, "", Place{Line: 1, Column: 1, Width: 1})
	return r, nil
}

// Invalid is an *Invalid with all findings, nil where there is none.
func (r *Reader) Invalid(name string) error {
	if len(r.findings) == 0 {
		return nil
	}
	return &Invalid{Name: name, Findings: r.sorted(), lines: maskWritten(slices.Clone(r.lines), r.written), set: r.set}
}

// Find adds a finding at a place: its code, what is wrong and what to write instead (help).
func (r *Reader) Find(code string, at Place, help, format string, args ...any) {
	r.findings = append(r.findings, Finding{Code: code, Text: fmt.Sprintf(format, args...), Help: help, At: at})
}

// sorted is the findings in the order of the file.
func (r *Reader) sorted() []Finding {
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	return r.findings
}

// removed lists keys of earlier versions, with what to do about them. :: path -> what is found
var removed = map[string]Finding{
	"ledger.kafka": {Code: "ledger-removed", Text: "ledger.kafka was removed: Kafka keeps no ledger any more",
		Help: "NEW names another store and group; with the build before this one: fencepost offsets copy FILE NEW --execute"},
}

// mapping reads the keys of one mapping. path is empty for the whole file.
func (r *Reader) mapping(n *Node, path string, at Place) {
	if n.Shape != Mapping {
		r.WrongShape(n, path, "a mapping: "+r.table.names(path))
		return
	}
	known := r.table.Under(path)
	meant := map[string]bool{} // what an unknown key was probably meant to be is not missing besides
	for i := range n.Entries {
		e := &n.Entries[i]
		if f, was := removed[Join(path, e.Key)]; was {
			f.At = e.At
			r.findings = append(r.findings, f)
			continue
		}
		k := r.table.Of(Join(path, e.Key))
		if k == nil {
			meant[r.unknownKey(path, known, e)] = true
			continue
		}
		r.places[k.Path], r.at[k.Path] = e.At, e.Value.At
		if e.Value.Shape == Nothing && (k.Must || k.Form != FormText && k.Form != FormSecret) {
			r.Find("key-missing", e.At, r.table.example(k), "%s is empty", Called(k.Path))
			continue
		}
		r.value(k, e)
	}
	for _, k := range known {
		if k.Must && n.Find(k.Name()) == nil && !meant[k.Name()] {
			r.Find("key-missing", at, k.Name()+": "+r.table.example(k), "%s has no %s", owner(path), k.Name())
		}
	}
}

// unknownKey adds the finding and returns the key that was probably meant.
func (r *Reader) unknownKey(path string, known []*Row, e *Entry) string {
	names := make([]string, 0, len(known))
	for _, k := range known {
		names = append(names, k.Name())
	}
	near := text.Nearest(e.Key, names)
	help := near
	if help == "" {
		if elsewhere := r.table.named(e.Key); elsewhere != nil {
			help = "it belongs elsewhere: " + elsewhere.Path
		} else {
			help = "keys here: " + strings.Join(names, " ")
		}
	}
	r.Find("unknown-key", e.At, help, "%s has no key %s", owner(path), e.Key)
	return near
}

// value reads one key's value by its kind.
func (r *Reader) value(k *Row, e *Entry) {
	n := e.Value
	switch k.Form {
	case FormMap:
		r.mapping(n, k.Path, e.At)
	case FormTexts:
		r.values[k.Path] = r.Texts(n, k.Path)
	case FormStore:
		r.storeOr(k, e)
	case FormOwn:
		k.Own.Read(r, n, k.Path)
	case FormSQL:
		if n.Shape != Scalar {
			r.WrongShape(n, k.Path, "SQL: a text, behind | if it has several lines")
			return
		}
		r.values[k.Path] = n.Text
	case FormSecret:
		r.secret(k, n)
	default:
		if text, ok := r.Text(n, k.Path); ok {
			r.scalar(k, n, text)
		}
	}
}

// secret reads one value that is never printed. What it refers to has to be there, unless nothing will ask for it.
func (r *Reader) secret(k *Row, n *Node) {
	if !r.env.Unasked || n.Shape != Scalar {
		if _, ok := r.Text(n, k.Path); !ok {
			return
		}
	}
	r.values[k.Path] = Secret{written: n.Text, env: r.env}
	if !reference.MatchString(n.Text) && k.Name() != "dsn" {
		r.written = append(r.written, n)
	}
}

// scalar parses a single value.
func (r *Reader) scalar(k *Row, n *Node, value string) {
	v, want := Parse(k, value)
	if want == "" {
		r.values[k.Path] = v
		return
	}
	help := r.table.example(k)
	if k.Form == FormWord {
		help = cmp.Or(text.Nearest(value, k.Words), strings.Join(k.Words, ", or "))
	}
	r.Find("bad-value", n.At, help, "%s: %s is not %s", Called(k.Path), Shown(value), want)
}

// Text is a scalar with its references replaced; what a secret refers to is looked up, and stays out of every
// message.
func (r *Reader) Text(n *Node, path string) (string, bool) {
	if n.Shape == Nothing {
		return "", true
	}
	if n.Shape != Scalar {
		r.WrongShape(n, path, "one value")
		return "", false
	}
	text, problems := r.env.expand(n.Text)
	for _, p := range problems {
		at := n.At
		if !n.Quoted {
			at.Column += len([]rune(n.Text[:p.lo]))
			at.Width = len([]rune(n.Text[p.lo:p.hi]))
		}
		r.Find(p.code, at, p.help, "%s", p.text)
	}
	return text, len(problems) == 0
}

// Texts reads a list of texts; a single text is taken for a list of one.
func (r *Reader) Texts(n *Node, path string) []string {
	r.items[path] = []Place{n.At}
	if n.Shape == Scalar {
		n = &Node{Shape: List, Items: []*Node{n}, At: n.At}
		if text, ok := r.Text(n.Items[0], path); !ok || text == "" {
			return nil
		}
	}
	if n.Shape != List {
		r.WrongShape(n, path, "a list: ["+"...]")
		return nil
	}
	out, places := []string{}, []Place{}
	for _, item := range n.Items {
		all, ok := r.Text(item, path)
		if !ok {
			continue
		}
		for _, text := range entries(item, all) {
			switch {
			case text == "":
				r.Find("bad-value", item.At, "leave it out", "%s: an entry is empty", Called(path))
			case slices.Contains(out, text):
				r.Find("bad-value", item.At, "leave it out", "%s: %s stands there twice", Called(path), Shown(text))
			default:
				out, places = append(out, text), append(places, item.At)
			}
		}
	}
	r.items[path] = places
	return out
}

// entries are those of a list that a node stands for: the node's text, or what is between the commas of a text that is one
// reference as a whole.
func entries(n *Node, text string) []string {
	if reference.FindString(n.Text) != n.Text || n.Text == "" {
		return []string{text}
	}
	all := strings.Split(text, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// WrongShape adds the finding that a value is no want, of which an example may follow behind a colon.
func (r *Reader) WrongShape(n *Node, path, want string) {
	is := n.Shape.String()
	if n.Shape == Scalar {
		is = Shown(n.Text)
	}
	r.Find("bad-value", n.At, want, "%s: %s, where %s is needed", Called(path), is, firstWords(want))
}

// firstWords cuts "a mapping: a, b" to "a mapping".
func firstWords(s string) string { before, _, _ := strings.Cut(s, ":"); return before }

// Shown is a value in a message: long ones are cut, an empty one is named.
func Shown(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if r := []rune(s); len(r) > 40 {
		s = string(r[:37]) + "..."
	}
	if s == "" {
		return `""`
	}
	s, _ = hideSecrets(s, Place{Column: 1, Width: 1})
	return s
}

// owner is the part of the file that a key is missing from, as a message names it.
func owner(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

// Called is a key as a message names it: without its obvious part.
func Called(path string) string {
	if path == "" {
		return "the file"
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, "schema."), "source.")
}

// someStore is an example of a store, for remedies.
const someStore = "{redis: {addr: localhost:6379}}"

// storeOr reads a key that is a mapping of technologies, or its default as a word.
func (r *Reader) storeOr(k *Row, e *Entry) {
	n := e.Value
	switch {
	case n.Shape != Mapping:
		if text, ok := r.Text(n, k.Path); ok && text != k.Def {
			r.Find("bad-value", n.At, k.Def+", or "+someStore, "%s: %s names no technology", k.Path, Shown(text))
		}
	case len(n.Entries) == 0 && k.Def != "{}":
		r.Find("key-missing", n.At, k.Def+", or "+someStore, "%s names no technology", k.Path)
	default:
		r.mapping(n, k.Path, e.At)
	}
}

// HostPort is about an address whose port may be left out, since the technology has one.
func (r *Reader) HostPort(name string, at Place, addr, port string) {
	if host, ok := WithPort(addr, port); !ok || strings.ContainsAny(host, "/@ ") {
		r.Find("bad-value", at, "HOST:PORT, as in localhost:"+port, "%s: %s is not HOST:PORT", name, Shown(Redact(addr)))
	}
}

// WithPort is an address with its port, which may be left out.
func WithPort(addr, usual string) (full string, ok bool) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil { // a host alone
		host, port = strings.Trim(addr, "[]"), usual
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return net.JoinHostPort(host, port), host != "" && err == nil && n >= 1
}
