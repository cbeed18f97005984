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
)

// kafkaSource is what one source of a query reads, or where it begins.
type kafkaSource struct {
	file    string // for messages
	line    int
	name    string // line 3, source orders
	offsets node   // {"topic":{"0":183}}
}

// known is the newest version that this program reads of each log. Every version of a commit says the same of its batch: it was
// finished.
var known = map[string]int{"offsets": 2, "commits": 3, "sources": 1}

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
	return name, lines, checkVersion(name, log, string(lines[0]))
}

// checkVersion refuses a version that is not known.
func checkVersion(name, log, text string) error {
	v, most := version(text), known[log]
	switch {
	case v > most:
		return newer(name, 1, fmt.Sprintf("version v%d", v), fmt.Sprintf("v%d", most))
	case v < 1:
		want := "v1"
		if most > 1 {
			want = fmt.Sprintf("v1 or v%d", most)
		}
		return damaged(name, 1, "the version is %q, want %s", strings.ToValidUTF8(text[:min(len(text), 20)], "?"), want)
	}
	return nil
}

// version is the number in v2; 0 for what is none.
func version(line string) int {
	digits, ok := strings.CutPrefix(line, "v")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || digits[0] < '0' || digits[0] > '9' {
		return 0
	}
	return n
}

// newer is the refusal of a form that a later version of its program wrote.
func newer(name string, line int, what, known string) error {
	return &fencepost.UserError{Code: "layout-newer", Err: fmt.Errorf("%s: %s is newer than this program, which knows %s", place(name, line), what, known),
		Help: "take a newer version of this program; nothing was changed"}
}

// readSources reads where the Kafka sources of a query begin, in the order of their names. Sources that are not Kafka are noted.
func readSources(fsys fs.FS, dir string) (all []kafkaSource, notes []string, err error) {
	files, err := fs.Glob(fsys, "sources/*/0")
	if err != nil {
		return nil, nil, unreadable(filepath.Join(dir, "sources"), err)
	}
	for _, at := range files {
		s := kafkaSource{file: filepath.Join(dir, filepath.FromSlash(at)), line: 2, name: "source " + path.Base(path.Dir(at))}
		data, err := fs.ReadFile(fsys, at)
		if err != nil {
			return nil, nil, unreadable(s.file, err)
		}
		data, zero := bytes.CutPrefix(data, []byte{0}) // for Spark 2.1.0, which wrote no version
		data = bytes.TrimSpace(data)
		first, rest, lines := bytes.Cut(data, []byte("\n"))
		switch {
		case zero:
			if err := checkVersion(s.file, "sources", string(bytes.TrimSpace(first))); err != nil {
				return nil, nil, err
			}
			data = rest
		case lines:
			notes = append(notes, s.file+": a source that is not Kafka, passed over")
			continue
		default:
			s.line = 1
		}
		if s.offsets, err = tree(s.file, s.line, data); err != nil {
			return nil, nil, err
		}
		if !fromKafka(s.offsets) {
			notes = append(notes, s.file+": a source that is not Kafka, passed over")
			continue
		}
		all = append(all, s)
	}
	return all, notes, nil
}

// batchFile is the refusal of one file of a checkpoint; the folder is what is read.
func batchFile(name string) error {
	folder := filepath.Dir(filepath.Dir(name))
	return &fencepost.UserError{Code: "layout-damaged", Err: fmt.Errorf("%s is one file of a Spark checkpoint, and does not say whether its batch was finished", name),
		Help: fmt.Sprintf("name the folder: 'file:%s?layout=%s'", folder, checkpoint)}
}
