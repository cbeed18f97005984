package redis

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// form is how one layout keeps an offset: which key, which field of it, and what its value says. In keys and fields
// <group>, <topic> and <partition> stand for what differs.
type form struct {
	keys  []string // the usual ones, the first that is there; none: the key must be named
	field string   // of a hash; empty: the key is a string
	value func(string) (from, until fencepost.Offset, err error)
	live  bool
}

// forms are the layouts that were found in other programs (docs/layouts.md).
var forms = map[string]form{
	"pattern-a":        {field: "<topic>|<partition>", value: rangeValue, live: true},
	"group-topic":      {keys: []string{"offset:<group>:<topic>"}, field: "<partition>", value: decimalValue},
	"topic-group":      {keys: []string{"offset:<topic>:<group>"}, field: "<partition>", value: decimalValue},
	"group-dash":       {keys: []string{"<group>", "bs:offset:<group>"}, field: "<topic>-<partition>", value: decimalValue},
	"group-underscore": {keys: []string{"<group>"}, field: "<topic>_<partition>", value: decimalValue},
	"group#topic":      {keys: []string{"<group>#<topic>"}, field: "<partition>", value: decimalValue},
	"topic-string":     {keys: []string{"<topic>_<partition>"}, value: decimalValue},
	"quarkus":          {keys: []string{"<group>:<topic>:<partition>"}, value: quarkusValue},
}

// help is how a URL names the form's keys.
func (f form) help() string {
	if len(f.keys) == 0 {
		return "key=KEY"
	}
	help := "key=" + strings.Join(f.keys, " or key=") + " is the usual one, and needs no key="
	if strings.Contains(f.keys[0], "<group>") {
		help += "; group=G fills in <group>"
	}
	return help
}

// LayoutNames are the names that LayoutConfig.Name takes, sorted.
func LayoutNames() (names []string) {
	for name := range forms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// decimalValue reads one number.
func decimalValue(s string) (from, until fencepost.Offset, err error) {
	until, err = decimal(s)
	return foreign.NoFrom, until, err
}

// rangeValue reads `from|until`, and ignores further fields: the value of our own ledger begins the same way.
func rangeValue(s string) (from, until fencepost.Offset, err error) {
	parts := strings.SplitN(s, "|", 3)
	if len(parts) < 2 {
		return 0, 0, errors.New("it is not from|until")
	}
	if from, err = decimal(parts[0]); err != nil {
		return 0, 0, err
	}
	if until, err = decimal(parts[1]); err != nil {
		return 0, 0, err
	}
	if from > until {
		return 0, 0, fmt.Errorf("it begins at %d, behind its end", from)
	}
	return from, until, nil
}

// quarkusValue reads the number "offset" of a JSON object.
func quarkusValue(s string) (from, until fencepost.Offset, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s), &object); err != nil {
		return 0, 0, fmt.Errorf("it is no JSON object: %w", err)
	}
	number, ok := object["offset"]
	if !ok {
		return 0, 0, errors.New(`it has no "offset"`)
	}
	return decimalValue(string(number))
}

// decimal reads an offset: digits, with white space around them.
func decimal(s string) (fencepost.Offset, error) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, fmt.Errorf("%q is no offset: want digits only", s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s does not fit into 64 bits", s)
	}
	return fencepost.Offset(n), nil
}

// pattern finds topic and partition in a key or field.
type pattern struct {
	re               *regexp.Regexp
	glob             string // for SCAN: what re matches, and perhaps more
	topic, partition int    // which group of re; 0: not in it
}

// Kafka's own rule for the names of topics, which leaves : | # and white space to separate them.
const topicName = `([a-zA-Z0-9._-]{1,249})`

// compiled makes a pattern of a key or field with its placeholders. The last placeholder is the partition's wherever there
// is one, and digits only, so the match is from the right: `a_1_2` is partition 2 of a_1.
func compiled(form string, g fencepost.Group, topic string) (p pattern, err error) {
	var re, glob strings.Builder
	re.WriteString(`^\s*`)
	count := 0
	for form != "" {
		literal, rest, found := strings.Cut(form, "<")
		re.WriteString(regexp.QuoteMeta(literal))
		glob.WriteString(globQuoted(literal))
		if !found {
			break
		}
		name, rest, closed := strings.Cut(rest, ">")
		form = rest
		switch {
		case !closed:
			return p, fmt.Errorf("<%s has no >", name)
		case name == "group":
			re.WriteString(regexp.QuoteMeta(string(g)))
			glob.WriteString(globQuoted(string(g)))
		case name == "topic" && p.topic == 0:
			count++
			p.topic = count
			if topic != "" {
				re.WriteString(`\s*(` + regexp.QuoteMeta(topic) + `)\s*`)
				glob.WriteString(globQuoted(topic))
				continue
			}
			re.WriteString(`\s*` + topicName + `\s*`)
			glob.WriteString("*")
		case name == "partition" && p.partition == 0:
			count++
			p.partition = count
			re.WriteString(`\s*([0-9]+)\s*`)
			glob.WriteString("*")
		default:
			return p, fmt.Errorf("<%s> in it: want <group>, <topic>, <partition>, each once", name)
		}
	}
	re.WriteString(`\s*$`)
	p.glob = glob.String()
	p.re, err = regexp.Compile(re.String())
	return p, err
}

// globQuoted is a text that SCAN's MATCH takes literally.
func globQuoted(s string) string {
	return globEscaper.Replace(s)
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// match adds to tp what the pattern finds in s; ok is false where s is not of this form. A partition that no int32 holds
// is of no form.
func (p pattern) match(s string, tp fencepost.TopicPartition) (_ fencepost.TopicPartition, ok bool) {
	found := p.re.FindStringSubmatch(s)
	if found == nil {
		return tp, false
	}
	if p.topic > 0 {
		tp.Topic = found[p.topic]
	}
	if p.partition > 0 {
		n, err := strconv.ParseInt(found[p.partition], 10, 32)
		if err != nil {
			return tp, false
		}
		tp.Partition = int32(n)
	}
	return tp, tp.Topic != "." && tp.Topic != ".."
}
