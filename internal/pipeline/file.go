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
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/text"
)

// File is a pipeline file that was read and found good.
type File struct {
	Name   string // as the user wrote it
	Group  fencepost.Group
	Source Source

	Decode        string   // json or raw
	Schema        []Column // in the order of the file; for raw, empty or one
	RefuseUnknown bool     // unknown_fields: error

	Sink        Sink
	Ledger      Store   // Kind is empty where the sink keeps it
	Mirrors     []Store // copies of the committed offsets, besides the Kafka group's
	KeepCommits fencepost.KeepCommits

	Batch     engine.BatchBounds
	Rate      int
	Policy    fencepost.Policy // with Start
	Watch     time.Duration
	Drain     time.Duration
	LogFormat string // auto, text or json

	of     fencepost.Group  // of a backfill: the group that it runs beside
	places map[string]Place // :: path -> its key in the file
}

// Source is the part of a file under source.
type Source struct {
	Brokers        []string
	Topics         []string // empty with Pattern
	Pattern        string
	Uncommitted    bool // isolation: read_uncommitted
	Partitions     []fencepost.TopicPartition
	Consumer       bool // group_protocol: consumer (KIP-848)
	InstanceID     string
	SessionTimeout time.Duration
	FetchMemory    int64
	TLS            TLS
	SASL           SASL
}

// TLS is the part of a file under source.tls. CA, Cert and Key are paths.
type TLS struct {
	Enabled                   bool
	CA, Cert, Key, ServerName string
}

// SASL is the part of a file under source.sasl. Mechanism is empty where nothing logs in.
type SASL struct {
	Mechanism, User string
	Password, Token Secret
}

// Sink is the part of a file under sink: the keys of one technology.
type Sink struct {
	Kind  string // postgres, mysql, sqlite or redis
	DSN   Secret // postgres, mysql
	Path  string // sqlite
	Table string
	Key   []string
	SQL   string
	Lanes int // 0: auto
	Redis *Redis
}

// mostBytes bounds a file: ours are a few KiB.
const mostBytes = 1 << 20

