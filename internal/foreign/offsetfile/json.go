package offsetfile

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// format is the version of our own JSON. Within it names only grow, so that a reader passes over those it does not know.
const (
	format      = "1"
	formatKnown = 1
)

// readOwnJSON reads what offsets export and offsets show -o json print.
func readOwnJSON(name string, data []byte) (c content, err error) {
	top, err := tree(name, 1, data)
	if err != nil {
		return c, err
	}
	f, err := top.need("format", number)
	if n, bad := strconv.Atoi(f.text); err == nil && bad == nil && n > formatKnown {
		return c, newer(name, top.line, "format "+f.text, format)
	}
	if err == nil && f.text != format {
		err = fmt.Errorf("format %s, this program knows %s", f.text, format)
	}
	if err != nil {
		return c, damaged(name, top.line, "%w", err)
	}
	positions, err := top.need("positions", list)
	if err != nil {
		return c, damaged(name, top.line, "%w", err)
	}
	group := ""
	if g, ok := top.member("group"); ok && g.kind == text {
		group = g.text
	}
	absent := 0
	for _, n := range positions.items {
		at, ok := n.member("position")
		if ok && at.kind == null {
			absent++
			continue
		}
		r, err := ownRow(n)
		if err != nil {
			return c, damaged(name, n.line, "%w", err)
		}
		r.group = group
		c.add(name, r)
	}
	if absent > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%s: %d partitions have no position and are left out", name, absent))
	}
	return c, nil
}

// ownRow reads one of positions.
func ownRow(n node) (r row, err error) {
	at, err := n.need("position", object)
	if err != nil {
		return r, err
	}
	if r, err = n.row(at, "topic", "partition", "offset"); err != nil {
		return r, err
	}
	var epoch, id string
	if v, ok := at.member("leader_epoch"); ok && v.kind != null {
		if v, err = at.need("leader_epoch", number); err != nil {
			return r, err
		}
		epoch = v.text
	}
	if v, ok := at.member("topic_id"); ok && v.kind != null {
		if v, err = at.need("topic_id", text); err != nil {
			return r, err
		}
		id = v.text
	}
	r.Own, err = own(r.Until, epoch, id)
	return r, err
}

// writeOwnJSON writes a line for each position, so that diff shows what moved.
func writeOwnJSON(group fencepost.Group, entries []foreign.Entry) []byte {
	b := fmt.Appendf(nil, `{"format": %s, "command": "offsets export", "group": %s, "positions": [`, format, textOrNull(string(group)))
	return writeList(b, entries, func(e foreign.Entry) string {
		epoch := "null"
		if e.Own.LeaderEpoch >= 0 && !e.Own.Absent() {
			epoch = decimal(e.Own.LeaderEpoch)
		}
		id := ""
		if e.Own.TopicID != (fencepost.TopicID{}) {
			id = e.Own.TopicID.String()
		}
		return fmt.Sprintf(`{"topic": %q, "partition": %d, "position": {"offset": %d, "leader_epoch": %s, "topic_id": %s}}`,
			e.Topic, e.Partition, e.Until, epoch, textOrNull(id))
	}, "]}\n")
}

// writeList writes entries with commas, one a line. Topic names need no escapes.
func writeList(b []byte, entries []foreign.Entry, one func(foreign.Entry) string, end string) []byte {
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, "\n  "...), one(e)...)
	}
	return append(b, end...)
}

func textOrNull(s string) string {
	if s == "" {
		return "null"
	}
	b, _ := json.Marshal(s) // a string always is
	return string(b)
}

// readKCL reads kcl's list.
func readKCL(name string, data []byte) (c content, err error) {
	top, err := tree(name, 1, data)
	if err != nil {
		return c, err
	}
	if top.kind != list {
		return c, damaged(name, top.line, "%s, want a list", top.kind)
	}
	for _, n := range top.items {
		r, err := n.row(n, "topic", "partition", "offset")
		if err != nil {
			return c, damaged(name, n.line, "%w", err)
		}
		c.add(name, r)
	}
	return c, nil
}

func writeKCL(_ fencepost.Group, entries []foreign.Entry) []byte {
	return writeList([]byte("["), entries, func(e foreign.Entry) string {
		return fmt.Sprintf(`{"topic": %q, "partition": %d, "offset": %d}`, e.Topic, e.Partition, e.Until)
	}, "]\n")
}

// readConnect reads the offsets of a connector: those of a sink, or of MirrorMaker 2's source. Another source connector's are of
// its own system, and noted.
func readConnect(name string, data []byte) (c content, err error) {
	top, err := tree(name, 1, data)
	if err != nil {
		return c, err
	}
	offsets, err := top.need("offsets", list)
	if err != nil {
		return c, damaged(name, top.line, "%w", err)
	}
	sink := false
	for _, n := range offsets.items {
		of, err := n.need("partition", object)
		if err != nil {
			return c, damaged(name, n.line, "%w", err)
		}
		form := connectForm(of)
		if form == nil {
			c.note(name, n.line, "of another system than Kafka, passed over: %s", keys(of))
			continue
		}
		if at, ok := n.member("offset"); ok && at.kind == null {
			c.note(name, n.line, "the offset is null: it asks Connect to forget that partition; passed over")
			continue
		}
		r, err := form.row(n, of)
		if err != nil {
			return c, damaged(name, n.line, "%w", err)
		}
		sink = sink || form == connectSink
		if form == mirrorMaker {
			c.word, c.means = "cluster", foreign.MeaningLastProcessed
		}
		c.add(name, r)
	}
	if clusters := c.groups(); len(clusters) == 1 {
		c.notes = append(c.notes, fmt.Sprintf("%s: MirrorMaker 2 names the cluster of these offsets %s", name, clusters[0]))
	}
	if sink && c.means != foreign.MeaningUnset {
		return c, damaged(name, 0, "offsets of MirrorMaker 2 and of a sink in one file: their numbers mean different things")
	}
	return c, nil
}

