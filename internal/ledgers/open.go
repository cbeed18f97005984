package ledgers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/kafka"
	"github.com/fencepost/fencepost/ledger"
)

// Opened is what a URL names: a Ledger or a Layout, never both.
type Opened struct {
	Ledger  ledger.Ledger
	History ledger.History // of the Ledger; nil: none
	Layout  foreign.Layout

	Group fencepost.Group // of a Ledger; of a Layout, if it has one
	Form  string          // the Layout's name: pattern-a
	// Means is what the Layout's numbers mean whatever a program thinks of them, by a protocol or a format; unset: the
	// user has to say.
	Means   foreign.Meaning
	Subject string // for messages, what holds the numbers: hash spark:orders
	// Brokers is where the URL itself leads to Kafka; nil: it does not.
	Brokers *kafka.Config

	address string // without secrets and parameters
	detail  string // key spark:orders, group orders-agg
	close   func() error
}

// Close closes what was opened.
func (o *Opened) Close() error {
	if o.close == nil {
		return nil
	}
	return o.close()
}

// Address is where it is, without secrets and parameters: postgres://app@localhost:5432/shop.
func (o *Opened) Address() string { return o.address }

// String is the address with what it names there: redis://:***@localhost:6379/0 key spark:orders (pattern-a).
func (o *Opened) String() string { return o.Told(foreign.MeaningUnset) }

// Told is String with the meaning in which its numbers are read.
func (o *Opened) Told(m foreign.Meaning) string {
	text := o.address
	if o.detail != "" {
		text += " " + o.detail
	}
	switch {
	case o.Form == "":
	case m == foreign.MeaningUnset || o.Means != foreign.MeaningUnset:
		text += " (" + o.Form + ")"
	default:
		text += fmt.Sprintf(" (%s, meaning %s)", o.Form, m)
	}
	return text
}

// open makes one of what a URL names; what it leaves empty of address and detail is filled in.
type open func(context.Context, *location) (*Opened, error)

// scheme is what a word before the colon stands for.
type scheme struct {
	params  []string // besides group and layout
	drivers bool     // other parameters belong to the driver
	native  open     // the ledger
	layouts map[string]layout
}

// layout is a form of another program in a scheme's store.
type layout struct {
	params []string // those of the scheme and of this layout that it takes
	open   open
}

// schemes is all there is.
var schemes = map[string]scheme{
	"postgres": postgresScheme, "postgresql": postgresScheme,
	"mysql": mysqlScheme, "mariadb": mysqlScheme,
	"sqlite": sqliteScheme,
	"redis":  redisScheme, "rediss": redisScheme,
	"kafka": kafkaScheme,
	"zk":    zookeeperScheme,
	"file":  fileScheme,
}

// schemeNames are the words of messages, in the order of the documentation.
var schemeNames = []string{"postgres", "mysql", "sqlite", "redis", "rediss", "zk", "kafka", "file"}

// IsURL reports whether an argument names a ledger by URL, and no pipeline file: it begins with a word and a colon.
func IsURL(arg string) bool {
	word, rest, ok := strings.Cut(arg, ":")
	if !ok || rest == "" || strings.ContainsAny(word, `/\.`) || len(word) < 2 {
		return strings.HasPrefix(arg, "${") // ${DATABASE_URL}?group=G
	}
	return true
}

// Open opens what a URL names. It connects to nothing.
func Open(ctx context.Context, text string, env *pipeline.Environment) (*Opened, error) {
	l, err := parse(text, env)
	if err != nil {
		return nil, err
	}
	if err := l.noLedger(); err != nil {
		return nil, err
	}
	s := schemes[l.scheme]
	how, params := s.native, s.params
	form := l.params.Get("layout")
	if _, table := s.layouts["table"]; form == "" && table && l.params.Get("table") != "" {
		form = "table"
	}
	if form != "" {
		lay, ok := s.layouts[form]
		if !ok {
			return nil, noLayout(l.scheme, form, s)
		}
		how, params = lay.open, lay.params
	}
	if err := l.takes(params, s.drivers); err != nil {
		return nil, err
	}
	o, err := how(ctx, l)
	if err != nil {
		return nil, err
	}
	return o.filled(l, form), nil
}

// filled adds what the URL says by itself.
func (o *Opened) filled(l *location, form string) *Opened {
	o.Form = form
	if o.Group == "" {
		o.Group = fencepost.Group(l.params.Get("group"))
	}
	if o.address == "" {
		o.address = l.shown
	}
	if o.detail == "" && o.Group != "" {
		o.detail = "group " + string(o.Group)
	}
	if o.Subject == "" {
		o.Subject = o.address
		if o.detail != "" {
			o.Subject = o.detail
		}
	}
	if o.Ledger != nil {
		o.History, _ = ledger.As[ledger.History](o.Ledger)
	}
	return o
}

// examples are a URL of each scheme, for remedies.
var examples = map[string]string{
	"postgres": "postgres://USER@HOST:5432/DATABASE?group=G", "postgresql": "postgres://USER@HOST:5432/DATABASE?group=G",
	"mysql": "mysql://USER@HOST:3306/DATABASE?group=G", "mariadb": "mysql://USER@HOST:3306/DATABASE?group=G",
	"sqlite": "sqlite:PATH?group=G",
	"redis":  "redis://:${PW}@HOST:6379/0?group=G", "rediss": "rediss://:${PW}@HOST:6379/0?group=G",
	"zk":    "zk://HOST:2181/?group=G",
	"kafka": "kafka://HOST:9092?group=G",
	"file":  "file:PATH?layout=FORM",
}

// Layouts are the names of the layouts that a URL's scheme has, in alphabetical order. The URL need not be whole.
func Layouts(url string) []string {
	scheme, _, _ := strings.Cut(url, ":")
	return slices.Sorted(maps.Keys(schemes[strings.ToLower(scheme)].layouts))
}

func noLayout(name, form string, s scheme) error {
	names := slices.Sorted(maps.Keys(s.layouts))
	if len(names) == 0 {
		return usage(examples[name], "%s has no layouts of other programs", name)
	}
	help := "one of " + strings.Join(names, "  ")
	if near := text.Nearest(form, names); near != "" {
		help = "layout=" + near + "; there are " + strings.Join(names, "  ")
	}
	return usage(help, "%s has no layout %s", name, form)
}

func usage(help, format string, args ...any) error {
	return &fencepost.Fault{Code: "usage", Exit: 2, Err: fmt.Errorf(format, args...), Help: help}
}
