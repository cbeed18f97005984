package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Environment is where the references of a file are looked up.
type Environment = keys.Environment

// Source is how a file connects to its brokers.
type Source = kinds.Source

// Process is the environment of this process.
func Process() *Environment { return keys.Process() }

// Invalid says everything that is wrong with a file.
type Invalid = keys.Invalid

// SyntaxError says that a file is no YAML.
type SyntaxError = keys.SyntaxError

// File is a pipeline file that was read and found good.
type File struct {
	Name   string // as the user wrote it
	Group  fencepost.Group
	Source kinds.Source

	Envelope      string          // around the row: none, debezium or debezium_with_schema
	Accepts       []debezium.Loss // of a change stream: what may be lost of values at their source
	Decode        string          // json, csv, raw, json_schema, avro or protobuf
	CSV           CSV             // of decode: csv
	Schema        []Column        // in the order of the file, the computed ones last; for raw, at most one that is not computed
	RefuseUnknown bool            // unknown_fields: error
	Key           Key             // columns of the record's key
	Explode       string          // the path of an array, each of whose elements is a row; empty: a record is one row
	Where         Expression      // of a row that is kept; empty: all are
	Tombstone     string          // of a record without a value: park, skip, nulls or delete; not for raw
	Protobuf      kinds.Protobuf
	Registry      kinds.Registry
	Avro          kinds.Avro

	Sink        kinds.Named[kinds.Sink]
	Ledger      kinds.Named[kinds.Ledger]   // zero where the sink keeps it
	Mirrors     []kinds.Named[kinds.Mirror] // copies of the committed offsets, besides the Kafka group's
	KeepCommits ledger.KeepCommits

	Batch  engine.BatchBounds
	Rate   int
	Policy ledger.Policy // with Start
	// OnError is what becomes of records that cannot be applied.
	OnError engine.OnError
	Watch   time.Duration
	Drain   time.Duration
	// CommitTimeout bounds one try of a commit.
	CommitTimeout time.Duration
	Webhook       Webhook
	LogFormat     string // auto, text or json

	of     fencepost.Group       // of a backfill: the group that it runs beside
	places map[string]keys.Place // :: path -> its key in the file
}

// mostBytes bounds a file: ours are a few KiB.
const mostBytes = 1 << 20

// Load reads a pipeline file. A file that cannot be read or is no YAML is a *fencepost.UserError or *SyntaxError, both
// for exit 2; one that says something wrong is an *Invalid with all findings.
func Load(name string, env *keys.Environment) (*File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fileFault(name, err)
	}
	if info.IsDir() {
		help := "name a file in it"
		if found := yamlFiles(name); len(found) > 0 {
			help = "name a file in it: " + filepath.Join(name, found[0])
		}
		return nil, &fencepost.UserError{Code: "file-is-folder", Exit: 2, Err: fmt.Errorf("%s: a folder, no file", name), Help: help}
	}
	if info.Size() > mostBytes {
		return nil, &fencepost.UserError{Code: "file-not-readable", Exit: 2, Help: "name the pipeline file",
			Err: fmt.Errorf("%s: %d bytes: too large to be a pipeline file", name, info.Size())}
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, fileFault(name, err)
	}
	return Parse(name, src, env)
}

// fileFault names the nearest file that there is.
func fileFault(name string, err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return &fencepost.UserError{Code: "file-not-readable", Exit: 2, Err: errors.New(keys.PlainPathError(name, err)),
			Help: "mend who may read it: ls -l " + name}
	}
	if scheme, _, ok := strings.Cut(name, "://"); ok {
		return &fencepost.UserError{Code: "usage", Exit: 2, Err: fmt.Errorf("a pipeline file is wanted here, no URL %s://… (not shown: it may hold a password)", scheme),
			Help: "name the pipeline file; to write one: fencepost init"}
	}
	dir := filepath.Dir(name)
	help := "to write one: fencepost init"
	if near := text.Nearest(filepath.Base(name), yamlFiles(dir)); near != "" {
		help = filepath.Join(dir, near) + " exists; to write one: fencepost init"
	}
	return &fencepost.UserError{Code: "file-not-found", Exit: 2, Err: fmt.Errorf("%s: no such file", name), Help: help}
}

