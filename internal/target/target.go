package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/kafka"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// Target is what a verb works on: a pipeline file, or the URL of a ledger or of another program's offsets.
//
// Guarantees:
//  1. It has a Ledger or a Layout, never both.
//  2. Of a file, Cluster and Reader are the file's; of a URL they are nil until Use attaches brokers.
//  3. What is printed of it holds no secret.
type Target struct {
	admin.Resources
	Operand string         // as it was typed
	File    *pipeline.File // nil for a URL
	Form    string         // the name of a URL's layout: pattern-a; empty for a ledger

	means   foreign.Meaning // what the numbers mean whatever a program thinks of them, by a protocol or a format; unset: the user has to say
	brokers *kafka.Config   // where the URL itself leads to Kafka; nil: it does not
	flagged bool            // the brokers are HOST:PORT of --brokers, where neither TLS nor a login can be said
	address string          // of a URL, without secrets and parameters
	movable bool            // its Layout is a Kafka group's commits, read by the protocol
	detail  string          // what the URL names there: key spark:orders, group orders-agg

	source *kafka.Source
	noRow  func(*fencepost.Record) bool // of the file: a record that makes no row; nil: each makes one
	close  []func(context.Context) error
}

// Access is what a verb needs of its target.
type Access uint8

// The kinds of access.
const (
	Offsets Access = iota // a ledger or another program's offsets, with brokers that answer
	Ledger                // a ledger, with brokers that answer: for verbs that move positions or prove them
	Movable               // a ledger or a Kafka group, with brokers that answer: for offsets set
	Log                   // brokers that answer, and no ledger: for verbs that read a topic
	Stored                // what is stored, whichever program stored it; no broker is asked
)

// Options are what a verb says besides its operands.
type Options struct {
	Access  Access
	Env     *pipeline.Environment
	Timeout time.Duration // how long the brokers may take to answer, and how long closing may take; a ledger's lost answer is asked for again three times as long
	Who     string        // recorded with each move

	Brokers     string // --brokers: those of a URL; of a pair, those of B. Empty: where the file or the URL leads
	FromBrokers string // --from-brokers: those of A in a pair, where its cluster is another one
	Meaning     string // --meaning: a word, or of a pair two with a comma between them. Empty: not given

	anyGroup bool // a ledger's URL need not name a group
}

// Use opens what an operand names, hands it to do, and closes it. The remedies of do's errors name what was typed.
func Use(ctx context.Context, operand string, o Options, do func(context.Context, *Target) error) error {
	t, err := Open(ctx, operand, o)
	return t.use(ctx, o, err, do)
}

// UseFile is Use for a pipeline file that was read already.
func UseFile(ctx context.Context, f *pipeline.File, o Options, do func(context.Context, *Target) error) error {
	t := &Target{Operand: f.Name}
	return t.use(ctx, o, t.openFile(ctx, f, o), do)
}

// UseLog is Use for a topic alone, of the brokers that Options.Brokers names.
func UseLog(ctx context.Context, topic string, o Options, do func(context.Context, *Target) error) error {
	t := &Target{Operand: o.Brokers, flagged: !strings.Contains(o.Brokers, "://")}
	brokers, err := readBrokers(o.Brokers, o.Env)
	if err == nil {
		err = t.attach(brokers, []string{topic})
	}
	if err == nil {
		err = t.ping(ctx, o.Timeout)
	}
	o.Access, o.Brokers = Stored, ""
	return t.use(ctx, o, err, do)
}

// use is Use for a target that was opened already, as far as it could be.
func (t *Target) use(ctx context.Context, o Options, opening error, do func(context.Context, *Target) error) (err error) {
	defer func() {
		if closing := t.Close(ctx, o.Timeout); err == nil {
			err = closing
		}
	}()
	if opening != nil {
		return opening
	}
	if err := t.mean(o.Meaning); err != nil {
		return err
	}
	if t.File != nil && o.Access != Log {
		if err := t.File.Missing(); err != nil {
			return err
		}
	}
	if o.Access != Stored {
		if err := t.reach(ctx, o); err != nil {
			return err
		}
	}
	if t.Layout != nil && (o.Access == Ledger || o.Access == Movable && !t.movable) {
		return t.Pointed(codes.Usage("fencepost offsets copy FILE PIPELINE.yaml takes them over first", "%s is another program's: it is looked at and copied, and never changed", t.Location()))
	}
	return t.Pointed(do(ctx, t))
}

