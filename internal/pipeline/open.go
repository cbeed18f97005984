package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/kafka"
	"github.com/fencepost/fencepost/mysql"
	"github.com/fencepost/fencepost/postgres"
	"github.com/fencepost/fencepost/sqlite"
)

// Hooks are told what the rooms say outside of the engine's events. A nil one is nobody; none may block.
type Hooks struct {
	Member  func(id string, generation int32)           // this worker's member ID, after each assignment
	Client  func(level int, msg string, keyvals ...any) // the Kafka client's own log; levels are those of log/slog
	Unknown func(field string)                          // a field that schema does not take, once
}

// Opened is a pipeline with its rooms. It has connected to nothing yet.
type Opened struct {
	File   *File
	Source *kafka.Source
	Sink   fencepost.Sink

	decoder decode.Factory
	mirrors []foreign.LiveLayout
}

// Open makes the rooms that a file names. The caller closes the Sink by Close; the Source ends with Leave, which the
// engine calls.
func Open(ctx context.Context, f *File, hooks Hooks) (*Opened, error) {
	factory, err := f.decoder(hooks.Unknown)
	if err != nil {
		return nil, fmt.Errorf("make the decoder: %w", err)
	}
	source, err := kafka.Open(f.kafka(hooks))
	if err != nil {
		return nil, f.faultAt("source", err)
	}
	sink, err := f.openSink(ctx)
	if err != nil {
		return nil, errors.Join(f.faultAt("sink."+f.Sink.Kind, err), source.Leave(ctx))
	}
	if f.Apart() {
		if sink, err = f.openApart(sink); err != nil {
			return nil, errors.Join(err, source.Leave(ctx))
		}
	}
	mirrors, err := f.openMirrors()
	if err != nil {
		return nil, errors.Join(err, sink.Close(), source.Leave(ctx))
	}
	return &Opened{File: f, Source: source, Sink: sink, decoder: factory, mirrors: mirrors}, nil
}

// kafka is the source in its room's words.
func (f *File) kafka(hooks Hooks) kafka.Config {
	s := f.Source
	c := kafka.Config{
		Brokers: s.Brokers, Group: f.Group, Topics: s.Topics, Pattern: s.Pattern, Partitions: s.Partitions,
		InstanceID: s.InstanceID, SessionTimeout: s.SessionTimeout, FetchMemory: s.FetchMemory, Watch: f.Watch,
		TLS:    kafka.TLS{Enabled: s.TLS.Enabled, CA: s.TLS.CA, Cert: s.TLS.Cert, Key: s.TLS.Key, ServerName: s.TLS.ServerName},
		Member: hooks.Member, Log: hooks.Client,
	}
	if len(s.Partitions) > 0 {
		c.Topics = nil // they follow from the partitions
	}
	if s.Uncommitted {
		c.Isolation = kafka.ReadUncommitted
	}
	if s.Consumer {
		c.Protocol = kafka.Consumer
	}
	if s.SASL.Mechanism != "" {
		c.SASL = kafka.SASL{Mechanism: s.SASL.Mechanism, Credentials: s.SASL.credentials}
	}
	return c
}

// credentials reveals the secrets anew for each connection, so that they can rotate.
func (s SASL) credentials(context.Context) (kafka.Credentials, error) {
	password, err1 := s.Password.Reveal()
	token, err2 := s.Token.Reveal()
	return kafka.Credentials{User: s.User, Password: password, Token: token}, errors.Join(err1, err2)
}

