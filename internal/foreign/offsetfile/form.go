package offsetfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// Form is one way to write offsets in a file.
type Form struct {
	Name  string
	About string // one line for people
	// Own: the form is ours, so its numbers are next to read, and their meaning need not be given.
	Own    bool
	Folder bool // a folder, not a file
	Says   bool // a file of it may say what its numbers mean: foreign.Offsets.Means

	read  func(name string, data []byte) (content, error) // nil: not read as a file
	write func(group fencepost.Group, entries []foreign.Entry) []byte
}

// Reads reports whether [Open] takes the form.
func (f Form) Reads() bool { return f.read != nil || f.Folder }

// Writes reports whether [Write] takes the form.
func (f Form) Writes() bool { return f.write != nil }

const checkpoint = "spark-checkpoint"

// Forms lists them, our own first.
func Forms() []Form {
	return []Form{
		{Name: "json", Own: true, About: "offsets, topic IDs and epochs; also what offsets show -o json prints", read: readOwnJSON, write: writeOwnJSON},
		{Name: "csv", Own: true, About: "the same, flattened; also what offsets show -o csv prints", read: readOwnCSV, write: writeOwnCSV},
		{Name: "kafka-csv", About: "kafka-consumer-groups: topic,partition,offset or group,topic,partition,offset", read: readKafkaCSV, write: writeKafkaCSV},
		{Name: "get-offsets", About: "kafka-get-offsets: topic:partition:offset; also what kcat -Q prints", read: readGetOffsets, write: writeGetOffsets},
		{Name: "rpk", About: "rpk group seek: topic partition offset", read: readRPK, write: writeRPK},
		{Name: "kcl", About: `kcl: [{"topic":..., "partition":..., "offset":...}]`, read: readKCL, write: writeKCL},
		{Name: "connect", About: "offsets of a Kafka Connect sink, and of MirrorMaker 2's source", Says: true, read: readConnect, write: writeConnect},
		{Name: "spark", About: "Spark's startingOffsets, one line of JSON", read: readSpark, write: writeSpark},
		{Name: checkpoint, About: "checkpoint folder of a Spark streaming query", Folder: true},
	}
}

// find is a form by its name. verb is what it has to be: read, written.
func find(name string, can func(Form) bool, verb string) (Form, error) {
	var names []string
	for _, f := range Forms() {
		if !can(f) {
			continue
		}
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	err := fmt.Errorf("no form of a file is called %q that can be %s", name, verb)
	if name == "" {
		err = errors.New("the name does not tell the form of the file: it ends neither in .json nor in .csv")
	}
	return Form{}, &fencepost.UserError{Code: "layout-unknown", Exit: 2, Err: err,
		Help: "layout= one of: " + strings.Join(names, ", ")}
}

// Options of [Open]. The zero value takes a file of one group.
type Options struct {
	// Group is the one to read from a file that names groups. Empty: the file must hold one only. A file that names
	// none is taken as it is.
	Group fencepost.Group
	// Lower takes the lower offset where two sources of a checkpoint read the same partition and differ, which is refused
	// otherwise.
	Lower bool
}

// file is a Layout of a path. The path is read once, since a pipe has nothing the second time.
type file struct {
	path string
	form Form
	opts Options
	once func() (foreign.Offsets, error)
}

// Stdin is the path of standard input.
const Stdin = "-"

// Open makes a Layout of a path. It reads nothing yet. An empty form is recognised by the ending of the name: .json and .csv
// are our own.
//
// Errors: *fencepost.UserError layout-unknown.
func Open(path, form string, o Options) (foreign.Layout, error) {
	if form == "" {
		form = strings.TrimPrefix(filepath.Ext(path), ".")
		if form != "json" && form != "csv" {
			form = ""
		}
	}
	f, err := find(form, Form.Reads, "read")
	if err != nil {
		return nil, err
	}
	l := &file{path: path, form: f, opts: o}
	l.once = sync.OnceValues(l.read)
	return l, nil
}

// Close has nothing to close: no file is open between reads.
func (l *file) Close() error { return nil }

// Foreign returns what the file holds: it is read by the first call.
func (l *file) Foreign(ctx context.Context) (foreign.Offsets, error) {
	if err := ctx.Err(); err != nil {
		return foreign.Offsets{}, err
	}
	return l.once()
}

func (l *file) read() (foreign.Offsets, error) {
	if l.path == Stdin {
		return l.readFrom(os.Stdin, "stdin")
	}
	info, err := os.Stat(l.path)
	if err != nil {
		return foreign.Offsets{}, unreadable(l.path, err)
	}
	if l.form.Folder {
		if !info.IsDir() {
			return foreign.Offsets{}, damaged(l.path, 0, "a checkpoint is a folder, this is a file")
		}
		return ParseCheckpoint(os.DirFS(l.path), l.path, l.opts)
	}
	if info.IsDir() {
		return foreign.Offsets{}, isFolder(l.path)
	}
	f, err := os.Open(l.path)
	if err != nil {
		return foreign.Offsets{}, unreadable(l.path, err)
	}
	defer f.Close()
	return l.readFrom(f, l.path)
}

// most is how large a file may be: a million partitions take less.
const most = 256 << 20

// readFrom reads an open file; name is for messages.
func (l *file) readFrom(r io.Reader, name string) (foreign.Offsets, error) {
	if l.form.Folder {
		return foreign.Offsets{}, damaged(name, 0, "a checkpoint is a folder")
	}
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return foreign.Offsets{}, unreadable(name, err)
	}
	if len(data) > most {
		return foreign.Offsets{}, damaged(name, 0, "larger than %d MiB: no file of offsets", most>>20)
	}
	return Parse(l.form.Name, name, data, l.opts)
}

