package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/internal/text"
)

// How many records a check decodes: the first and the last ones of each partition, since what changes in a topic changes with time.
const (
	sampledRecords    = 600
	sampledPartitions = 100 // of more, those of the lowest numbers
	leastSampled      = 3   // of each end of a partition
	sampledBytes      = 32 << 20
)

// sampled is what a sample of real records shows of the schema.
type sampled struct {
	file     *File
	decoder  fencepost.Decoder
	row      []fencepost.Column
	columns  []sampledColumn
	n, bad   int
	rows     int // of those that decode, and delete nothing
	dropped  int // by where, and tombstones that are skipped
	bytes    int
	firstBad string           // place and reason
	values   []map[string]any // some of them, for where a field may be
	badCode  string
	// described is what the schemas beside change events say of the row.
	described map[string]debezium.Description // :: topic -> the last one
	waits     *fencepost.Unready              // what the decoder waits for: nothing is known of the records then
}

// sampledColumn is what the records that decode have in one column.
type sampledColumn struct {
	filled, null int
	firstNull    string // its place
	least, most  int64  // of an int or a timestamp
}

// records reads and decodes a sample of real records, without joining a group. REQUIRES: the brokers answer, and the topics are there.
func (o *Opened) records(ctx context.Context, t tableFacts) []fencepost.Finding {
	ranges, err := o.sampleRanges(ctx)
	if err != nil {
		return []fencepost.Finding{silentRecords(err)}
	}
	decoder, err := o.File.takesAll().decoder(nil, nil, o.schemas)
	if err != nil {
		return []fencepost.Finding{silentRecords(err)}
	}
	s := &sampled{file: o.File, decoder: decoder(), described: map[string]debezium.Description{}}
	s.row = columnsOf(s.decoder)
	s.columns = make([]sampledColumn, len(s.row))
	for _, r := range ranges {
		if len(r) == 0 {
			continue
		}
		if err := o.Source.Scan(ctx, r, func(rec *fencepost.Record) bool {
			s.see(ctx, rec)
			s.bytes += len(rec.Key) + len(rec.Value)
			return s.bytes < sampledBytes && s.waits == nil
		}); err != nil {
			return []fencepost.Finding{silentRecords(err)}
		}
		if s.waits != nil {
			return []fencepost.Finding{{Subject: "records", Code: s.waits.Code, Text: "the sample was not decoded: " + s.waits.Reason, Silent: true}}
		}
	}
	return s.findings(t)
}

func silentRecords(err error) fencepost.Finding {
	f := fencepost.Finding{Subject: "records", Code: "broker-silent", Text: "the sample was not read: " + err.Error(), Silent: true}
	if fault, ok := errors.AsType[*fencepost.UserError](err); ok {
		f.Code, f.Text, f.Help, f.Facts, f.Silent = fault.Code, fault.Error(), fault.Help, fault.Facts, fault.Passing
	}
	return f
}

// sampleRanges are the first and the last offsets of each partition, as two readings.
func (o *Opened) sampleRanges(ctx context.Context) (ranges [2]map[fencepost.TopicPartition]fencepost.OffsetRange, err error) {
	about, err := o.Source.Cluster().Describe(ctx)
	if err != nil {
		return ranges, err
	}
	tps := slices.Clone(o.File.Source.Partitions)
	if len(tps) == 0 {
		for _, name := range slices.Sorted(maps.Keys(about.Topics)) {
			for p := range min(about.Topics[name].Partitions, sampledPartitions) {
				tps = append(tps, fencepost.TopicPartition{Topic: name, Partition: p})
			}
		}
	}
	tps = tps[:min(len(tps), sampledPartitions)]
	var asks []fencepost.OffsetQuery
	for _, tp := range tps {
		asks = append(asks, fencepost.OffsetQuery{TopicPartition: tp, LeaderEpoch: fencepost.NoEpoch})
	}
	each := fencepost.Offset(max(leastSampled, sampledRecords/2/max(1, len(tps))))
	ranges[0], ranges[1] = map[fencepost.TopicPartition]fencepost.OffsetRange{}, map[fencepost.TopicPartition]fencepost.OffsetRange{}
	for tp, b := range o.Source.Cluster().LogOffsets(ctx, asks) {
		end := b.LastStableOffset
		if o.File.Source.Uncommitted {
			end = b.HighWatermark
		}
		if b.Err != nil || b.Earliest >= end {
			continue
		}
		middle := min(b.Earliest+each, end)
		ranges[0][tp] = fencepost.OffsetRange{From: b.Earliest, Until: middle}
		if last := max(middle, end-each); last < end {
			ranges[1][tp] = fencepost.OffsetRange{From: last, Until: end}
		}
	}
	return ranges, nil
}

// see decodes one record.
func (s *sampled) see(ctx context.Context, r *fencepost.Record) {
	place := fmt.Sprintf("%s at %s", r.TopicPartition, text.Count(r.Offset))
	err := decoded(ctx, s.decoder, r, s.row)
	defer func() {
		for k := range s.row {
			s.row[k].Truncate(0)
		}
	}()
	if err == nil && s.row[0].Len() == 0 {
		s.dropped++
		return
	}
	if waits, ok := errors.AsType[*fencepost.Unready](err); ok {
		s.waits = waits
		return
	}
	s.n++
	s.describe(r)
	if len(s.values) < 20 || err != nil && s.bad < 20 {
		var value map[string]any
		if json.Unmarshal(s.file.body(r), &value) == nil {
			s.values = append(s.values, s.file.rowOf(value))
		}
	}
	if err != nil {
		if s.bad++; s.bad == 1 {
			s.firstBad, s.badCode = place+": "+err.Error(), decode.Undecodable
			if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
				s.firstBad, s.badCode = place+": "+b.Reason, b.Code
			}
		}
		return
	}
	if s.deletes() {
		return // what it has no value for, it takes no null into
	}
	s.rows += s.row[0].Len()
	for k := range s.row {
		for i := range s.row[k].Len() {
			s.columns[k].see(&s.row[k], i, place)
		}
	}
}

