package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Hooks receive what the connectors report outside of the engine's events. A nil one is not called; none may block.
type Hooks struct {
	Member  func(id string, generation int32)           // this worker's member ID, after each assignment
	Client  func(level int, msg string, keyvals ...any) // the Kafka client's own log; levels are those of log/slog
	Unknown decode.UnknownFunc                          // a field that schema does not take, once
	Empty   func(column string, records int64)          // a column that none of the first records fills, once
}

// Opened is a pipeline with its connectors. It has connected to nothing yet.
type Opened struct {
	File   *File
	Source *kinds.KafkaSource
	Sink   sink.Sink

	decoder decode.Factory
	schemas *schemas
	fill    *decode.Fill
	mirrors []foreign.LiveLayout
}

// Open makes the connectors that a file names. The caller closes the Sink by Close; the Source ends with Leave, which the
// engine calls.
func Open(ctx context.Context, f *File, hooks Hooks) (*Opened, error) {
	var fill *decode.Fill
	if hooks.Empty != nil {
		fill = decode.NewFill(hooks.Empty)
	}
	schemas, err := f.openSchemas()
	if err != nil {
		return nil, err
	}
	factory, err := f.decoder(hooks.Unknown, fill, schemas)
	if err != nil {
		return nil, fmt.Errorf("make the decoder: %w", err)
	}
	source, err := f.Source.Open(kinds.Joining{Group: f.Group, Watch: f.Watch, Member: hooks.Member, Log: hooks.Client})
	if err != nil {
		return nil, f.faultAt("source", err)
	}
	sink, err := f.Sink.Is.Open(ctx, f.around())
	if err != nil {
		return nil, errors.Join(f.faultAt(f.Sink.At, err), source.Leave(ctx))
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
	return &Opened{File: f, Source: source, Sink: sink, decoder: factory, schemas: schemas, fill: fill, mirrors: mirrors}, nil
}

// DDL is what has to be made before a run: the SQL of the tables, or a user of the least rights. It connects to nothing.
// The table gets these columns besides those of schema: sink.RecordColumns, or none.
func (f *File) DDL(besides ...fencepost.ColumnSpec) (string, error) {
	p := f.around()
	p.Columns = append(p.Columns, besides...)
	sink, err := f.Sink.Is.DDL(p)
	if err != nil || !f.Apart() {
		return sink, err
	}
	ledger, err := f.Ledger.Is.DDL(f.around())
	return sink + "\n" + ledger, err
}

// Config is what the engine needs to run the pipeline; the caller adds what concerns this run alone (Until, Resume,
// Wait, Who, Events).
func (o *Opened) Config() engine.Config {
	f := o.File
	return engine.Config{
		Group: f.Group, Source: o.Source, Sink: o.Sink, Decoder: o.decoder, Policy: f.Policy, OnError: f.OnError,
		Batch: f.Batch, Memory: f.Source.FetchMemory / 2, Rate: f.Rate, Lanes: f.lanes(),
		Uncommitted: f.Source.Uncommitted, Watch: f.Watch, Drain: f.Drain, CommitTimeout: f.CommitTimeout, Mirrors: o.engineMirrors(),
	}
}

// lanes is what lanes: auto means: one where statements may depend on each other or the store has one lock, else one a
// core, at most four, from where on a database on the same network is the limit.
func (f *File) lanes() int {
	if n := f.About().Lanes; n > 0 {
		return n
	}
	return min(4, runtime.GOMAXPROCS(0))
}

// Close gives back what sink and mirrors hold. It reports the columns that few records left empty.
func (o *Opened) Close() error {
	if o.fill != nil {
		o.fill.Close()
	}
	if o.schemas.registry != nil {
		o.schemas.registry.Close()
	}
	return errors.Join(o.Sink.Close(), closeMirrors(o.mirrors))
}

// faultAt makes an error of a connector's configuration one that names the file.
func (f *File) faultAt(path string, err error) error {
	var fault *fencepost.UserError
	if errors.As(err, &fault) {
		return f.Pointed(err)
	}
	return &fencepost.UserError{Code: "bad-value", Exit: 2, Err: fmt.Errorf("%s: %w", f.At(path), err),
		Help: "mend " + path}
}

// Pointed makes a *fencepost.UserError of any error for a person, and puts into its remedy on which line of the file
// each key is: "mend source.brokers (flights.yaml:6)". nil stays nil.
func (f *File) Pointed(err error) error {
	if err == nil {
		return nil
	}
	out := *codes.Named(err)
	out.Help = f.pointed(codes.Remedy(&out))
	return &out
}

// fileWord is where a remedy of a connector, which knows no file, names one.
var fileWord = regexp.MustCompile(`(\bfencepost [a-z-]+(?: [a-z]+)?) FILE\b`)

// Remedy puts what only the file knows into a remedy: its own name, and the lines of its keys.
func (f *File) Remedy(help string) string { return f.pointed(help) }

// pointed adds the line to each key of the file that a remedy names, and puts the file's name into commands. What has it
// already stays as it is.
func (f *File) pointed(help string) string {
	help = fileWord.ReplaceAllString(help, "$1 "+strings.ReplaceAll(text.Shell(f.Name), "$", "$$"))
	if path := f.About().Path; path != "" {
		if abs, err := filepath.Abs(path); err == nil {
			help = strings.ReplaceAll(help, abs, path)
		}
	}
	for i := range fileKeys {
		path := fileKeys[i].Path
		line := f.Line(path)
		if line == "" || !strings.Contains(path, ".") {
			continue
		}
		at := strings.Index(help, path)
		end := at + len(path)
		if at < 0 || end < len(help) && (help[end] == '.' && end+1 < len(help) && help[end+1] != ' ' || help[end] == '_' || help[end] == ':') {
			continue
		}
		if where := " (" + line + ")"; !strings.HasPrefix(help[end:], where) { // else it was pointed before, where it was opened
			help = help[:end] + where + help[end:]
		}
	}
	return help
}

// Resources are the pipeline's ledger, brokers and sink for an operator's verbs; the caller adds Who. A ledger that is not
// there is refused here: to look must not make one.
func (o *Opened) Resources() (admin.Resources, error) {
	if err := o.File.Missing(); err != nil {
		return admin.Resources{}, err
	}
	return o.ResourcesToFill(), nil
}

// ResourcesToFill are Resources for a copy into the pipeline, whose first move may make the ledger.
func (o *Opened) ResourcesToFill() admin.Resources {
	f := o.File
	decoder := o.decoder()
	row := columnsOf(decoder)
	r := admin.Resources{
		Group: f.Group, Ledger: o.Sink.Ledger(), Cluster: o.Source.Cluster(), Reader: o.Source,
		Where: f.LedgerURL(), Policy: f.Policy, Uncommitted: f.Source.Uncommitted,
		Try: func(rec *fencepost.Record) error {
			err := decoded(context.Background(), decoder, rec, row)
			for i := range row {
				row[i].Truncate(0)
			}
			return err
		},
		Decode: func(rec *fencepost.Record) ([]fencepost.Column, error) {
			own := columnsOf(decoder)
			return own, decoded(context.Background(), decoder, rec, own)
		},
	}
	r.Reads = f.Source.Reads
	r.Replay = o.replay
	if f.OnError.Undecodable != engine.Park { // a record that is passed parks nothing
		r.Try = nil
	}
	r.History, _ = ledger.As[ledger.History](r.Ledger)
	r.Provenance, _ = sink.As[sink.Provenance](o.Sink)
	return r
}

// replay is admin.Resources.Replay.
func (o *Opened) replay(ctx context.Context, letters []ledger.Letter, f func(admin.Replayed)) error {
	r := engine.Replay{Sink: o.Sink, Decoder: o.decoder, Writer: ledger.Actor{Group: o.File.Group, Who: "replay"}}
	return r.Run(ctx, letters, func(l ledger.Letter, out engine.Replayed, why error) {
		one := admin.Replayed{Letter: l, Outcome: out.String()}
		if why != nil {
			one.Why = why.Error()
		}
		f(one)
	})
}

// columnsOf are the decoder's columns, without a row.
func columnsOf(d fencepost.Decoder) (row []fencepost.Column) {
	for _, c := range d.Columns() {
		row = append(row, c.Column())
	}
	return row
}

// NoRow makes a function that reports whether a record makes no row, by the rules of the file: an audit misses none there. The function
// is for one goroutine. nil: each record makes one.
func (o *Opened) NoRow() func(*fencepost.Record) bool {
	f := o.File
	if f.Where.Text == "" && f.Explode == "" && !f.enveloped() && (f.Decode == "raw" || f.Tombstone != "skip") {
		return nil
	}
	decoder := o.decoder()
	row := columnsOf(decoder)
	return func(r *fencepost.Record) bool {
		err := decoded(context.Background(), decoder, r, row)
		none := err == nil && row[0].Len() == 0
		for i := range row {
			row[i].Truncate(0)
		}
		return none
	}
}

// decodePatience is how long a schema is waited for, outside of a run.
const decodePatience = 10 * time.Second

// decoded decodes a record behind the rows of columns, and waits for its schema where it is on its way. One that makes no row by the
// file's rule is no error.
func decoded(ctx context.Context, d fencepost.Decoder, rec *fencepost.Record, into []fencepost.Column) error {
	ctx, cancel := context.WithTimeout(ctx, decodePatience)
	defer cancel()
	rows := make([]int, len(into))
	for i := range into {
		rows[i] = into[i].Len()
	}
	for {
		err := d.Decode(rec, into)
		if err == nil {
			return nil
		}
		for i, n := range rows {
			into[i].Truncate(n)
		}
		waits, ok := errors.AsType[*fencepost.Unready](err)
		switch {
		case errors.Is(err, fencepost.ErrNoRow):
			return nil
		case !ok || waits.Await == nil || ctx.Err() != nil:
			return err
		}
		waits.Await(ctx)
	}
}

// MemoryLimit is how large the heap of a program may grow before the collector works harder, in bytes, where its pipeline has this
// fetch_memory.
func MemoryLimit(fetch int64) int64 { return max(80<<20, fetch*5/2) }