// unreadable is the error of a path that cannot be opened.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &fencepost.UserError{Code: "file-not-found", Exit: 2, Err: fmt.Errorf("%s: no such file", path), Help: "ls -l " + filepath.Dir(path)}
	}
	return &fencepost.UserError{Code: "file-not-readable", Exit: 2, Err: fmt.Errorf("%s: %w", path, cause(err)), Help: "ls -l " + path}
}

// cause is an error without the path that the standard library puts in front.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func isFolder(path string) error {
	f := &fencepost.UserError{Code: "file-is-folder", Exit: 2, Err: fmt.Errorf("%s is a folder", path), Help: "name a file in it"}
	if info, err := os.Stat(filepath.Join(path, "offsets")); err == nil && info.IsDir() {
		f.Err, f.Help = fmt.Errorf("%s is a folder, and looks like a Spark checkpoint", path), "layout="+checkpoint
	}
	return f
}

// Parse reads the bytes of a file of that form; name is for messages.
//
// Errors: *fencepost.UserError layout-damaged, layout-unknown, choice-needed.
func Parse(form, name string, data []byte, o Options) (foreign.Offsets, error) {
	f, err := find(form, func(f Form) bool { return f.read != nil }, "read")
	if err != nil {
		return foreign.Offsets{}, err
	}
	data = plain(data)
	if blank(data) {
		return foreign.Offsets{Notes: []string{name + " is empty"}}, nil
	}
	c, err := f.read(name, data)
	if err != nil {
		return foreign.Offsets{}, hinted(err, name, f, data)
	}
	return c.foreign(name, o)
}

// hinted adds to the error of a file which form it looks like.
func hinted(err error, name string, tried Form, data []byte) error {
	f := (*fencepost.UserError)(nil)
	if !errors.As(err, &f) || f.Code != "layout-damaged" {
		return err
	}
	if first, _, _ := bytes.Cut(bytes.TrimLeft(data, "\x00"), []byte("\n")); version(string(bytes.TrimSpace(first))) > 0 {
		return batchFile(name)
	}
	for _, other := range Forms() {
		if other.Name == tried.Name || other.read == nil {
			continue
		}
		if c, err := other.read("", data); err == nil && len(c.rows) > 0 {
			f.Help = "it looks like layout=" + other.Name
			return f
		}
	}
	return f
}

// Write writes entries in a form, in partition order. group may be empty where the form has a place for it. Until is
// taken as next to read: a foreign entry has to be resolved first.
//
// Errors: *fencepost.UserError layout-unknown; a plain error for an entry that no reader would take; those of w.
func Write(w io.Writer, form string, group fencepost.Group, entries ...foreign.Entry) error {
	f, err := find(form, Form.Writes, "written")
	if err != nil {
		return err
	}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b foreign.Entry) int { return a.TopicPartition.Compare(b.TopicPartition) })
	if err := writable(form, group, entries); err != nil {
		return fmt.Errorf("write %s: %w", form, err)
	}
	_, err = w.Write(f.write(group, entries))
	return err
}

// carries refuses a group that a form would not hand on as it is. Most forms have no place for one.
func carries(form, group string) error {
	switch {
	case form != "json" && form != "csv" && form != "kafka-csv":
		return nil
	case form != "json" && strings.Contains(group, "\r"): // a reader of CSV takes a line's end as \n
		return &fencepost.UserError{Code: "bad-value", Err: fmt.Errorf("the group %q holds a carriage return, which CSV does not keep", group), Help: "-o json, or --format json"}
	}
	return goodGroup(group)
}

// writable refuses what the readers of a form would refuse, or take for something else.
func writable(form string, group fencepost.Group, entries []foreign.Entry) error {
	if err := carries(form, string(group)); err != nil {
		return err
	}
	for i, e := range entries {
		if err := goodTopic(e.Topic); err != nil {
			return err
		}
		symbol := form == "spark" && (e.Until == SparkEarliest || e.Until == SparkLatest)
		if e.Partition < 0 || e.Until < 0 && !symbol {
			return fmt.Errorf("%s at %d: negative", e.TopicPartition, e.Until)
		}
		if i > 0 && e.TopicPartition == entries[i-1].TopicPartition {
			return fmt.Errorf("%s: twice", e.TopicPartition)
		}
	}
	return nil
}
