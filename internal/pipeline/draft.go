package pipeline

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/internal/text"
)

// Draft is a new pipeline file: what init knows of a topic.
type Draft struct {
	Group    string
	Source   kinds.Source // brokers, TLS and login
	Topic    string
	Sink     string // one of Sinks
	Decode   string // json, csv, raw, avro or protobuf
	CSV      string // the keys of csv that are needed; empty: none is
	Registry string // its URL; empty: one to begin with
	Columns  []keys.DraftColumn
	// Of a change stream: its envelope (empty: it is none), the key of its rows, and what the source may lose by its schema.
	Envelope string
	Key      []string
	Accepts  []debezium.Loss
}

// Next is what to type after the draft was written to a file.
func (d Draft) Next(file string) []string {
	return append(exports(d.Source.SASL), kinds.Next(d.Sink, text.Shell(file), keys.TableName(d.Topic))...)
}

// docColumn is where the comments of a draft begin.
const docColumn = 34

// Text is the file: every key, those that are needed as lines, the others behind "#" with their defaults. The reader
// accepts it unchanged; so it does with any of the "#" taken away, one by one, as far as the keys go together.
func (d Draft) Text() string {
	w := &draftWriter{Draft: d}
	w.b.WriteString("# A pipeline: topics into one sink, exactly once. Behind \"#\": every other key, with its default.\n" +
		"# Secrets, and any value: ${NAME} or ${NAME:-DEFAULT} from the environment, ${file:PATH} from a file\n" +
		"# (sasl: re-read when it changes). For one call: --set KEY=VALUE.\n")
	for _, k := range fileKeys.Under("") {
		switch k.Path {
		case "source", "schema", "sink", "batch":
			w.b.WriteString(map[string]string{"source": "\n", "schema": "", "sink": "\n", "batch": "\n"}[k.Path])
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
func (w *draftWriter) key(k *keys.Row, depth int) {
	login := map[string]string{"source.tls": tlsText(w.Source.TLS), "source.sasl": saslText(w.Source.SASL)}[k.Path]
	switch {
	case w.otherSink(k), k.Path == "registry" && !slices.Contains([]string{"json_schema", "avro", "protobuf"}, w.Decode),
		(k.Path == "avro" || k.Path == "protobuf") && w.Decode != k.Path,
		w.Envelope != "" && slices.Contains(ofEnvelope, k.Path):
		return
	case k.Path == "envelope" && w.Envelope != "":
		w.line(depth, "envelope: "+w.Envelope, k.Doc)
	case k.Path == "accepts" && w.Accepts != nil:
		w.line(depth, "accepts:", "what does not arrive as it is; without its word it is refused")
		for _, l := range w.acceptLines() {
			w.line(depth+1, l.Text, l.Doc)
		}
	case k.Path == "sink."+w.Sink+".key" && k.Form == keys.FormTexts && w.Key != nil:
		w.line(depth, "key: "+flow(w.Key), k.Doc)
	case k.Path == "csv" && w.CSV != "":
		w.line(depth, "csv: "+w.CSV, k.Doc)
	case login != "":
		w.line(depth, k.Name()+": "+login, k.Doc)
	case k.Form == keys.FormOwn && k.Own.Draft != nil:
		w.line(depth, k.Name()+":", k.Doc)
		for _, l := range k.Own.Draft(w.Topic, w.Decode, w.Columns) {
			w.line(depth+1, l.Text, l.Doc)
		}
	case k.Form == keys.FormMap && k.Must, k.Path == "sink."+w.Sink, k.Path == "registry":
		w.line(depth, k.Name()+":", k.Doc)
		for _, child := range fileKeys.Under(k.Path) {
			w.key(child, depth+1)
		}
	case k.Form == keys.FormMap:
		w.line(depth, "# "+k.Name()+": "+inline(k), k.Doc)
	case k.Live != "":
		w.line(depth, k.Name()+": "+w.live(k), w.about(k))
	default:
		w.line(depth, "# "+k.Name()+": "+k.Def, w.about(k))
	}
}

// ofEnvelope are keys that an envelope decides.
var ofEnvelope = []string{"csv", "key", "explode", "unknown_fields", "tombstone"}

// otherSink reports whether a key is that of a sink which the draft has not.
func (w *draftWriter) otherSink(k *keys.Row) bool {
	parent, name := keys.Split(k.Path)
	return parent == "sink" && name != w.Sink
}

// about is a key's comment, with examples for this topic.
func (w *draftWriter) about(k *keys.Row) string {
	if !keys.IsPlain(w.Topic) {
		return k.Doc
	}
	return strings.ReplaceAll(k.Doc, "TOPIC", w.Topic)
}

// inline is a mapping that is not needed, on one line with the defaults of its keys.
func inline(k *keys.Row) string {
	var pairs []string
	for _, child := range fileKeys.Under(k.Path) {
		pairs = append(pairs, child.Name()+": "+child.Def)
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// live is the value of a key that is a line.
func (w *draftWriter) live(k *keys.Row) string {
	switch k.Live {
	case "GROUP":
		return keys.Plain(w.Group)
	case "[BROKERS]":
		return flow(w.Source.Brokers)
	case "[TOPIC]":
		return flow([]string{w.Topic})
	}
	if ending, ok := strings.CutPrefix(k.Live, "TABLE"); ok {
		return keys.Plain(keys.TableName(w.Topic) + ending)
	}
	switch {
	case k.Path == "decode":
		return w.Decode
	case k.Path == "registry.url" && w.Registry != "":
		return keys.Plain(w.Registry)
	}
	return k.Live
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

// hostPortText is HOST:PORT that YAML takes inside [ ].
var hostPortText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*:[0-9]+$`)

func flow(texts []string) string {
	var out []string
	for _, t := range texts {
		if hostPortText.MatchString(t) {
			out = append(out, t)
		} else {
			out = append(out, keys.Plain(t))
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}