// Load reads a pipeline file. A file that can not be read or is no YAML is a *fencepost.Fault or *SyntaxError, both
// for exit 2; one that says something wrong is an *Invalid with all findings.
func Load(name string, env *Environment) (*File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fileFault(name, err)
	}
	if info.IsDir() {
		help := "name a file in it"
		if found := yamlFiles(name); len(found) > 0 {
			help = "name a file in it: " + filepath.Join(name, found[0])
		}
		return nil, &fencepost.Fault{Code: "file-is-folder", Exit: 2, Err: fmt.Errorf("%s: a folder, no file", name), Help: help}
	}
	if info.Size() > mostBytes {
		return nil, &fencepost.Fault{Code: "file-not-readable", Exit: 2, Help: "name the pipeline file",
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
		return &fencepost.Fault{Code: "file-not-readable", Exit: 2, Err: errors.New(plainPathError(name, err)),
			Help: "mend who may read it: ls -l " + name}
	}
	if scheme, _, ok := strings.Cut(name, "://"); ok {
		return &fencepost.Fault{Code: "usage", Exit: 2, Err: fmt.Errorf("a pipeline file is wanted here, no URL %s://… (not shown: it may hold a password)", scheme),
			Help: "name the pipeline file; to write one: fencepost init"}
	}
	dir := filepath.Dir(name)
	help := "to write one: fencepost init"
	if near := text.Nearest(filepath.Base(name), yamlFiles(dir)); near != "" {
		help = filepath.Join(dir, near) + " exists; to write one: fencepost init"
	}
	return &fencepost.Fault{Code: "file-not-found", Exit: 2, Err: fmt.Errorf("%s: no such file", name), Help: help}
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
func Parse(name string, src []byte, env *Environment) (*File, error) {
	root, err := parseTree(name, src)
	if err != nil {
		return nil, err
	}
	r := &reader{env: env, lines: splitLines(src), values: map[string]any{}, places: map[string]Place{}, at: map[string]Place{}, items: map[string][]Place{}}
	r.mapping(root, "", Place{Line: 1, Column: 1, Width: 1})
	f := r.file(name)
	r.rules(f)
	if len(r.findings) > 0 {
		return nil, &Invalid{Name: name, Findings: r.sorted(), lines: maskWritten(splitLines(src), r.written)}
	}
	return f, nil
}

// get is a key's value, or the default that the table of keys gives it. It is the zero T for a key without either,
// and for one whose value was refused.
func get[T any](r *reader, path string) T {
	v, ok := r.values[path]
	if !ok {
		k := keyOf(path)
		if k == nil {
			panic("pipeline: no key " + path)
		}
		var zero T
		if k.must || k.def == "" || k.def == `""` || k.def == "[]" {
			return zero
		}
		if v, _ = parse(k, k.def); v == nil {
			panic("pipeline: the default of " + path + " does not parse")
		}
	}
	return v.(T)
}

// file puts the values together. It checks nothing: rules does.
func (r *reader) file(name string) *File {
	topics, _ := r.values["source.topics"].(topicsForm)
	policy, _ := r.values["policy"].(fencepost.Policy)
	policy.Start, _ = r.values["source.start"].(fencepost.StartAt)
	partitions, _ := r.values["source.partitions"].([]fencepost.TopicPartition)
	columns, _ := r.values["schema"].([]Column)
	return &File{
		Name:  name,
		Group: fencepost.Group(get[string](r, "group")),
		Source: Source{
			Brokers:        get[[]string](r, "source.brokers"),
			Topics:         topics.names,
			Pattern:        topics.pattern,
			Uncommitted:    get[string](r, "source.isolation") == "read_uncommitted",
			Partitions:     partitions,
			Consumer:       get[string](r, "source.group_protocol") == "consumer",
			InstanceID:     get[string](r, "source.instance_id"),
			SessionTimeout: get[time.Duration](r, "source.session_timeout"),
			FetchMemory:    get[int64](r, "source.fetch_memory"),
			TLS: TLS{
				Enabled:    get[bool](r, "source.tls.enabled"),
				CA:         get[string](r, "source.tls.ca"),
				Cert:       get[string](r, "source.tls.cert"),
				Key:        get[string](r, "source.tls.key"),
				ServerName: get[string](r, "source.tls.server_name"),
			},
			SASL: SASL{
				Mechanism: get[string](r, "source.sasl.mechanism"),
				User:      get[string](r, "source.sasl.user"),
				Password:  get[Secret](r, "source.sasl.password"),
				Token:     get[Secret](r, "source.sasl.token"),
			},
		},
		Decode:        get[string](r, "decode"),
		Schema:        columns,
		RefuseUnknown: get[string](r, "unknown_fields") == "error",
		Sink:          r.sink(),
		Ledger:        append(r.stores("ledger"), Store{})[0],
		Mirrors:       r.stores("mirror"),
		KeepCommits:   keepCommits(get[string](r, "keep_commits")),
		Batch: engine.BatchBounds{
			Records: get[int](r, "batch.records"),
			Bytes:   get[int64](r, "batch.bytes"),
			Wait:    get[time.Duration](r, "batch.wait"),
			MinRows: get[int](r, "batch.min_rows"),
			MaxWait: get[time.Duration](r, "batch.max_wait"),
		},
		Rate:      get[int](r, "rate"),
		Policy:    policy,
		Watch:     get[time.Duration](r, "watch"),
		Drain:     get[time.Duration](r, "drain"),
		LogFormat: get[string](r, "log_format"),
		places:    r.places,
	}
}

// sink takes the keys of the one technology that the file names; of several, the first.
func (r *reader) sink() Sink {
	s := Sink{}
	for _, k := range under("sink") {
		if _, named := r.places[k.path]; named {
			s.Kind = k.name()
			break
		}
	}
	switch s.Kind {
	case "postgres", "mysql":
		s.DSN = get[Secret](r, "sink."+s.Kind+".dsn")
		s.Lanes = get[int](r, "sink."+s.Kind+".lanes")
	case "sqlite":
		s.Path = get[string](r, "sink.sqlite.path")
	case "redis":
		s.Redis, s.Lanes = r.redis(), get[int](r, "sink.redis.lanes")
		return s
	default:
		return s
	}
	at := "sink." + s.Kind
	s.Table = get[string](r, at+".table")
	s.Key = get[[]string](r, at+".key")
	s.SQL = get[string](r, at+".sql")
	return s
}

func keepCommits(word string) fencepost.KeepCommits {
	for _, k := range []fencepost.KeepCommits{fencepost.KeepAll, fencepost.KeepNone} {
		if k.String() == word {
			return k
		}
	}
	return fencepost.KeepMerged
}

// At is FILE:LINE:COLUMN of a key, the nearest key above it that the file has, or FILE alone.
func (f *File) At(path string) string {
	for path != "" {
		if p, ok := f.places[path]; ok {
			return fmt.Sprintf("%s:%d:%d", f.Name, p.Line, p.Column)
		}
		path, _ = split(path)
	}
	return f.Name
}

// Line is FILE:LINE of a key that the file has, empty for one that it has not.
func (f *File) Line(path string) string {
	if p, ok := f.places[path]; ok {
		return fmt.Sprintf("%s:%d", f.Name, p.Line)
	}
	return ""
}

// Topic is how messages name what the source reads.
func (f *File) Topic() string {
	if f.Source.Pattern != "" {
		return "topics like " + f.Source.Pattern
	}
	return strings.Join(f.Source.Topics, ", ")
}

// Into is how messages name where the rows go: "postgres flights", "sqlite by sql".
func (f *File) Into() string {
	if f.Sink.Redis != nil {
		return "redis at " + f.Sink.Redis.Addr
	}
	if f.Sink.Table != "" {
		return f.Sink.Kind + " " + f.Sink.Table
	}
	return f.Sink.Kind + " by sql"
}

// hasColumn reports whether a batch has a column of that name.
func (f *File) hasColumn(name string) bool {
	for _, c := range fencepost.MetaColumns() {
		if c.Name == name {
			return true
		}
	}
	return slices.ContainsFunc(f.Schema, func(c Column) bool { return c.Name == name }) ||
		f.Decode == "raw" && len(f.Schema) == 0 && name == rawColumn
}
