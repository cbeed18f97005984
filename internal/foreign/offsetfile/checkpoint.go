package offsetfile

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// ParseCheckpoint reads the checkpoint folder of a Spark streaming query; name is for messages.
//
//	offsets/41   v1                       written before the batch: where it ends
//	             {"batchWatermarkMs":0,…}
//	             {"orders":{"0":183}}     a line for each source; "-" for one without an offset yet
//	offsets/42   v2                       Spark 4.1 and later, where a new query is asked for it; each keeps its version
//	             {"batchWatermarkMs":0,…}
//	             0:{"orders":{"0":204}}   the source's number or name is before the first colon
//	commits/41   v1                       written after it
//	             {"nextBatchWatermarkMs":0}
//	sources/0/0  v1                       written before the first batch, behind a zero byte: where the source begins
//	             {"orders":{"0":150}}
//
// Reading goes on behind the newest batch that is in both logs. Before the first one it begins where its sources do.
//
// Errors: *fencepost.UserError layout-damaged, layout-newer; layout-ambiguous where two sources read a topic and differ, for
// which o.Lower takes the lower one.
func ParseCheckpoint(fsys fs.FS, name string, o Options) (foreign.Offsets, error) {
	f, err := parseCheckpoint(fsys, name, o)
	if e, ok := err.(*fencepost.UserError); ok && e.Help == mendLine { //nolint:errorlint // it was made here
		e.Help = "change nothing in a checkpoint: take the folder again as Spark left it, with the query stopped"
	}
	return f, err
}

func parseCheckpoint(fsys fs.FS, name string, o Options) (foreign.Offsets, error) {
	begun, err := batches(fsys, name, "offsets")
	if err != nil {
		return foreign.Offsets{}, err
	}
	if begun == nil {
		return foreign.Offsets{}, notCheckpoint(fsys, name)
	}
	done, err := batches(fsys, name, "commits")
	if err != nil {
		return foreign.Offsets{}, err
	}
	newest := int64(-1)
	for _, b := range done {
		if slices.Contains(begun, b) {
			newest = b
		}
	}
	var c content
	if newest < 0 {
		c, err = readStart(fsys, name, begun, o)
	} else if c, err = readBatch(fsys, name, newest, o); err == nil {
		c.notes = append(c.notes, unfinished(name, begun, done, newest)...)
	}
	if err != nil {
		return foreign.Offsets{}, err
	}
	return c.foreign(name, Options{})
}

// notCheckpoint is the refusal of a folder without offsets/, which says where a checkpoint may be.
func notCheckpoint(fsys fs.FS, name string) error {
	err := &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("%s is no Spark checkpoint: it has no folder offsets", name),
		Help: "name the folder of checkpointLocation: it holds offsets, commits and metadata"}
	below, _ := fs.Glob(fsys, "*/offsets")
	if len(below) > 0 {
		err.Help = "try " + filepath.Join(name, path.Dir(below[0]))
	}
	return err
}

// unfinished notes what Spark would do with the batches behind newest, the one that counts.
//
// REQUIRES: newest is in begun and in done.
func unfinished(name string, begun, done []int64, newest int64) (notes []string) {
	would := restart(begun, newest)
	switch {
	case would == "":
	case begun[len(begun)-1] == newest+1:
		notes = append(notes, fmt.Sprintf("%s: %s", name, would))
	default:
		notes = append(notes, fmt.Sprintf("%s: %s. Taken is batch %d, the newest that was finished", name, would, newest))
	}
	if last := done[len(done)-1]; last > newest {
		note := fmt.Sprintf("%s: commits/%d says that batch %d was finished, and offsets/%d is not there: taken is batch %d, so what is behind it comes again",
			name, last, last, last, newest)
		if would == "" {
			note += fmt.Sprintf(". Spark would run batch %d again and then refuse to go on (CONCURRENT_STREAM_LOG_UPDATE)", newest)
		}
		notes = append(notes, note)
	}
	return notes
}