// deletes reports whether the record at hand deletes, in a sink that takes it so.
func (s *sampled) deletes() bool {
	op := slices.IndexFunc(s.row, func(c fencepost.Column) bool { return c.Name == fencepost.MetaOp })
	return op >= 0 && s.file.About().Deletes && s.row[op].Text(0) == fencepost.OpDelete
}

// see looks at a row of a column.
func (c *sampledColumn) see(row *fencepost.Column, i int, place string) {
	if row.Null(i) {
		if !row.Absent(i) && !row.Unchanged(i) {
			if c.null++; c.null == 1 {
				c.firstNull = place
			}
		}
		return
	}
	c.filled++
	if row.Type == fencepost.Int || row.Type == fencepost.Timestamp {
		v := row.Int(i)
		if c.filled == 1 {
			c.least, c.most = v, v
		}
		c.least, c.most = min(c.least, v), max(c.most, v)
	}
}

// findings says what is wrong, or that all is well, with notes.
func (s *sampled) findings(t tableFacts) (found []fencepost.Finding) {
	if s.n == 0 && s.dropped > 0 {
		return []fencepost.Finding{{Subject: "records", OK: true, Text: fmt.Sprintf("none of %s makes a row, by %s", text.Plural(s.dropped, "record"), s.file.droppers())}}
	}
	if s.n == 0 {
		return []fencepost.Finding{{Subject: "records", OK: true, Text: "none yet: nothing is known of them"}}
	}
	of := text.Plural(s.n, "record")
	if s.bad > 0 {
		found = append(found, fencepost.Finding{Subject: "records", Code: s.badCode,
			Text: fmt.Sprintf("%s of %s would park: %s", text.Count(s.bad), of, s.firstBad), Help: "mend schema, with missing: or mismatch: of that column; or the record's producer"})
	}
	of = text.Plural(s.n-s.bad, "record")
	if s.file.Explode != "" {
		of = text.Plural(s.rows, "row") + " of " + of
	}
	if s.bad > 0 {
		of += " that decode" // what the others have in a column is not known
	}
	misread, notes := s.stream(t)
	found = append(found, misread...)
	if s.dropped > 0 {
		notes = append(notes, text.Plural(s.dropped, "record")+" besides: no row, by "+s.file.droppers())
	}
	for k := range s.row {
		c, spec := &s.columns[k], s.row[k]
		column := s.file.column(spec.Name)
		switch {
		case s.bad == s.n, spec.Name == fencepost.MetaOp, spec.Name == fencepost.MetaIndex:
		case c.null > 0 && slices.Contains(t.notNull, spec.Name):
			found = append(found, fencepost.Finding{Subject: "records", Code: "record-refused", Key: "schema." + spec.Name,
				Text: fmt.Sprintf("column %s: null in %s of %s, the first is %s, and the table takes none there", spec.Name, text.Count(c.null), of, c.firstNull),
				Help: fmt.Sprintf("let column %s of the table take null; or missing: VALUE in schema, for a field that is not there", spec.Name)})
		case column != nil && c.filled == 0 && (s.file.Decode == "csv" || column.Expr.Text != "" || s.file.Key.has(spec.Name)):
			notes = append(notes, spec.Name+" has no value in any of them")
		case column != nil && c.filled == 0 && s.file.hasFields():
			about, help, there := s.lost(*column)
			switch {
			case help != "":
				found = append(found, fencepost.Finding{Subject: "records", Code: "column-empty", Key: "schema." + spec.Name,
					Text: fmt.Sprintf("column %s: in none of %s%s", spec.Name, of, about), Help: help})
			case there:
				notes = append(notes, spec.Name+" has no value in any of them")
			default:
				notes = append(notes, spec.Name+" is in none of them"+about)
			}
		default:
			notes = append(notes, c.epoch(spec, column)...)
		}
	}
	if len(found) > 0 {
		return found
	}
	return []fencepost.Finding{{Subject: "records", OK: true, Text: strings.Join(append([]string{of + " decode, the first and last of each partition"}, notes...), "; ")}}
}

// droppers are the keys by which a record may make no row.
func (f *File) droppers() string {
	if f.Explode != "" {
		return "explode, where or tombstone"
	}
	return "where or tombstone"
}

// epoch notes a number that looks like a time, and a time whose unit looks like another one.
func (c *sampledColumn) epoch(row fencepost.Column, of *Column) []string {
	switch {
	case c.filled == 0 || of == nil:
		return nil
	case row.Type == fencepost.Int:
		if unit := decode.EpochUnit(float64(c.least), float64(c.most)); unit != decode.NoUnit && c.least > 0 {
			return []string{fmt.Sprintf("%s looks like epoch %s ({type: timestamp, unit: %s})", row.Name, unit, unit)}
		}
	case row.Type == fencepost.Timestamp && of.Unit != "":
		was, _ := decode.ParseUnit(of.Unit)
		per := map[decode.Unit]float64{decode.Seconds: 1e6, decode.Millis: 1e3, decode.Micros: 1, decode.Nanos: 1e-3}[was]
		if per == 0 {
			return nil
		}
		if unit := decode.EpochUnit(float64(c.least)/per, float64(c.most)/per); unit != was && unit != decode.NoUnit {
			return []string{fmt.Sprintf("%s looks like epoch %s, and its unit is %s", row.Name, unit, was)}
		}
	}
	return nil
}