// yamlFiles lists the YAML files of a folder.
func yamlFiles(dir string) []string {
	var out []string
	entries, _ := os.ReadDir(dir) // an unreadable folder has no file to suggest
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			out = append(out, e.Name())
		}
	}
	return out
}

// Parse reads the text of a pipeline file; see Load.
func Parse(name string, src []byte, env *keys.Environment) (*File, error) {
	r, err := keys.Read(fileKeys, name, src, env)
	if err != nil {
		return nil, err
	}
	f := readFile(r, name)
	rules(r, f)
	if err := r.Invalid(name); err != nil {
		return nil, err
	}
	return f, nil
}

// readFile puts the values together. It checks nothing: rules does.
func readFile(r *keys.Reader, name string) *File {
	topics := keys.Value[topicsForm](r, "source.topics")
	policy := keys.Value[ledger.Policy](r, "policy")
	policy.Start = keys.Value[ledger.StartAt](r, "source.start")
	return &File{
		Name:  name,
		Group: fencepost.Group(keys.Get[string](r, "group")),
		Source: kinds.Source{
			Brokers:        keys.Get[[]string](r, "source.brokers"),
			Topics:         topics.names,
			Pattern:        topics.pattern,
			Uncommitted:    keys.Get[string](r, "source.isolation") == "read_uncommitted",
			Partitions:     keys.Value[[]fencepost.TopicPartition](r, "source.partitions"),
			Consumer:       keys.Get[string](r, "source.group_protocol") == "consumer",
			InstanceID:     keys.Get[string](r, "source.instance_id"),
			SessionTimeout: keys.Get[time.Duration](r, "source.session_timeout"),
			FetchMemory:    keys.Get[int64](r, "source.fetch_memory"),
			TLS:            kinds.ReadTLS(r, "source.tls"),
			SASL: kinds.SASL{
				Mechanism: keys.Get[string](r, "source.sasl.mechanism"),
				User:      keys.Get[string](r, "source.sasl.user"),
				Password:  keys.Get[keys.Secret](r, "source.sasl.password"),
				Token:     keys.Get[keys.Secret](r, "source.sasl.token"),
			},
		},
		Decode:        keys.Get[string](r, "decode"),
		Envelope:      keys.Get[string](r, "envelope"),
		Accepts:       readAccepts(r),
		CSV:           readCSV(r),
		Schema:        computedLast(keys.Value[[]Column](r, "schema")),
		Key:           Key{Decode: keys.Get[string](r, "key.decode"), Schema: keys.Value[[]Column](r, "key.schema")},
		Explode:       keys.Get[string](r, "explode"),
		Where:         keys.Value[Expression](r, "where"),
		RefuseUnknown: keys.Get[string](r, "unknown_fields") == "error",
		Tombstone:     keys.Get[string](r, "tombstone"),
		Protobuf:      kinds.ReadProtobuf(r),
		Registry:      kinds.ReadRegistry(r),
		Avro:          kinds.ReadAvro(r),
		Sink:          first(kinds.Sinks.Read(r)),
		Ledger:        first(kinds.Ledgers.Read(r)),
		Mirrors:       kinds.Mirrors.Read(r),
		KeepCommits:   keepCommits(keys.Get[string](r, "keep_commits")),
		Batch: engine.BatchBounds{
			Records: keys.Get[int](r, "batch.records"),
			Bytes:   keys.Get[int64](r, "batch.bytes"),
			Wait:    keys.Get[time.Duration](r, "batch.wait"),
			MinRows: keys.Get[int](r, "batch.min_rows"),
			MaxWait: keys.Get[time.Duration](r, "batch.max_wait"),
		},
		Rate:   keys.Get[int](r, "rate"),
		Policy: policy, OnError: keys.Value[engine.OnError](r, "on_error"),
		Watch: keys.Get[time.Duration](r, "watch"),
		Drain: keys.Get[time.Duration](r, "drain"),

		CommitTimeout: keys.Get[time.Duration](r, "commit_timeout"),
		Webhook:       readWebhook(r),
		LogFormat:     keys.Get[string](r, "log_format"),
		places:        r.Places(),
	}
}

