package zookeeper

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// layoutDamaged is the UserError of an entry that is not of its layout.
func layoutDamaged(path, format string, args ...any) error {
	return &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("node %s: %s", path, fmt.Sprintf(format, args...)), Exit: 1,
		Help: "look at it with zkCli.sh: get " + path + "; mend it, or name the layout that it is of"}
}

// base is the last part of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// parent is the path without its last part.
func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// number reads a number that is not negative, with white space around it.
func number(path, what, s string, bits int) (int64, error) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseInt(s, 10, bits)
	switch {
	case err != nil || s[0] == '+' || s[0] == '-' && n == 0:
		return 0, layoutDamaged(path, "%s %q is no integer of %d bits", what, s, bits)
	case n < 0:
		return 0, layoutDamaged(path, "%s %s is negative", what, s)
	}
	return n, nil
}

// parseNumber reads .../<topic>/<partition> with a number in it.
func parseNumber(path, data string) (e foreign.Entry, err error) {
	p, err := number(path, "partition", base(path), 32)
	if err != nil {
		return e, err
	}
	o, err := number(path, "offset", data, 64)
	e = foreign.Entry{From: foreign.NoFrom, Until: fencepost.Offset(o), Raw: data, Where: path}
	e.Topic, e.Partition = base(parent(path)), int32(p)
	return e, err
}

// parseList reads p:off,p:off of a topic, or topic:p:off,topic:p:off where none is given: from the right, since more may
// come before.
func parseList(path, data, topic string) (entries []foreign.Entry, err error) {
	if strings.TrimSpace(data) == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(data, ",") {
		item = strings.TrimSpace(item)
		f := strings.Split(item, ":")
		e := foreign.Entry{From: foreign.NoFrom, Raw: item, Where: path}
		e.Topic = topic
		switch {
		case topic != "" && len(f) == 2:
		case topic == "" && len(f) == 3 && strings.TrimSpace(f[0]) != "":
			e.Topic = strings.TrimSpace(f[0])
		case topic != "":
			return nil, layoutDamaged(path, "%q is not partition:offset", item)
		default:
			return nil, layoutDamaged(path, "%q is not topic:partition:offset", item)
		}
		p, err := number(path, "partition", f[len(f)-2], 32)
		if err != nil {
			return nil, err
		}
		o, err := number(path, "offset", f[len(f)-1], 64)
		if err != nil {
			return nil, err
		}
		e.Partition, e.Until = int32(p), fencepost.Offset(o)
		entries = append(entries, e)
	}
	return entries, nil
}

// inTurn sorts entries, and refuses a partition that is there twice.
func inTurn(entries []foreign.Entry) error {
	slices.SortStableFunc(entries, func(a, b foreign.Entry) int { return a.Compare(b.TopicPartition) })
	for i := 1; i < len(entries); i++ {
		if a, b := entries[i-1], entries[i]; a.TopicPartition == b.TopicPartition {
			return layoutDamaged(b.Where, "partition %s is there twice: %s, and %s in node %s", b.TopicPartition, b.Raw, a.Raw, a.Where)
		}
	}
	return nil
}

// batch is the JSON of Storm's spouts; which fields are there says which of them wrote it.
type batch struct {
	Topic     *string `json:"topic"`
	Partition *int32  `json:"partition"`

	Offset      json.RawMessage `json:"offset"`
	NextOffset  json.RawMessage `json:"nextOffset"`
	FirstOffset json.RawMessage `json:"firstOffset"`
	LastOffset  json.RawMessage `json:"lastOffset"`
}

// parseBatch reads the JSON.
func parseBatch(path string, data []byte) (b batch, err error) {
	if err := json.Unmarshal(data, &b); err != nil {
		return b, layoutDamaged(path, "it is no JSON of Storm's: %s", err)
	}
	return b, nil
}

