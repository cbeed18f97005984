package pipeline

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// topicsForm is what source.topics says: names, or a pattern.
type topicsForm struct {
	names   []string
	pattern string
}

// readTopics reads [a, b] or {pattern: '^a-'}.
func readTopics(r *keys.Reader, n *keys.Node, path string) {
	if n.Shape != keys.Mapping {
		names := r.Texts(n, path)
		if n.Shape == keys.List && len(n.Items) == 0 {
			r.Find("key-missing", n.At, "[TOPIC]", "topics: the list is empty")
		}
		r.Set(path, topicsForm{names: names})
		return
	}
	for i := range n.Entries {
		e := &n.Entries[i]
		if e.Key != "pattern" {
			r.Find("unknown-key", e.At, "pattern", "%s has no key %s", path, e.Key)
			continue
		}
		pattern, ok := r.Text(e.Value, path)
		if !ok {
			continue
		}
		if _, err := regexp.Compile(pattern); err != nil || pattern == "" {
			r.Find("bad-value", e.Value.At, "'^TOPIC-.*'", "topics.pattern: %s is not a regular expression", keys.Shown(pattern))
			continue
		}
		r.Set(path, topicsForm{pattern: pattern})
	}
	if n.Find("pattern") == nil && len(n.Entries) == 0 {
		r.Find("key-missing", n.At, "{pattern: '^TOPIC-'}, or a list", "topics has no pattern")
	}
}

// readStart reads earliest, latest, a time, or {"flights:0": 42}.
func readStart(r *keys.Reader, n *keys.Node, path string) {
	if n.Shape == keys.Mapping {
		at := ledger.StartAt{Kind: ledger.StartOffsets, Offsets: map[fencepost.TopicPartition]fencepost.Offset{}}
		for i := range n.Entries {
			readStartOffset(r, &n.Entries[i], at.Offsets)
		}
		r.Set(path, at)
		return
	}
	value, ok := r.Text(n, path)
	if !ok {
		return
	}
	switch value {
	case "earliest":
		r.Set(path, ledger.StartAt{})
		return
	case "latest":
		r.Set(path, ledger.StartAt{Kind: ledger.StartLatest})
		return
	}
	t, err := text.ParseTime(value, time.Local)
	if err == nil {
		r.Set(path, ledger.StartAt{Kind: ledger.StartTime, Time: t})
		return
	}
	if local, ok := errors.AsType[*text.LocalTimeError](err); ok {
		first, second := local.Written()
		r.Find("bad-value", n.At, first+", or "+second, "start: %s", local)
		return
	}
	help := text.Nearest(value, []string{"earliest", "latest"})
	if help == "" {
		help = `earliest, latest, 2026-11-21T03:00, or {"TOPIC:0": 42}`
	}
	r.Find("bad-value", n.At, help, "start: %s is no place to begin", keys.Shown(value))
}

func readStartOffset(r *keys.Reader, e *keys.Entry, offsets map[fencepost.TopicPartition]fencepost.Offset) {
	tps, ok := parseRange(e.Key)
	if !ok || len(tps) != 1 {
		r.Find("bad-value", e.At, `"TOPIC:0"`, "start: %s is not one partition", keys.Shown(e.Key))
		return
	}
	value, ok := r.Text(e.Value, "source.start")
	if !ok {
		return
	}
	offset, ok := text.ParseCount(value)
	if !ok || offset < 0 {
		r.Find("bad-value", e.Value.At, "42", "start: %s is not an offset", keys.Shown(value))
		return
	}
	offsets[tps[0]] = fencepost.Offset(offset)
}

// mostPartitions bounds what one range may name, so that a slip of a digit is not a million partitions.
const mostPartitions = 100_000

// readRanges reads ["flights:0-3", "trips:7"].
func readRanges(r *keys.Reader, n *keys.Node, path string) {
	if n.Shape != keys.List {
		r.WrongShape(n, path, `a list: ["TOPIC:0-3"]`)
		return
	}
	var all []fencepost.TopicPartition
	for _, item := range n.Items {
		text, ok := r.Text(item, path)
		if !ok {
			continue
		}
		tps, ok := parseRange(text)
		if !ok {
			r.Find("bad-value", item.At, `"TOPIC:0-3"`, "partitions: %s is not TOPIC:P or TOPIC:P-P", keys.Shown(text))
			continue
		}
		for _, tp := range tps {
			if slices.Contains(all[:min(len(all), 1000)], tp) {
				r.Find("bad-value", item.At, "name each partition once", "partitions: %s stands there twice", tp)
				break
			}
		}
		all = append(all, tps...)
	}
	r.Set(path, all)
}

