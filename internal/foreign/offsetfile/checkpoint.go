package offsetfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// ParseCheckpoint reads the checkpoint folder of a Spark streaming query; name is for messages.
//
//	offsets/41  v1                       written before the batch: where it ends
//	            {"batchWatermarkMs":0,…}
//	            {"orders":{"0":183}}     a line for each source; "-" for one without an offset yet
//	commits/41  v1                       written after it
//	            {"nextBatchWatermarkMs":0}
//
// Reading goes on behind the newest batch that is in both. One that was begun and not finished is noted: Spark would
// run it again.
//
// Errors: *fencepost.UserError layout-damaged.
func ParseCheckpoint(fsys fs.FS, name string) (foreign.Offsets, error) {
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
	if newest >= 0 {
		if c, err = readBatch(fsys, name, newest); err != nil {
			return foreign.Offsets{}, err
		}
	}
	c.notes = append(c.notes, unfinished(name, begun, done, newest)...)
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

// batches lists the batches of a log in order; nil if there is no such folder. Hidden files, checksums and files that
// are still being written are not batches.
func batches(fsys fs.FS, name, log string) ([]int64, error) {
	list, err := fs.ReadDir(fsys, log)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadable(filepath.Join(name, log), err)
	}
	ids := []int64{}
	for _, f := range list {
		id, err := strconv.ParseInt(f.Name(), 10, 64)
		if err == nil && id >= 0 && strconv.FormatInt(id, 10) == f.Name() && !f.IsDir() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// unfinished notes what was begun behind the batch that counts.
func unfinished(name string, begun, done []int64, newest int64) (notes []string) {
	if last := len(begun) - 1; last >= 0 && begun[last] > newest {
		from := begun[slices.IndexFunc(begun, func(b int64) bool { return b > newest })]
		note := fmt.Sprintf("%s: batch %d was begun and not finished: Spark would run it again", name, from)
		if begun[last] > from {
			note = fmt.Sprintf("%s: batches %d to %d were begun and not finished: Spark would run them again", name, from, begun[last])
		}
		notes = append(notes, note)
	}
	if last := len(done) - 1; last >= 0 && done[last] > newest {
		notes = append(notes, fmt.Sprintf("%s: commits/%d says that batch %d was finished, and offsets/%d is not there: taken is batch %d",
			name, done[last], done[last], done[last], newest))
	}
	return notes
}

// readBatch reads where a finished batch ended.
func readBatch(fsys fs.FS, dir string, id int64) (c content, err error) {
	if err := checkCommit(fsys, dir, id); err != nil {
		return c, err
	}
	name, lines, err := logLines(fsys, dir, "offsets", id)
	if err != nil {
		return c, err
	}
	if len(lines) < 3 {
		return c, damaged(name, len(lines), "%d lines, want v1, metadata, and a line for each source", len(lines))
	}
	topics := map[string]int{} // :: topic -> line
	for i, text := range lines[2:] {
		line := i + 3
		if string(text) == "-" {
			c.note(name, line, "a source without an offset yet")
			continue
		}
		n, err := tree(name, line, text)
		if err != nil {
			return c, err
		}
		if !fromKafka(n) {
			c.note(name, line, "a source that is not Kafka, passed over")
			continue
		}
		for _, m := range n.members {
			if was, twice := topics[m.key]; twice {
				return c, damaged(name, line, "topic %s is read by two sources, first in line %d: they stand apart, and neither is the position", m.key, was)
			}
			topics[m.key] = line
		}
		if err := c.addSpark(name, n); err != nil {
			return c, err
		}
	}
	return c, nil
}

// checkCommit refuses a commit that is empty or torn: it does not say that its batch was finished.
func checkCommit(fsys fs.FS, dir string, id int64) error {
	_, _, err := logLines(fsys, dir, "commits", id)
	return err
}

// logLines reads one file of a log and checks its version.
func logLines(fsys fs.FS, dir, log string, id int64) (name string, lines [][]byte, err error) {
	at := log + "/" + strconv.FormatInt(id, 10)
	name = filepath.Join(dir, filepath.FromSlash(at))
	data, err := fs.ReadFile(fsys, at)
	if err != nil {
		return name, nil, unreadable(name, err)
	}
	for _, l := range bytes.Split(bytes.TrimSpace(plain(data)), []byte("\n")) {
		lines = append(lines, bytes.TrimSpace(l))
	}
	if v := string(lines[0]); v != "v1" {
		if log == "commits" && v == "v2" {
			return name, lines, nil // says the same, and more about state
		}
		return name, nil, damaged(name, 1, "the version is %q, want v1", strings.ToValidUTF8(v[:min(len(v), 20)], "?"))
	}
	return name, lines, nil
}
