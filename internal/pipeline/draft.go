package pipeline

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
)

// Draft is a new pipeline file: what init knows of a topic.
type Draft struct {
	Group   string
	Brokers []string
	Topic   string
	Sink    string // postgres, mysql, sqlite or redis
	Decode  string // json or raw
	Columns []DraftColumn
}

// DraftColumn is one column of a draft, with what was seen of it.
type DraftColumn struct {
	Name string
	Type fencepost.Type
	From string // empty: Name
	Unit string
	Null bool   // the field is not in every record, or null in some
	Seen string // behind the column: -51 .. 573
}

// docColumn is where the comments of a draft begin.
const docColumn = 34

// Text is the file: every key, those that are needed as lines, the others behind "#" with their defaults. The reader
// accepts it as it stands; so it does with any of the "#" taken away, one by one, as far as the keys go together.
func (d Draft) Text() string {
	w := &draftWriter{Draft: d}
	w.b.WriteString("# A pipeline: topics into one sink, exactly once. Behind \"#\": every other key, with its default.\n" +
		"# Secrets: ${NAME} from the environment, ${file:PATH} from a file (sasl: re-read when it changes).\n")
	for _, k := range under("") {
		switch k.path {
		case "source", "schema", "sink", "batch":
			w.b.WriteString(map[string]string{"source": "\n", "schema": "", "sink": "\n", "batch": "\n"}[k.path])
		case "decode":
			w.b.WriteByte('\n')
		}
		w.key(k, 0)
	}
	return w.b.String()
}

type draftWriter struct {
	Draft
	b strings.Builder
}

// key writes one key, and what is under it.
func (w *draftWriter) key(k *key, depth int) {
	switch {
	case w.otherSink(k):
		return
	case k.kind == kindCommands:
		w.commands(k, depth)
	case k.path == "schema":
		w.schema(k)
	case k.kind == kindMap && k.must || k.path == "sink."+w.Sink:
		w.line(depth, k.name()+":", k.doc)
		for _, child := range under(k.path) {
			w.key(child, depth+1)
		}
	case k.kind == kindMap:
		w.line(depth, "# "+k.name()+": "+inline(k), k.doc)
	case k.live != "":
		w.line(depth, k.name()+": "+w.live(k), w.about(k))
	default:
		w.line(depth, "# "+k.name()+": "+k.def, w.about(k))
	}
}

// otherSink reports whether a key is that of a sink which the draft has not.
func (w *draftWriter) otherSink(k *key) bool {
	parent, name := split(k.path)
	return parent == "sink" && name != w.Sink
}

// commands writes one that counts by the first column of text that is always there, sums of two numbers, and all forms.
func (w *draftWriter) commands(k *key, depth int) {
	w.line(depth, k.name()+":", k.doc)
	at, sums := TableName(w.Topic), []string{}
	for _, c := range w.Columns {
		switch {
		case c.Null || !columnWord.MatchString(c.Name):
		case c.Type == fencepost.Text && !strings.Contains(at, "{"):
			at += ":{" + c.Name + "}"
		case c.Type == fencepost.Int && len(sums) < 2:
			sums = append(sums, c.Name)
		}
	}
	w.line(depth+1, "- HINCRBY "+at+" records 1", "KEY FIELD N: counters in a hash")
	for _, c := range sums {
		w.line(depth+1, "- HINCRBY "+at+" "+c+" {"+c+"}", "")
	}
	w.line(depth+1, "# - {command: "+plain("SADD "+at+":days {_timestamp.Format('2006-01-02')}")+", where: _offset > 0}", "")
	w.line(depth+1, "# HSET KEY FIELD VALUE   SET KEY VALUE   SADD KEY MEMBER   ZADD KEY SCORE MEMBER", "")
	w.line(depth+1, "# ZINCRBY KEY N MEMBER   XADD KEY * FIELD VALUE     on a cluster put {group} into every key", "")
}