// parseRange reads TOPIC:P and TOPIC:P-P. A topic may hold a dash, and no colon.
func parseRange(s string) ([]fencepost.TopicPartition, bool) {
	topic, numbers, ok := strings.Cut(s, ":")
	if !ok || topic == "" {
		return nil, false
	}
	first, last, ok := text.ParseSpan(numbers)
	if !ok || last-first >= mostPartitions {
		return nil, false
	}
	out := make([]fencepost.TopicPartition, last-first+1)
	for i := range out {
		out[i] = fencepost.TopicPartition{Topic: topic, Partition: first + int32(i)}
	}
	return out, true
}

// verdicts are the keys of a policy in its long form, with the choices that make sense for each.
var verdicts = []struct {
	name    string
	choices []string
	field   func(*ledger.Policy) *ledger.Choice
}{
	{"aged_out", []string{"park", "earliest", "latest"}, func(p *ledger.Policy) *ledger.Choice { return &p.AgedOut }},
	{"recreated", []string{"park", "earliest", "latest"}, func(p *ledger.Policy) *ledger.Choice { return &p.Recreated }},
	{"truncated", []string{"park", "earliest", "latest", "divergence"},
		func(p *ledger.Policy) *ledger.Choice { return &p.Truncated }},
	{"lost_row", []string{"park", "earliest", "latest"}, func(p *ledger.Policy) *ledger.Choice { return &p.LostRow }},
}

// choices are all words of a choice, in the order of fencepost.Choice.
var choices = []string{ledger.Park.String(), ledger.Earliest.String(), ledger.Latest.String(),
	ledger.Divergence.String()}

// readPolicy reads park, earliest, or {aged_out: park, ...}. Its Start is set from source.start later.
func readPolicy(r *keys.Reader, n *keys.Node, path string) {
	var p ledger.Policy
	if n.Shape != keys.Mapping {
		value, ok := r.Text(n, path)
		switch {
		case !ok:
		case value == "park":
			r.Set(path, p)
		case value == "earliest":
			r.Set(path, ledger.EarliestEverywhere(ledger.StartAt{}))
		default:
			help := text.Nearest(value, []string{"park", "earliest"})
			if help == "" {
				help = "park, earliest, or {aged_out: park, ...}"
			}
			r.Find("bad-value", n.At, help, "policy: %s is not a policy", keys.Shown(value))
		}
		return
	}
	for i := range n.Entries {
		readVerdict(r, &n.Entries[i], &p)
	}
	r.Set(path, p)
}

func readVerdict(r *keys.Reader, e *keys.Entry, p *ledger.Policy) {
	var names []string
	for _, v := range verdicts {
		names = append(names, v.name)
		if v.name != e.Key {
			continue
		}
		value, ok := r.Text(e.Value, "policy."+v.name)
		switch {
		case !ok:
		case slices.Contains(v.choices, value):
			*v.field(p) = ledger.Choice(slices.Index(choices, value))
		default:
			help := text.Nearest(value, v.choices)
			if help == "" {
				help = strings.Join(v.choices, ", or ")
			}
			r.Find("bad-value", e.Value.At, help, "policy.%s: %s is not a choice", v.name, keys.Shown(value))
		}
		return
	}
	help := text.Nearest(e.Key, names)
	if help == "" {
		help = "keys here: " + strings.Join(names, " ")
	}
	r.Find("unknown-key", e.At, help, "policy has no key %s", e.Key)
}

// policyOwn is the form of policy.
var policyOwn = keys.Own{Read: readPolicy, Schema: policySchema}

func policySchema() keys.Object {
	properties := keys.Object{}
	for _, v := range verdicts {
		properties[v.name] = keys.Object{"enum": v.choices}
	}
	return keys.Object{"anyOf": []any{keys.Object{"enum": []string{"park", "earliest"}},
		keys.Object{"type": "object", "properties": properties, "additionalProperties": false}}}
}

// topicsOwn is the form of source.topics.
var topicsOwn = keys.Own{Read: readTopics, Schema: func() keys.Object {
	return keys.Object{"anyOf": []any{textsSchema(), keys.Object{"type": "object", "properties": keys.Object{"pattern": keys.Object{"type": "string"}},
		"required": []string{"pattern"}, "additionalProperties": false}}}
}}

// startOwn is the form of source.start.
var startOwn = keys.Own{Read: readStart, Schema: func() keys.Object {
	return keys.Object{"anyOf": []any{keys.Object{"type": "string", "examples": []string{"earliest", "latest"}},
		keys.Object{"type": "object", "additionalProperties": keys.Object{"type": "integer", "minimum": 0}}}}
}}

// rangesOwn is the form of source.partitions.
var rangesOwn = keys.Own{Read: readRanges, Schema: func() keys.Object { return textsSchema() }}