// connectKeys are the names under which a connector keeps an offset of Kafka.
type connectKeys struct{ cluster, topic, partition, offset string }

var (
	connectSink = &connectKeys{topic: "kafka_topic", partition: "kafka_partition", offset: "kafka_offset"}
	// mirrorMaker keeps the offset of the last record that it copied, in the cluster that it reads.
	mirrorMaker = &connectKeys{cluster: "cluster", topic: "topic", partition: "partition", offset: "offset"}
)

// connectForm is who keeps an offset of Kafka under these keys; nil for another system's.
func connectForm(of node) *connectKeys {
	has := func(key string) bool { _, ok := of.member(key); return ok }
	switch m := mirrorMaker; {
	case has(connectSink.topic), has(connectSink.partition):
		return connectSink
	case has(m.cluster) && has(m.topic) && has(m.partition) && len(of.members) == 3:
		return m
	}
	return nil
}

// row reads one of offsets.
func (k *connectKeys) row(n, of node) (r row, err error) {
	at, err := n.need("offset", object)
	if err != nil {
		return r, err
	}
	if r, err = of.row(at, k.topic, k.partition, k.offset); err != nil || k.cluster == "" {
		return r, err
	}
	cluster, err := of.need(k.cluster, text)
	r.group = cluster.text
	return r, err
}

// keys are the names in an object.
func keys(n node) string {
	var names []string
	for _, m := range n.members {
		names = append(names, m.key)
	}
	if len(names) == 0 {
		return "{}"
	}
	return few(names)
}

func writeConnect(_ fencepost.Group, entries []foreign.Entry) []byte {
	return writeList([]byte(`{"offsets": [`), entries, func(e foreign.Entry) string {
		return fmt.Sprintf(`{"partition": {"kafka_topic": %q, "kafka_partition": %d}, "offset": {"kafka_offset": %d}}`, e.Topic, e.Partition, e.Until)
	}, "]}\n")
}

// SparkEarliest and SparkLatest are the two symbols of Spark's startingOffsets. Spark refuses a JSON that leaves out a
// partition of a topic it names: who knows of one without a position may write either, and [Write] takes them in the
// form spark only.
const (
	SparkEarliest fencepost.Offset = -2
	SparkLatest   fencepost.Offset = -1
)

// readSpark reads Spark's startingOffsets. Its symbols are no positions, and refused as negative.
func readSpark(name string, data []byte) (c content, err error) {
	top, err := tree(name, 1, data)
	if err != nil {
		return c, err
	}
	if !fromKafka(top) {
		return c, damaged(name, top.line, `want {"topic":{"partition":offset}}`)
	}
	return c, c.addSpark(name, top)
}

// fromKafka distinguishes the offset of Spark's Kafka source from that of another source: an object of objects whose keys are
// integers. One damaged number does not make it another source's.
func fromKafka(n node) bool {
	if n.kind != object {
		return false
	}
	partitions, strange := 0, 0
	for _, topic := range n.members {
		if topic.value.kind != object {
			return false
		}
		for _, p := range topic.value.members {
			if _, err := integer("partition", p.key, 1<<31-1); err == nil {
				partitions++
			} else {
				strange++
			}
		}
	}
	return strange == 0 || partitions > 0
}

// addSpark adds {"topic":{"0":183}}.
func (c *content) addSpark(name string, top node) error {
	for _, topic := range top.members {
		for _, p := range topic.value.members {
			if p.value.kind != number {
				return damaged(name, p.value.line, "%s:%s is %s, want a number", topic.key, p.key, p.value.kind)
			}
			r, err := fields(topic.key, p.key, p.value.text)
			if err != nil {
				return damaged(name, p.value.line, "%s:%s: %w", topic.key, p.key, err)
			}
			r.line = p.value.line
			c.add(name, r)
		}
	}
	return nil
}

// writeSpark writes one line, as a Spark option takes it.
func writeSpark(_ fencepost.Group, entries []foreign.Entry) []byte {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range entries {
		switch {
		case i == 0:
			fmt.Fprintf(&b, "%q:{", e.Topic)
		case entries[i-1].Topic != e.Topic:
			fmt.Fprintf(&b, "},%q:{", e.Topic)
		default:
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":%d`, e.Partition, e.Until)
	}
	if len(entries) > 0 {
		b.WriteByte('}')
	}
	b.WriteString("}\n")
	return []byte(b.String())
}
