package pipeline

import (
	"cmp"
	"fmt"
	"github.com/fencepost/fencepost/internal/text"
	"slices"
	"strings"
)

// reader walks a file's nodes beside the table of keys. It collects every finding and every value; the rules that
// concern more than one key come afterwards, in rules.go.
type reader struct {
	env      *Environment
	findings []Finding
	values   map[string]any     // :: path -> what parse made of it
	places   map[string]Place   // :: path -> its key in the file
	at       map[string]Place   // :: path -> its value in the file
	items    map[string][]Place // :: path -> the entries of a list of texts
	lines    []string           // of the file
	written  []*node            // secrets that stand in the file itself
}

func (r *reader) find(code string, at Place, help, format string, args ...any) {
	r.findings = append(r.findings, Finding{Code: code, Text: fmt.Sprintf(format, args...), Help: help, At: at})
}

// sorted is the findings in the order of the file.
func (r *reader) sorted() []Finding {
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	return r.findings
}

// mapping reads the keys of one mapping. path is empty for the whole file.
func (r *reader) mapping(n *node, path string, at Place) {
	if n.shape != mapping {
		r.wrongShape(n, path, "a mapping: "+exampleKeys(path))
		return
	}
	known := under(path)
	meant := map[string]bool{} // what an unknown key was probably meant to be is not missing besides
	for i := range n.entries {
		e := &n.entries[i]
		k := keyOf(join(path, e.key))
		if f, was := removed[join(path, e.key)]; was {
			f.At = e.at
			r.findings = append(r.findings, f)
			continue
		}
		if k == nil {
			meant[r.unknownKey(path, known, e)] = true
			continue
		}
		r.places[k.path], r.at[k.path] = e.at, e.value.at
		if e.value.shape == nothing && (k.must || k.kind != kindText && k.kind != kindSecret) {
			r.find("key-missing", e.at, exampleValue(k), "%s is empty", called(k.path))
			continue
		}
		r.value(k, e)
	}
	for _, k := range known {
		if k.must && n.find(k.name()) == nil && !meant[k.name()] {
			r.find("key-missing", at, k.name()+": "+exampleValue(k), "%s has no %s", owner(path), k.name())
		}
	}
}

// unknownKey adds the finding and returns the key that was probably meant.
func (r *reader) unknownKey(path string, known []*key, e *entry) string {
	names := make([]string, 0, len(known))
	for _, k := range known {
		names = append(names, k.name())
	}
	near := text.Nearest(e.key, names)
	help := near
	if help == "" {
		if elsewhere := keyNamed(e.key); elsewhere != nil {
			help = "it belongs elsewhere: " + elsewhere.path
		} else {
			help = "keys here: " + strings.Join(names, " ")
		}
	}
	r.find("unknown-key", e.at, help, "%s has no key %s", owner(path), e.key)
	return near
}

// keyNamed finds a key of that name anywhere in the table.
func keyNamed(name string) *key {
	for i := range keys {
		if keys[i].name() == name {
			return &keys[i]
		}
	}
	return nil
}

// value reads one key's value by its kind.
func (r *reader) value(k *key, e *entry) {
	n := e.value
	switch k.kind {
	case kindMap:
		r.mapping(n, k.path, e.at)
	case kindTexts:
		r.values[k.path] = r.texts(n, k.path)
	case kindTopics:
		r.topics(n, k.path)
	case kindStart:
		r.start(n, k.path)
	case kindRanges:
		r.ranges(n, k.path)
	case kindSchema:
		r.schema(n)
	case kindStore:
		r.storeOr(k, e)
	case kindPolicy:
		r.policy(n, k.path)
	case kindCommands:
		r.commands(n, k.path)
	case kindSQL:
		if n.shape != scalar {
			r.wrongShape(n, k.path, "SQL: a text, behind | if it has several lines")
			return
		}
		r.values[k.path] = n.text
	default:
		if text, ok := r.text(n, k.path, k.kind); ok {
			r.scalar(k, n, text)
		}
	}
}

