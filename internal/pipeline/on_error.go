package pipeline

import (
	"strings"

	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// treatments are the words of what becomes of a bad record, in the order of engine.Treatment.
var treatments = []string{engine.Park.String(), engine.Skip.String(), engine.DeadLetter.String()}

// badKinds are the keys of on_error in its long form.
var badKinds = []struct {
	name  string
	field func(*engine.OnError) *engine.Treatment
}{
	{"undecodable", func(o *engine.OnError) *engine.Treatment { return &o.Undecodable }},
	{"refused", func(o *engine.OnError) *engine.Treatment { return &o.Refused }},
	{"too_large", func(o *engine.OnError) *engine.Treatment { return &o.TooLarge }},
}

// onErrorOwn is the form of on_error.
var onErrorOwn = keys.Own{Read: readOnError, Schema: onErrorSchema}

// readOnError reads park, skip, dead_letter, or {undecodable: dead_letter, max: 100 in 1m}.
func readOnError(r *keys.Reader, n *keys.Node, path string) {
	var o engine.OnError
	if n.Shape != keys.Mapping {
		t, ok := readTreatment(r, n, path)
		if ok {
			r.Set(path, engine.OnError{Undecodable: t, Refused: t, TooLarge: t})
		}
		return
	}
	for i := range n.Entries {
		readBadKind(r, &n.Entries[i], &o)
	}
	r.Set(path, o)
}

// readTreatment reads one word.
func readTreatment(r *keys.Reader, n *keys.Node, path string) (engine.Treatment, bool) {
	value, ok := r.Text(n, path)
	if !ok {
		return 0, false
	}
	for i, word := range treatments {
		if word == value {
			return engine.Treatment(i), true
		}
	}
	help := text.Nearest(value, treatments)
	if help == "" {
		help = strings.Join(treatments, ", or ")
	}
	r.Find("bad-value", n.At, help, "%s: %s is not a choice", path, keys.Shown(value))
	return 0, false
}

func readBadKind(r *keys.Reader, e *keys.Entry, o *engine.OnError) {
	names := []string{"max"}
	for _, k := range badKinds {
		if names = append(names, k.name); k.name == e.Key {
			if t, ok := readTreatment(r, e.Value, "on_error."+k.name); ok {
				*k.field(o) = t
			}
			return
		}
	}
	if e.Key == "max" {
		readMost(r, e.Value, o)
		return
	}
	help := text.Nearest(e.Key, names)
	if help == "" {
		help = "keys here: " + strings.Join(names, " ")
	}
	r.Find("unknown-key", e.At, help, "on_error has no key %s", e.Key)
}

// readMost reads 100 in 1m, or none.
func readMost(r *keys.Reader, n *keys.Node, o *engine.OnError) {
	value, ok := r.Text(n, "on_error.max")
	if !ok {
		return
	}
	if value == "none" {
		o.Max = -1
		return
	}
	count, per, both := strings.Cut(value, " in ")
	most, isCount := text.ParseCount(strings.TrimSpace(count))
	window, isTime := text.ParseDuration(strings.TrimSpace(per))
	if !both || !isCount || most < 1 || most > 1<<30 || !isTime || window <= 0 {
		r.Find("bad-value", n.At, "100 in 1m, or none", "on_error.max: %s is not a count in a time", keys.Shown(value))
		return
	}
	o.Max, o.Per = int(most), window
}

func onErrorSchema() keys.Object {
	properties := keys.Object{"max": keys.Object{"type": "string", "examples": []string{"100 in 1m", "none"}}}
	for _, k := range badKinds {
		properties[k.name] = keys.Object{"enum": treatments}
	}
	return keys.Object{"anyOf": []any{keys.Object{"enum": treatments},
		keys.Object{"type": "object", "properties": properties, "additionalProperties": false}}}
}