// first is the first of several, the zero T of none: a file that names several is refused.
func first[T any](all []T) (one T) {
	if len(all) > 0 {
		one = all[0]
	}
	return one
}

func keepCommits(word string) ledger.KeepCommits {
	for _, k := range []ledger.KeepCommits{ledger.KeepAll, ledger.KeepNone} {
		if k.String() == word {
			return k
		}
	}
	return ledger.KeepMerged
}

// At is FILE:LINE:COLUMN of a key, the nearest key above it that the file has, or FILE alone.
func (f *File) At(path string) string {
	for path != "" {
		if p, ok := f.places[path]; ok {
			return p.In(f.Name)
		}
		path, _ = keys.Split(path)
	}
	return f.Name
}

// Line is FILE:LINE of a key that the file has, empty for one that it has not.
func (f *File) Line(path string) string {
	switch p, ok := f.places[path]; {
	case ok && p.Line < 0:
		return "--set"
	case ok:
		return fmt.Sprintf("%s:%d", f.Name, p.Line)
	}
	return ""
}

// hasFields reports whether columns are fields of the record, and not all of its value.
func (f *File) hasFields() bool { return f.Decode != "raw" }

// isFramed reports whether records name their schemas to a registry.
func (f *File) isFramed() bool {
	return f.Decode == "json_schema" || f.Decode == "protobuf" && f.Protobuf.File == "" || f.Decode == "avro" && len(f.Avro.Schemas) == 0
}

// Topic is how messages name what the source reads.
func (f *File) Topic() string {
	if f.Source.Pattern != "" {
		return "topics like " + f.Source.Pattern
	}
	return strings.Join(f.Source.Topics, ", ")
}

// About is what there is to say of the file's sink; nothing for a file that names none.
func (f *File) About() kinds.About {
	if f.Sink.Is == nil {
		return kinds.About{}
	}
	return f.Sink.Is.About()
}

// around is what a technology may know of the file.
func (f *File) around() kinds.Pipeline {
	return kinds.Pipeline{Group: f.Group, Of: f.of, KeepCommits: f.KeepCommits, Apart: f.Ledger.At, Schema: f.columnNames(), Columns: f.Columns(),
		Source: f.Source, At: f.At}
}

// columnNames are the columns of a batch that the file says there are.
func (f *File) columnNames() (names []string) {
	for _, c := range f.allColumns() {
		names = append(names, c.Name)
	}
	if f.Explode != "" {
		names = append(names, fencepost.MetaIndex)
	}
	return names
}

// Beside is the same pipeline under another group, as a backfill runs it: nothing is passed by policy, and no static
// member is taken the place of.
func (f *File) Beside(group fencepost.Group) *File {
	other := *f
	other.of = f.Group  // the sink is the same one, also where its keys have the group in them
	other.Mirrors = nil // they would send the other tools back to the old range
	other.Group, other.Policy, other.Source.InstanceID = group, ledger.Policy{}, ""
	return &other
}

// Taking is the same pipeline with these partitions alone, without a Kafka group.
func (f *File) Taking(tps []fencepost.TopicPartition) *File {
	other := *f
	other.Source.Partitions, other.Source.Pattern, other.Source.Topics = tps, "", nil
	for _, tp := range tps {
		if !slices.Contains(other.Source.Topics, tp.Topic) {
			other.Source.Topics = append(other.Source.Topics, tp.Topic)
		}
	}
	return &other
}