func (f *File) openSink(ctx context.Context) (fencepost.Sink, error) {
	switch f.Sink.Kind {
	case "postgres":
		c, err := f.postgres()
		if err != nil {
			return nil, err
		}
		s, err := postgres.Open(ctx, c)
		if err != nil {
			return nil, err
		}
		return s, nil
	case "mysql":
		c, err := f.mysql()
		if err != nil {
			return nil, err
		}
		s, err := mysql.Open(ctx, c)
		if err != nil {
			return nil, err
		}
		return s, nil
	case "sqlite":
		s, err := sqlite.Open(ctx, f.sqlite())
		if err != nil {
			return nil, err
		}
		return s, nil
	case "redis":
		s, err := f.openRedis()
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	panic("pipeline: no room for sink " + f.Sink.Kind)
}

// postgres is the sink in its room's words.
func (f *File) postgres() (postgres.Config, error) {
	dsn, err := f.Sink.DSN.Reveal()
	return postgres.Config{DSN: dsn, Table: f.Sink.Table, Key: f.Sink.Key, SQL: f.Sink.SQL, Lanes: f.Sink.Lanes,
		KeepCommits: f.KeepCommits, NoLedger: f.Apart()}, err
}

// mysql is the sink in its room's words.
func (f *File) mysql() (mysql.Config, error) {
	dsn, err := f.Sink.DSN.Reveal()
	return mysql.Config{DSN: dsn, Table: f.Sink.Table, Key: f.Sink.Key, SQL: f.Sink.SQL, Lanes: f.Sink.Lanes,
		KeepCommits: f.KeepCommits, NoLedger: f.Apart()}, err
}

// sqlite is the sink in its room's words.
func (f *File) sqlite() sqlite.Config {
	return sqlite.Config{Path: f.Sink.Path, Table: f.Sink.Table, Key: f.Sink.Key, SQL: f.Sink.SQL, KeepCommits: f.KeepCommits,
		NoLedger: f.Apart()}
}

// DDL is the SQL that makes the tables a file needs; for Redis, which needs none, its user. It connects to nothing.
func (f *File) DDL() (string, error) {
	sink, err := f.sinkDDL()
	if err != nil || !f.Apart() {
		return sink, err
	}
	ledger, err := f.ledgerDDL()
	return sink + "\n" + ledger, err
}

// sinkDDL is what the sink needs, with its ledger unless that is apart.
func (f *File) sinkDDL() (string, error) {
	if f.Sink.Kind == "sqlite" {
		return sqlite.DDL(f.sqlite(), f.Columns()), nil
	}
	if f.Sink.Kind == "redis" {
		return f.redisACL(), nil
	}
	if f.Sink.Kind == "mysql" {
		c, err := f.mysql()
		return mysql.DDL(c, f.Columns()), err
	}
	c, err := f.postgres()
	return postgres.DDL(c, f.Columns()), err
}

// Config is what the engine needs to run the pipeline; the caller adds what concerns this run alone (Until, Resume,
// Wait, Who, Events).
func (o *Opened) Config() engine.Config {
	f := o.File
	return engine.Config{
		Group: f.Group, Source: o.Source, Sink: o.Sink, Decoder: o.decoder, Policy: f.Policy,
		Batch: f.Batch, Memory: f.Source.FetchMemory / 2, Rate: f.Rate, Lanes: f.lanes(),
		Uncommitted: f.Source.Uncommitted, Watch: f.Watch, Drain: f.Drain, Mirrors: o.engineMirrors(),
	}
}

// lanes is what lanes: auto means: one where statements may depend on each other or the store has one lock, else one a
// core, at most four, from where on a database on the same network is the limit.
func (f *File) lanes() int {
	switch {
	case f.Sink.Lanes > 0:
		return f.Sink.Lanes
	case f.Sink.SQL != "" || f.Sink.Kind == "sqlite":
		return 1
	}
	return min(4, runtime.GOMAXPROCS(0))
}

// Close gives back what sink and mirrors hold.
func (o *Opened) Close() error { return errors.Join(o.Sink.Close(), closeMirrors(o.mirrors)) }

// faultAt makes an error of a room's configuration one that names the file.
func (f *File) faultAt(path string, err error) error {
	var fault *fencepost.Fault
	if errors.As(err, &fault) {
		return f.Pointed(err)
	}
	return &fencepost.Fault{Code: "bad-value", Exit: 2, Err: fmt.Errorf("%s: %w", f.At(path), err),
		Help: "mend " + path}
}

// Pointed makes a *fencepost.Fault of any error that a person meets, and says in its remedy on which line of the file
// each key stands: "mend source.brokers (flights.yaml:6)". nil stays nil.
func (f *File) Pointed(err error) error {
	if err == nil {
		return nil
	}
	var fault *fencepost.Fault
	if !errors.As(err, &fault) {
		fault = named(err)
	}
	out := *fault
	out.Help = f.pointed(fault.Help)
	return &out
}

// named gives a code and a remedy to the decisions that rooms and engine tell by sentinels.
func named(err error) *fencepost.Fault {
	var rejected *fencepost.Rejected
	switch {
	case errors.Is(err, fencepost.ErrNoTopic):
		return &fencepost.Fault{Code: "topic-not-found", Err: err, Help: "create it, or mend source.topics"}
	case errors.Is(err, fencepost.ErrNoAnswer):
		return &fencepost.Fault{Code: "broker-silent", Err: err, Help: "start it, or mend source.brokers", Passing: true}
	case errors.Is(err, fencepost.ErrNewer):
		return &fencepost.Fault{Code: "ledger-newer", Exit: 4, Err: err, Help: "run the newer program; there is no way back"}
	case errors.Is(err, fencepost.ErrOtherCluster):
		return &fencepost.Fault{Code: "other-cluster", Exit: 4, Err: err,
			Help: "mend source.brokers; or give this pipeline a group of its own"}
	case errors.As(err, &rejected):
		return &fencepost.Fault{Code: "record-refused", Err: err, Help: rejected.Hint}
	}
	return &fencepost.Fault{Code: "unexpected", Err: err}
}

// fileWord is where a remedy of a room, which knows no file, names one.
var fileWord = regexp.MustCompile(`(\bfencepost [a-z]+(?: [a-z]+)?) FILE\b`)

// Remedy puts what only the file knows into a remedy that an event brings: its own name, and the lines of its keys.
func (f *File) Remedy(help string) string { return f.pointed(help) }

// pointed adds the line to each key of the file that a remedy names, and puts the file's name into commands.
func (f *File) pointed(help string) string {
	help = fileWord.ReplaceAllString(help, "$1 "+strings.ReplaceAll(f.Name, "$", "$$"))
	if abs, err := filepath.Abs(f.Sink.Path); err == nil && f.Sink.Path != "" {
		help = strings.ReplaceAll(help, abs, f.Sink.Path)
	}
	for i := range keys {
		path := keys[i].path
		line := f.Line(path)
		if line == "" || !strings.Contains(path, ".") {
			continue
		}
		at := strings.Index(help, path)
		end := at + len(path)
		if at < 0 || end < len(help) && (help[end] == '.' && end+1 < len(help) && help[end+1] != ' ' || help[end] == '_' || help[end] == ':') {
			continue
		}
		help = help[:end] + " (" + line + ")" + help[end:]
	}
	return help
}