// restart says what Spark would do with a query whose newest finished batch is newest (-1: none); nothing where it would just go
// on. Spark looks at the newest batch and at the one before it, and at no other (MicroBatchExecution.populateStartOffsets; tried
// with 3.5.9 and 4.2.1).
func restart(begun []int64, newest int64) string {
	last := begun[len(begun)-1]
	switch {
	case last > 0 && !slices.Contains(begun, last-1): // whether the newest was finished or not
		return fmt.Sprintf("offsets/%d is there and offsets/%d is not: without its option asyncProgressTrackingEnabled Spark refuses such a folder", last, last-1)
	case last <= newest:
		return ""
	case last == newest+1:
		return fmt.Sprintf("batch %d was begun and not finished: Spark would run it again", last)
	}
	from := begun[slices.IndexFunc(begun, func(b int64) bool { return b > newest })]
	return fmt.Sprintf("batches %d to %d were begun, and commits/ does not say that any was finished: Spark would run batch %d again, and take those before it as finished", from, last, last)
}

// readStart reads where the sources begin: no batch was finished.
func readStart(fsys fs.FS, name string, begun []int64, o Options) (c content, err error) {
	starts, notes, err := readSources(fsys, name)
	if err != nil {
		return c, err
	}
	c.notes = notes
	what := "no batch was begun"
	if n := len(begun); n == 1 {
		what = fmt.Sprintf("batch %d was begun and not finished", begun[0])
	} else if n > 1 {
		what = fmt.Sprintf("batches %d to %d were begun and none was finished", begun[0], begun[n-1])
	}
	if len(starts) == 0 {
		if len(begun) > 0 {
			c.notes = append(c.notes, fmt.Sprintf("%s: %s, and sources/ holds no start of a Kafka source", name, what))
		}
		return c, nil
	}
	const start = "the start that Spark keeps in sources/"
	switch n := len(begun); {
	case n == 0:
		what += ": taken is " + start
	case begun[n-1] == 0:
		what += ": taken is " + start + ", where its next run begins that batch again"
	default:
		what = restart(begun, -1) + ". Taken is " + start
	}
	c.notes = append(c.notes, name+": "+what)
	return c, c.addSources(name, starts, o)
}

// readBatch reads where a finished batch ended.
func readBatch(fsys fs.FS, dir string, id int64, o Options) (c content, err error) {
	if _, _, err := logLines(fsys, dir, "commits", id); err != nil { // one that is torn does not say that its batch was finished
		return c, err
	}
	name, lines, err := logLines(fsys, dir, "offsets", id)
	if err != nil {
		return c, err
	}
	if len(lines) < 3 {
		return c, damaged(name, len(lines), "%d lines, want the version, metadata, and a line for each source", len(lines))
	}
	var sources []kafkaSource
	waiting := false
	for i, text := range lines[2:] {
		s, text, err := sourceLine(name, i+3, string(text), string(lines[0]) == "v2")
		if err != nil {
			return c, err
		}
		if text == "-" {
			waiting = true
			c.note(name, s.line, "%s has no offset yet", s.name)
			continue
		}
		if s.offsets, err = tree(name, s.line, []byte(text)); err != nil {
			return c, err
		}
		if !fromKafka(s.offsets) {
			c.note(name, s.line, "%s is not Kafka, passed over", s.name)
			continue
		}
		sources = append(sources, s)
	}
	if waiting {
		if sources, err = c.addWaiting(fsys, dir, sources); err != nil {
			return c, err
		}
	}
	return c, c.addSources(dir, sources, o)
}

// sourceLine takes the line of a source apart: in v2 its number or name is before the first colon.
func sourceLine(file string, line int, text string, v2 bool) (s kafkaSource, offsets string, err error) {
	s = kafkaSource{file: file, line: line, name: fmt.Sprintf("the source of line %d", line)}
	if !v2 {
		return s, text, nil
	}
	id, offsets, ok := strings.Cut(text, ":")
	if !ok || id == "" || strings.ContainsAny(id, "{\"") {
		return s, "", damaged(file, line, "no source's id before the first colon")
	}
	s.name = "source " + id
	return s, offsets, nil
}

