package offsetfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/ledger"
)

// fields makes a row of texts.
func fields(topic, partition, offset string) (r row, err error) {
	r.Topic = strings.TrimSpace(topic)
	if err := goodTopic(r.Topic); err != nil {
		return r, err
	}
	p, err := integer("partition", partition, math.MaxInt32)
	if err != nil {
		return r, err
	}
	o, err := integer("offset", offset, math.MaxInt64)
	r.Partition, r.Until = int32(p), fencepost.Offset(o)
	return r, err
}

// records reads CSV and hands each record with its line to take.
func records(name string, data []byte, take func(line int, fields []string) error) error {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	for {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if p := (*csv.ParseError)(nil); errors.As(err, &p) {
			return damaged(name, p.Line, "no CSV: %w", p.Err)
		}
		line, _ := r.FieldPos(0)
		if len(f) == 1 && strings.TrimSpace(f[0]) == "" {
			continue
		}
		if err := take(line, f); err != nil {
			return damaged(name, line, "%w", err)
		}
	}
}

// readKafkaCSV reads what kafka-consumer-groups --export prints: three columns for one group, four for several.
func readKafkaCSV(name string, data []byte) (c content, err error) {
	width := 0
	err = records(name, data, func(line int, f []string) error {
		if width == 0 {
			width = len(f)
		}
		if len(f) != width || width != 3 && width != 4 {
			return fmt.Errorf("%d columns, want topic,partition,offset or group,topic,partition,offset in every line", len(f))
		}
		r, err := fields(f[width-3], f[width-2], f[width-1])
		if err != nil {
			return err
		}
		r.line = line
		if width == 4 {
			r.group = f[0]
			if r.group == "" {
				return errors.New("the group is empty")
			}
			if err := goodGroup(r.group); err != nil {
				return err
			}
		}
		c.add(name, r)
		return nil
	})
	return c, err
}

func writeKafkaCSV(group fencepost.Group, entries []foreign.Entry) []byte {
	return writeRecords(entries, func(e foreign.Entry) []string {
		f := []string{e.Topic, decimal(e.Partition), decimal(e.Until)}
		if group != "" {
			f = append([]string{string(group)}, f...)
		}
		return f
	})
}

func decimal[T ~int32 | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// writeRecords writes a CSV line for each entry. Leading white space of a group is quoted by the writer itself.
func writeRecords(entries []foreign.Entry, fields func(foreign.Entry) []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, e := range entries {
		_ = w.Write(fields(e)) // a buffer takes everything
	}
	w.Flush()
	return b.Bytes()
}

// readRPK reads topic, partition and offset in blanks or tabs.
func readRPK(name string, data []byte) (content, error) {
	return readLines(name, data, func(text string) ([]string, error) {
		f := strings.Fields(text)
		if len(f) != 3 {
			return nil, fmt.Errorf("%d words, want topic partition offset", len(f))
		}
		return f, nil
	})
}

// readLines reads a topic, a partition and an offset from each line that is not blank. split finds the three.
func readLines(name string, data []byte, split func(string) ([]string, error)) (c content, err error) {
	for i, text := range strings.Split(string(data), "\n") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		f, err := split(text)
		if err != nil {
			return c, damaged(name, i+1, "%w", err)
		}
		r, err := fields(f[0], f[1], f[2])
		if err != nil {
			return c, damaged(name, i+1, "%w", err)
		}
		r.line = i + 1
		c.add(name, r)
	}
	return c, nil
}

func writeRPK(_ fencepost.Group, entries []foreign.Entry) []byte {
	var b []byte
	for _, e := range entries {
		b = fmt.Appendf(b, "%s %d %d\n", e.Topic, e.Partition, e.Until)
	}
	return b
}

// ownColumns is the header of our own CSV: the names of offsets show -o csv.
var ownColumns = []string{"group", "topic", "partition", "position_offset", "position_leader_epoch", "position_topic_id"}

// readOwnCSV reads columns by their names; those that it does not know are passed over, as later versions may add some.
func readOwnCSV(name string, data []byte) (c content, err error) {
	var header []string
	absent := 0
	err = records(name, data, func(line int, f []string) error {
		if header == nil {
			header = f
			return ownHeader(f)
		}
		if len(f) != len(header) {
			return fmt.Errorf("%d columns, the header has %d", len(f), len(header))
		}
		at := func(column string) string {
			if i := slices.Index(header, column); i >= 0 {
				return f[i]
			}
			return ""
		}
		if strings.TrimSpace(at("position_offset")) == "" {
			absent++
			return nil
		}
		r, err := fields(at("topic"), at("partition"), at("position_offset"))
		if err != nil {
			return err
		}
		r.line, r.group = line, at("group")
		r.Own, err = own(r.Until, at("position_leader_epoch"), at("position_topic_id"))
		if err := errors.Join(err, goodGroup(r.group)); err != nil {
			return err
		}
		c.add(name, r)
		return nil
	})
	if absent > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%s: %d partitions have no position and are left out", name, absent))
	}
	return c, err
}

// ownHeader refuses a header without the columns that it takes, or with one of ours twice.
func ownHeader(f []string) error {
	for i, column := range f {
		if slices.Contains(ownColumns, column) && slices.Index(f, column) != i {
			return fmt.Errorf("the header names %s twice", column)
		}
	}
	for _, column := range []string{"topic", "partition", "position_offset"} {
		if !slices.Contains(f, column) {
			return fmt.Errorf("the header has no column %s", column)
		}
	}
	return nil
}

// own is what our exports know of an offset besides. Empty is unknown.
func own(offset fencepost.Offset, epoch, topicID string) (p ledger.Position, err error) {
	p = ledger.Position{Offset: offset, LeaderEpoch: fencepost.NoEpoch}
	if epoch != "" {
		n, err := integer("leader epoch", epoch, math.MaxInt32)
		if err != nil {
			return p, err
		}
		p.LeaderEpoch = fencepost.LeaderEpoch(n)
	}
	p.TopicID, err = fencepost.ParseTopicID(topicID)
	return p, err
}

func writeOwnCSV(group fencepost.Group, entries []foreign.Entry) []byte {
	head := ownColumns
	if group == "" {
		head = head[1:]
	}
	return append([]byte(strings.Join(head, ",")+"\n"), writeRecords(entries, func(e foreign.Entry) []string {
		epoch, id := "", ""
		if e.Own.LeaderEpoch >= 0 && !e.Own.Absent() {
			epoch = decimal(e.Own.LeaderEpoch)
		}
		if e.Own.TopicID != (fencepost.TopicID{}) {
			id = e.Own.TopicID.String()
		}
		f := []string{e.Topic, decimal(e.Partition), decimal(e.Until), epoch, id}
		if group != "" {
			f = append([]string{string(group)}, f...)
		}
		return f
	})...)
}