// columnWord is a name that needs no quotes, neither in a command nor in an expression.
var columnWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// about is a key's comment, with examples for this topic.
func (w *draftWriter) about(k *key) string {
	if !plainText.MatchString(w.Topic) {
		return k.doc
	}
	return strings.ReplaceAll(k.doc, "TOPIC", w.Topic)
}

// inline is a mapping that is not needed, on one line with the defaults of its keys.
func inline(k *key) string {
	var pairs []string
	for _, child := range under(k.path) {
		pairs = append(pairs, child.name()+": "+child.def)
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// live is the value of a key that is a line.
func (w *draftWriter) live(k *key) string {
	switch k.live {
	case "GROUP":
		return plain(w.Group)
	case "[BROKERS]":
		return flow(w.Brokers)
	case "[TOPIC]":
		return flow([]string{w.Topic})
	case "TABLE":
		return plain(TableName(w.Topic))
	case "TABLE.db":
		return plain(TableName(w.Topic) + ".db")
	}
	if k.path == "decode" {
		return w.Decode
	}
	return k.live
}

func (w *draftWriter) schema(k *key) {
	w.line(0, "schema:", k.doc)
	for _, c := range w.Columns {
		w.line(1, plain(c.Name)+": "+c.form(), c.Seen)
	}
	if w.Decode == "json" && len(w.Columns) > 0 {
		c := w.Columns[0]
		w.line(1, fmt.Sprintf("# %s: {type: %s, from: %s, missing: error, mismatch: error}", plain(c.Name), c.Type, plain(c.Name)),
			"or null, or a value")
	}
}

// form is a column's short form, or its long form where it needs one.
func (c DraftColumn) form() string {
	var more []string
	if c.From != "" && c.From != c.Name {
		more = append(more, "from: "+plain(c.From))
	}
	if c.Null {
		more = append(more, "missing: null")
	}
	if c.Unit != "" {
		more = append(more, "unit: "+c.Unit)
	}
	if len(more) == 0 {
		return c.Type.String()
	}
	return "{type: " + c.Type.String() + ", " + strings.Join(more, ", ") + "}"
}

// line writes a line with its comment at docColumn, or behind a longer one; all within 100 columns where it can be.
func (w *draftWriter) line(depth int, text, doc string) {
	text = strings.Repeat("  ", depth) + text
	if doc != "" {
		doc = "# " + strings.ReplaceAll(doc, "\n", " ")
		at := utf8.RuneCountInString(text)
		gap := max(docColumn-at, 3)
		if at+gap+utf8.RuneCountInString(doc) > 100 {
			gap = 1
		}
		text += strings.Repeat(" ", gap) + doc
	}
	w.b.WriteString(text + "\n")
}

// plainText is text that YAML takes without quotes, whatever stands around it.
var plainText = regexp.MustCompile(`^[A-Za-z/.][A-Za-z0-9_./-]*$`)

// plain is a text as YAML, in quotes where it needs them.
func plain(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan":
		return `'` + s + `'`
	}
	if plainText.MatchString(s) {
		return s
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0xfeff || r >= 0x2028 && r <= 0x2029 || r >= 0x80 && r < 0xa0
	}) {
		return fmt.Sprintf("%q", s)
	}
	return `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
}

// hostPortText is HOST:PORT that YAML takes inside [ ].
var hostPortText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*:[0-9]+$`)

func flow(texts []string) string {
	var out []string
	for _, t := range texts {
		if hostPortText.MatchString(t) {
			out = append(out, t)
		} else {
			out = append(out, plain(t))
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// notName are the characters that an unquoted SQL name can not have.
var notName = regexp.MustCompile(`[^a-z0-9_]+`)

// TableName is the table that a draft proposes for a topic: a name that needs no quotes in SQL.
func TableName(topic string) string {
	name := strings.Trim(notName.ReplaceAllString(strings.ToLower(topic), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = strings.TrimSuffix("t_"+name, "_")
	}
	return name
}