// Open opens what an operand names, for Close. It connects to nothing, and makes nothing. Beside an error the target is
// what was opened up to there.
//
// Errors: *fencepost.UserError usage, env-not-set, dsn-invalid, ledger-removed; those of pipeline.Load.
func Open(ctx context.Context, operand string, o Options) (*Target, error) {
	if IsURL(operand) {
		if o.Env != nil && len(o.Env.Set) > 0 {
			return &Target{Operand: operand}, codes.Usage("name the pipeline file", "--set is for a pipeline file, and this is a URL")
		}
		return openURL(ctx, operand, o)
	}
	t := &Target{Operand: operand}
	f, err := pipeline.Load(operand, o.Env)
	if err != nil {
		return t, err
	}
	return t, t.openFile(ctx, f, o)
}

// IsURL reports whether an argument names a ledger by URL, and no pipeline file: it begins with a word and a colon.
func IsURL(arg string) bool {
	word, rest, ok := strings.Cut(arg, ":")
	if !ok || rest == "" || strings.ContainsAny(word, `/\.`) || len(word) < 2 {
		return strings.HasPrefix(arg, "${") // ${DATABASE_URL}?group=G
	}
	return true
}

// openFile opens the connectors that a file names.
func (t *Target) openFile(ctx context.Context, f *pipeline.File, o Options) error {
	opened, err := pipeline.Open(ctx, f, pipeline.Hooks{})
	if err != nil {
		return err
	}
	t.File, t.source = f, opened.Source
	t.close = append(t.close, closing(opened.Close), opened.Source.Leave)
	t.Resources, t.noRow = opened.ResourcesToFill(), opened.NoRow()
	t.Who, t.Patience = o.Who, o.patience()
	return nil
}

// patience is how long a lost answer of a ledger is asked for again.
func (o Options) patience() time.Duration { return 3 * o.Timeout }

// closing is a function that closes something at once, for Target.close.
func closing(f func() error) func(context.Context) error {
	return func(context.Context) error { return f() }
}

// Close closes what was opened, the last first, also after ctx has ended.
func (t *Target) Close(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	var errs []error
	for i := len(t.close) - 1; i >= 0; i-- {
		errs = append(errs, t.close[i](ctx))
	}
	return errors.Join(errs...)
}

// mean returns what another program's numbers mean; empty: not given.
func (t *Target) mean(meaning string) error {
	if meaning == "" {
		return nil
	}
	m, ok := foreign.ParseMeaning(meaning)
	switch {
	case !ok:
		return codes.Usage("--meaning next, batch-start or last-processed", "--meaning %s: not one of its words", meaning)
	case t.Layout == nil:
		return codes.Usage("leave it out", "--meaning is for other programs' offsets; %s is a ledger of ours", t.Where)
	case t.means != foreign.MeaningUnset && t.means != m:
		return t.meansItself()
	}
	t.Meaning = m
	return nil
}

// meansItself refuses another meaning than the one that follows from a protocol or a form.
func (t *Target) meansItself() error {
	switch {
	case t.brokers != nil:
		return codes.Usage("&layout=kafka reads them in another meaning", "%s holds what is next to read, by its protocol", t.Location())
	case t.means == foreign.MeaningLastProcessed:
		return codes.Usage("leave --meaning out", "%s holds the last record that was done, by its form", t.Location())
	}
	return codes.Usage("leave --meaning out", "%s holds what is next to read, by its form", t.Location())
}

// reach attaches the brokers, and asks whether they answer.
func (t *Target) reach(ctx context.Context, o Options) error {
	brokers, err := t.brokersOf(o.Brokers, o.Env)
	if err != nil {
		return err
	}
	if t.File == nil {
		t.Seen = new(admin.Seen)
		topics, err := admin.Topics(ctx, t.Resources)
		if err != nil {
			return t.Pointed(err)
		}
		if err := t.attach(brokers, topics); err != nil {
			return err
		}
	}
	return t.ping(ctx, o.Timeout)
}

// brokersOf is the brokers that --brokers names, or the operand itself.
func (t *Target) brokersOf(flag string, env *pipeline.Environment) (kafka.Config, error) {
	switch {
	case t.File != nil && flag != "":
		return kafka.Config{}, codes.Usage("leave it out", "--brokers is for URLs; %s names its own", t.Operand)
	case t.File != nil:
		return t.File.Source.Cluster(), nil
	case flag != "":
		t.flagged = !strings.Contains(flag, "://")
		return readBrokers(flag, env)
	case t.brokers != nil:
		return *t.brokers, nil
	}
	return kafka.Config{}, codes.Usage("--brokers HOST:9092, or --brokers FILE.yaml for those of a pipeline", "%s leads to no broker", t.address)
}