// of is the partition of a batch: what the JSON says, else what the path says, else the caller. An empty topic and a
// negative partition say nothing.
func (b batch) of(path, topic string, partition int64, fallback string) (tp fencepost.TopicPartition, err error) {
	if b.Partition != nil && partition >= 0 && int64(*b.Partition) != partition {
		return tp, layoutDamaged(path, "it says partition %d, and should be of %d", *b.Partition, partition)
	}
	if b.Partition != nil {
		partition = int64(*b.Partition)
	}
	switch {
	case b.Topic != nil:
		topic = *b.Topic
	case topic == "":
		topic = fallback
	}
	if topic == "" || partition < 0 {
		return tp, layoutDamaged(path, "nothing says its topic and partition: name the topic")
	}
	return fencepost.TopicPartition{Topic: topic, Partition: int32(partition)}, nil
}

// stormPrefix begins the name of a partition's node.
const stormPrefix = "partition_"

// parseStorm reads .../partition_<p>. topic is what the path says, fallback what the caller does; both may be empty.
func parseStorm(path string, data []byte, topic, fallback string) (e foreign.Entry, err error) {
	name, ok := strings.CutPrefix(base(path), stormPrefix)
	if !ok {
		return e, layoutDamaged(path, "its name is not partition_N")
	}
	p, err := number(path, "partition", name, 32)
	if err != nil {
		return e, err
	}
	b, err := parseBatch(path, data)
	if err != nil {
		return e, err
	}
	o, err := number(path, "offset", string(b.Offset), 64)
	if err != nil {
		return e, err
	}
	e = foreign.Entry{From: foreign.NoFrom, Until: fencepost.Offset(o), Raw: string(data), Where: path}
	if b.Topic != nil && topic != "" && *b.Topic != topic {
		return e, layoutDamaged(path, "it says topic %s, and should be of %s", *b.Topic, topic)
	}
	e.TopicPartition, err = b.of(path, topic, p, fallback)
	return e, err
}

// parseTrident reads a batch of a partition's ID:
//
//	{"offset": 100, "nextOffset": 160}        From 100, Until 160
//	{"firstOffset": 100, "lastOffset": 159}   From 100, Until 159: the number as it is, of which last-processed makes 160
//	{"offset": 100}                           Until 100: a first batch that is not finished
//
// last says that it was the second.
func parseTrident(id, path string, data []byte, topic string) (e foreign.Entry, last bool, err error) {
	b, err := parseBatch(path, data)
	if err != nil {
		return e, false, err
	}
	named, partition := partitionID(id)
	e = foreign.Entry{From: foreign.NoFrom, Raw: string(data), Where: path}
	if e.TopicPartition, err = b.of(path, named, partition, topic); err != nil {
		return e, false, err
	}
	first, second := b.Offset, b.NextOffset
	if b.LastOffset != nil {
		first, second, last = b.FirstOffset, b.LastOffset, true
	}
	if second == nil {
		first, second = nil, first
	}
	until, err := number(path, "offset", string(second), 64)
	if err != nil {
		return e, last, err
	}
	e.Until = fencepost.Offset(until)
	if first == nil {
		return e, last, nil
	}
	from, err := number(path, "offset", string(first), 64)
	switch {
	case err != nil:
		return e, last, err
	case last && from == until+1: // a batch without a record: the last one is from before
		return e, last, nil
	case from > until:
		return e, last, layoutDamaged(path, "it goes from %d back to %d", from, until)
	}
	e.From = fencepost.Offset(from)
	return e, last, nil
}

// partitionID reads Trident's name of a partition, from the right: flights-partition_3 has the topic flights-; flights@3,
// flights:3 and flights/3 have flights; partition_3, 3 and broker:9092:3 have none. What it does not say is empty or
// negative.
func partitionID(id string) (topic string, partition int64) {
	digits := id[len(strings.TrimRight(id, "0123456789")):]
	p, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		return "", -1
	}
	rest := strings.TrimSuffix(id, digits)
	if named, ok := strings.CutSuffix(rest, stormPrefix); ok {
		return named, p
	}
	if rest == "" || !strings.ContainsRune("@:/", rune(rest[len(rest)-1])) || strings.ContainsAny(rest[:len(rest)-1], "@:/") {
		return "", p
	}
	return rest[:len(rest)-1], p
}