// scalar parses a single value.
func (r *reader) scalar(k *key, n *node, value string) {
	if k.kind == kindSecret {
		r.values[k.path] = Secret{written: n.text, env: r.env}
		if !reference.MatchString(n.text) && k.name() != "dsn" {
			r.written = append(r.written, n)
		}
		return
	}
	v, want := parse(k, value)
	if want == "" {
		r.values[k.path] = v
		return
	}
	if slices.Contains(later[k.path], value) {
		r.find("not-in-this-version", n.at, strings.Join(k.words, ", or "), "%s: %s comes with a later version", called(k.path), value)
		return
	}
	help := exampleValue(k)
	if k.kind == kindWord {
		help = cmp.Or(text.Nearest(value, k.words), strings.Join(k.words, ", or "))
	}
	r.find("bad-value", n.at, help, "%s: %s is not %s", called(k.path), shown(value), want)
}

// text is a scalar with its references replaced; what a secret refers to is looked up, and stays out of every
// message.
func (r *reader) text(n *node, path string, kind kind) (string, bool) {
	if n.shape == nothing {
		return "", true
	}
	if n.shape != scalar {
		r.wrongShape(n, path, "one value")
		return "", false
	}
	text, problems := r.env.expand(n.text)
	for _, p := range problems {
		at := n.at
		if !n.quoted {
			at.Column += len([]rune(n.text[:p.lo]))
			at.Width = len([]rune(n.text[p.lo:p.hi]))
		}
		r.find(p.code, at, p.help, "%s", p.text)
	}
	return text, len(problems) == 0
}

// texts reads a list of texts; a single text is taken for a list of one.
func (r *reader) texts(n *node, path string) []string {
	r.items[path] = []Place{n.at}
	if n.shape == scalar {
		if text, ok := r.text(n, path, kindText); ok && text != "" {
			return []string{text}
		}
		return nil
	}
	if n.shape != list {
		r.wrongShape(n, path, "a list: ["+"...]")
		return nil
	}
	out, places := []string{}, []Place{}
	for _, item := range n.items {
		text, ok := r.text(item, path, kindText)
		switch {
		case !ok:
		case text == "":
			r.find("bad-value", item.at, "leave it out", "%s: an entry is empty", called(path))
		case slices.Contains(out, text):
			r.find("bad-value", item.at, "leave it out", "%s: %s stands there twice", called(path), shown(text))
		default:
			out, places = append(out, text), append(places, item.at)
		}
	}
	r.items[path] = places
	return out
}

func (r *reader) wrongShape(n *node, path, want string) {
	is := n.shape.String()
	if n.shape == scalar {
		is = shown(n.text)
	}
	r.find("bad-value", n.at, want, "%s: %s, where %s is needed", called(path), is, firstWords(want))
}

// firstWords cuts "a mapping: a, b" to "a mapping".
func firstWords(s string) string { before, _, _ := strings.Cut(s, ":"); return before }

// shown is a value in a message: long ones are cut, an empty one is named.
func shown(s string) string {
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

// called is a key as a message names it: without the part that everybody knows.
func called(path string) string {
	if path == "" {
		return "the file"
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, "schema."), "source.")
}

func exampleKeys(path string) string {
	var names []string
	for _, k := range under(path) {
		names = append(names, k.name())
	}
	return strings.Join(names, " ")
}

// exampleValue is what a key's value may look like, for a remedy.
func exampleValue(k *key) string {
	switch k.path {
	case "group":
		return "a name for this pipeline"
	case "source":
		return "{brokers: [localhost:9092], topics: [TOPIC]}"
	case "source.brokers":
		return "[localhost:9092]"
	case "source.topics":
		return "[TOPIC]"
	case "sink":
		return `{postgres: {dsn: "${DATABASE_URL}", table: TABLE}}`
	case "sink.sqlite.path":
		return "PATH"
	case "sink.redis.addr":
		return "localhost:6379"
	case "sink.redis.commands":
		return "[" + commandForms[0].form + "]"
	}
	switch {
	case k.kind == kindWord:
		return strings.Join(k.words, ", or ")
	case k.kind == kindMap:
		return "keys here: " + exampleKeys(k.path)
	case k.live != "":
		return k.live
	case k.kind == kindDuration && k.def == "0s":
		return "5s"
	}
	return k.def
}