// attach gives a URL the brokers that it is looked at with.
func (t *Target) attach(c kafka.Config, topics []string) error {
	c.Topics = topics
	if c.Group = t.Group; c.Group == "" {
		c.Group = "fencepost"
	}
	source, err := kafka.Open(c)
	if err != nil {
		return codes.Usage("--brokers HOST:9092", "%s", err)
	}
	t.source = source
	t.close = append(t.close, source.Leave)
	t.Cluster, t.Reader = source, source
	return nil
}

func (t *Target) ping(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return t.Pointed(t.source.Ping(ctx))
}

// Word is the target as a command names it.
func (t *Target) Word() string {
	if t.File != nil {
		return text.Shell(t.File.Name)
	}
	return text.Shell(t.Operand)
}

// String is the target for people: postgres://app@localhost:5432/shop group orders, with the meaning in which another
// program's numbers are read.
func (t *Target) String() string {
	switch {
	case t.File != nil:
		return fmt.Sprintf("%s group %s", t.Where, t.File.Group)
	case t.Form == "" || t.Meaning == foreign.MeaningUnset || t.means != foreign.MeaningUnset:
		return t.Location()
	}
	return fmt.Sprintf("%s (%s, meaning %s)", t.place(), t.Form, t.Meaning)
}

// Location is where a URL leads, with its layout: redis://:***@localhost:6379/0 key spark:orders (pattern-a).
func (t *Target) Location() string {
	if t.Form == "" {
		return t.place()
	}
	return t.place() + " (" + t.Form + ")"
}

// place is a URL's address with what it names there.
func (t *Target) place() string {
	if t.detail == "" {
		return t.address
	}
	return t.address + " " + t.detail
}

// Origin is String, with the meaning whatever it follows from: it is kept with what is copied from here.
func (t *Target) Origin() string {
	if t.Layout != nil && (t.Form == "" && t.brokers != nil || t.means == foreign.MeaningLastProcessed) {
		return fmt.Sprintf("%s (meaning %s)", t, t.Meaning)
	}
	return t.String()
}

// Remedy is a command to paste: with what was typed in place of FILE.
func (t *Target) Remedy(help string) string { return t.typed().Remedy(help) }

// typed is the file; for a URL one that has nothing but the URL as its name.
func (t *Target) typed() *pipeline.File {
	if t.File != nil {
		return t.File
	}
	return &pipeline.File{Name: t.Operand}
}

// urlWords are what a URL has in place of a file's keys.
var urlWords = strings.NewReplacer("source.brokers", "--brokers",
	"source.tls.enabled: true", "add tls=true to the URL", "source.tls.enabled: false", "take tls=true out of the URL",
	"source.tls.ca: PATH", "add ca=PATH to the URL:", "source.tls.server_name: one", "add server_name=NAME to the URL: one",
	"source.tls.cert and source.tls.key:", "add cert=PATH and cert_key=PATH to the URL:",
	"source.sasl: {mechanism: …, user: …, password: …}", "kafka://USER:${PW}@HOST:9093?sasl=SCRAM-SHA-512, or PLAIN")

// insecure are the codes of brokers that want another TLS or login than they got.
var insecure = map[string]bool{"tls-mismatch": true, "tls-unknown-authority": true, "sasl-refused": true}

// brokersLogin is how --brokers says TLS and login: the ledger's URL says neither.
const brokersLogin = "--brokers FILE.yaml takes a pipeline's, with TLS and login; or --brokers 'kafka://USER:${PW}@HOST:9093?tls=true&ca=PATH&sasl=SCRAM-SHA-512'"

// Pointed makes a *fencepost.UserError of an error, whose remedy names what was typed. nil stays nil, and so does an error
// that is only an exit code, when everything was printed already.
func (t *Target) Pointed(err error) error {
	if _, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok || err == nil {
		return err
	}
	err = t.typed().Pointed(err)
	fault, ok := errors.AsType[*fencepost.UserError](err)
	if t.File != nil || !ok {
		return err
	}
	out := *fault
	if out.Help = urlWords.Replace(out.Help); t.flagged && insecure[out.Code] {
		out.Help = brokersLogin
	}
	out.Help = strings.ReplaceAll(out.Help, "fencepost run "+t.Word(), "the first run of its pipeline") // only files run
	return &out
}

// AuditOptions is what an audit has to know of the pipeline; a URL alone does not say it.
func (t *Target) AuditOptions() admin.AuditOptions {
	if t.File == nil {
		return admin.AuditOptions{}
	}
	sink := t.File.About()
	return admin.AuditOptions{KeepsCommits: t.File.KeepCommits != ledger.KeepNone, Upserts: len(sink.Key) > 0, Table: sink.Audited, NoRow: t.noRow}
}
