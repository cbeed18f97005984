package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// topicsForm is what source.topics says: names, or a pattern.
type topicsForm struct {
	names   []string
	pattern string
}

// topics reads [a, b] or {pattern: '^a-'}.
func (r *reader) topics(n *node, path string) {
	if n.shape != mapping {
		names := r.texts(n, path)
		if n.shape == list && len(n.items) == 0 {
			r.find("key-missing", n.at, "[TOPIC]", "topics: the list is empty")
		}
		r.values[path] = topicsForm{names: names}
		return
	}
	for i := range n.entries {
		e := &n.entries[i]
		if e.key != "pattern" {
			r.find("unknown-key", e.at, "pattern", "%s has no key %s", path, e.key)
			continue
		}
		pattern, ok := r.text(e.value, path, kindText)
		if !ok {
			continue
		}
		if _, err := regexp.Compile(pattern); err != nil || pattern == "" {
			r.find("bad-value", e.value.at, "'^TOPIC-.*'", "topics.pattern: %s is not a regular expression", shown(pattern))
			continue
		}
		r.values[path] = topicsForm{pattern: pattern}
	}
	if n.find("pattern") == nil && len(n.entries) == 0 {
		r.find("key-missing", n.at, "{pattern: '^TOPIC-'}, or a list", "topics has no pattern")
	}
}

// start reads earliest, latest, a time, or {"flights:0": 42}.
func (r *reader) start(n *node, path string) {
	if n.shape == mapping {
		at := fencepost.StartAt{Kind: fencepost.StartOffsets, Offsets: map[fencepost.TopicPartition]fencepost.Offset{}}
		for i := range n.entries {
			r.startOffset(&n.entries[i], at.Offsets)
		}
		r.values[path] = at
		return
	}
	value, ok := r.text(n, path, kindText)
	if !ok {
		return
	}
	switch value {
	case "earliest":
		r.values[path] = fencepost.StartAt{}
		return
	case "latest":
		r.values[path] = fencepost.StartAt{Kind: fencepost.StartLatest}
		return
	}
	if t, ok := ParseTime(value); ok {
		r.values[path] = fencepost.StartAt{Kind: fencepost.StartTime, Time: t}
		return
	}
	help := text.Nearest(value, []string{"earliest", "latest"})
	if help == "" {
		help = `earliest, latest, 2026-11-21T03:00, or {"TOPIC:0": 42}`
	}
	r.find("bad-value", n.at, help, "start: %s is no place to begin", shown(value))
}

func (r *reader) startOffset(e *entry, offsets map[fencepost.TopicPartition]fencepost.Offset) {
	tps, ok := parseRange(e.key)
	if !ok || len(tps) != 1 {
		r.find("bad-value", e.at, `"TOPIC:0"`, "start: %s is not one partition", shown(e.key))
		return
	}
	value, ok := r.text(e.value, "source.start", kindText)
	if !ok {
		return
	}
	offset, ok := text.ParseCount(value)
	if !ok || offset < 0 {
		r.find("bad-value", e.value.at, "42", "start: %s is not an offset", shown(value))
		return
	}
	offsets[tps[0]] = fencepost.Offset(offset)
}

// mostPartitions bounds what one range may name, so that a slip of a digit is not a million partitions.
const mostPartitions = 100_000

// ranges reads ["flights:0-3", "trips:7"].
func (r *reader) ranges(n *node, path string) {
	if n.shape != list {
		r.wrongShape(n, path, `a list: ["TOPIC:0-3"]`)
		return
	}
	var all []fencepost.TopicPartition
	for _, item := range n.items {
		text, ok := r.text(item, path, kindText)
		if !ok {
			continue
		}
		tps, ok := parseRange(text)
		if !ok {
			r.find("bad-value", item.at, `"TOPIC:0-3"`, "partitions: %s is not TOPIC:P or TOPIC:P-P", shown(text))
			continue
		}
		for _, tp := range tps {
			if slices.Contains(all[:min(len(all), 1000)], tp) {
				r.find("bad-value", item.at, "name each partition once", "partitions: %s stands there twice", tp)
				break
			}
		}
		all = append(all, tps...)
	}
	r.values[path] = all
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
	field   func(*fencepost.Policy) *fencepost.Choice
}{
	{"aged_out", []string{"park", "earliest", "latest"}, func(p *fencepost.Policy) *fencepost.Choice { return &p.AgedOut }},
	{"recreated", []string{"park", "earliest", "latest"}, func(p *fencepost.Policy) *fencepost.Choice { return &p.Recreated }},
	{"truncated", []string{"park", "earliest", "latest", "divergence"},
		func(p *fencepost.Policy) *fencepost.Choice { return &p.Truncated }},
	{"lost_row", []string{"park", "earliest", "latest"}, func(p *fencepost.Policy) *fencepost.Choice { return &p.LostRow }},
}

// choices are all words of a choice, in the order of fencepost.Choice.
var choices = []string{fencepost.Park.String(), fencepost.Earliest.String(), fencepost.Latest.String(),
	fencepost.Divergence.String()}

// policy reads park, earliest, or {aged_out: park, ...}. Its Start is set from source.start later.
func (r *reader) policy(n *node, path string) {
	var p fencepost.Policy
	if n.shape != mapping {
		value, ok := r.text(n, path, kindText)
		switch {
		case !ok:
		case value == "park":
			r.values[path] = p
		case value == "earliest":
			r.values[path] = fencepost.EarliestEverywhere(fencepost.StartAt{})
		default:
			help := text.Nearest(value, []string{"park", "earliest"})
			if help == "" {
				help = "park, earliest, or {aged_out: park, ...}"
			}
			r.find("bad-value", n.at, help, "policy: %s is not a policy", shown(value))
		}
		return
	}
	for i := range n.entries {
		r.verdict(&n.entries[i], &p)
	}
	r.values[path] = p
}

func (r *reader) verdict(e *entry, p *fencepost.Policy) {
	var names []string
	for _, v := range verdicts {
		names = append(names, v.name)
		if v.name != e.key {
			continue
		}
		value, ok := r.text(e.value, "policy."+v.name, kindText)
		switch {
		case !ok:
		case slices.Contains(v.choices, value):
			*v.field(p) = fencepost.Choice(slices.Index(choices, value))
		default:
			help := text.Nearest(value, v.choices)
			if help == "" {
				help = strings.Join(v.choices, ", or ")
			}
			r.find("bad-value", e.value.at, help, "policy.%s: %s is not a choice", v.name, shown(value))
		}
		return
	}
	help := text.Nearest(e.key, names)
	if help == "" {
		help = "keys here: " + strings.Join(names, " ")
	}
	r.find("unknown-key", e.at, help, "policy has no key %s", e.key)
}