// addWaiting adds to sources those that begin where no line says: a topic of a source without an offset yet.
func (c *content) addWaiting(fsys fs.FS, dir string, sources []kafkaSource) ([]kafkaSource, error) {
	named := map[string]bool{}
	for _, s := range sources {
		for _, topic := range s.offsets.members {
			named[topic.key] = true
		}
	}
	starts, _, err := readSources(fsys, dir)
	if err != nil {
		return nil, err
	}
	for _, s := range starts {
		topics := s.offsets.members
		s.offsets.members = nil
		for _, topic := range topics {
			if !named[topic.key] {
				s.offsets.members = append(s.offsets.members, topic)
				c.notes = append(c.notes, fmt.Sprintf("%s: topic %s is taken from sources/, where its source begins", dir, topic.key))
			}
		}
		sources = append(sources, s)
	}
	return sources, nil
}

// addSources adds what the sources read. Of a topic that two of them read they must agree.
func (c *content) addSources(dir string, sources []kafkaSource, o Options) error {
	rows := map[fencepost.TopicPartition]reading{}
	topics := map[string]kafkaSource{} // :: topic -> the first source that reads it
	for _, s := range sources {
		var own content
		if err := own.addSpark(s.file, s.offsets); err != nil {
			return err
		}
		for _, topic := range s.offsets.members {
			first, twice := topics[topic.key]
			if !twice {
				topics[topic.key] = s
				continue
			}
			if err := samePartitions(topic.key, first, s); err != nil {
				return err
			}
		}
		for _, r := range own.rows {
			was, twice := rows[r.TopicPartition]
			switch {
			case twice && was.source == s.name:
				return damaged(s.file, r.line, "%s stands there twice", r.TopicPartition)
			case twice && was.Until != r.Until:
				if err := c.lower(dir, was, r, s, o); err != nil {
					return err
				}
				if was.Until < r.Until {
					continue
				}
			}
			rows[r.TopicPartition] = reading{r, s.name}
		}
	}
	for _, tp := range slices.SortedFunc(maps.Keys(rows), fencepost.TopicPartition.Compare) {
		r := rows[tp].row
		c.add(strings.TrimSuffix(r.Where, fmt.Sprintf(":%d", r.line)), r)
	}
	return nil
}

// reading is a row with the source that it is of.
type reading struct {
	row
	source string
}

// lower notes that two sources differ, and refuses them unless the lower one was asked for.
func (c *content) lower(dir string, was reading, r row, s kafkaSource, o Options) error {
	differ := fmt.Sprintf("%s: %s is at %d in %s and at %d in %s", s.file, r.TopicPartition, was.Until, was.source, r.Until, s.name)
	if o.Lower {
		c.notes = append(c.notes, differ+": taken is the lower one")
		return nil
	}
	return &fencepost.UserError{Code: "layout-ambiguous", Exit: 2, Err: fmt.Errorf("%s", differ),
		Help: fmt.Sprintf("'file:%s?layout=%s&twice=lower' takes the lower one, which repeats what is between them and loses nothing", dir, checkpoint)}
}

// samePartitions refuses a topic that one source reads more of than another: where a partition is absent, that source begins it
// at its start.
func samePartitions(topic string, a, b kafkaSource) error {
	of := func(s kafkaSource) node { n, _ := s.offsets.member(topic); return n }
	for _, pair := range [2][2]kafkaSource{{a, b}, {b, a}} {
		for _, p := range of(pair[0]).members {
			if _, ok := of(pair[1]).member(p.key); !ok {
				return &fencepost.UserError{Code: "layout-ambiguous", Exit: 2,
					Err:  fmt.Errorf("%s: %s:%s is in %s and not in %s, which reads %s as well", a.file, topic, p.key, pair[0].name, pair[1].name, topic),
					Help: "run the query until both have it: where a source does not name a partition, it begins that one at its start"}
			}
		}
	}
	return nil
}
