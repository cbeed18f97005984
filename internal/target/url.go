package target

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/ledger"
)

// open opens what a URL names; what it leaves empty of the target is filled in.
type open func(context.Context, *location) (*Target, error)

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

// openURL opens what a URL names.
func openURL(ctx context.Context, operand string, o Options) (*Target, error) {
	none := &Target{Operand: operand}
	l, err := parse(operand, o.Env)
	if err != nil {
		return none, err
	}
	l.anyGroup = o.anyGroup
	if err := l.noLedger(); err != nil {
		return none, err
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
			return none, noLayout(l.scheme, form, s)
		}
		how, params = lay.open, lay.params
	}
	if err := l.takes(params, s.drivers); err != nil {
		return none, err
	}
	t, err := how(ctx, l)
	if err != nil {
		return none, err
	}
	t.Operand, t.Form, t.Who, t.Patience = operand, form, o.Who, o.patience()
	t.fill(l)
	return t, nil
}

// ofLedger is a target that keeps its own ledger; g is a group of it.
func ofLedger(g fencepost.Group, l ledger.Ledger, shut func() error) *Target {
	return &Target{Resources: admin.Resources{Group: g, Ledger: l}, close: []func(context.Context) error{closing(shut)}}
}

// ofLayout is a target in another program's form; subject is what holds its numbers: hash spark:orders.
func ofLayout(l foreign.Layout, subject string) *Target {
	return &Target{Resources: admin.Resources{Layout: l, Subject: subject}, close: []func(context.Context) error{closing(l.Close)}}
}

// fill adds what the URL says by itself.
func (t *Target) fill(l *location) {
	if t.Group == "" {
		t.Group = fencepost.Group(l.params.Get("group"))
	}
	if t.address == "" {
		t.address = l.shown
	}
	if t.detail == "" && t.Group != "" {
		t.detail = "group " + string(t.Group)
	}
	if t.Subject == "" {
		t.Subject = cmp.Or(t.detail, t.address)
	}
	if t.Ledger != nil {
		t.History, _ = ledger.As[ledger.History](t.Ledger)
	}
	t.Meaning, t.Where = t.means, t.address
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
	return typable(slices.Sorted(maps.Keys(schemes[strings.ToLower(scheme)].layouts)))
}

// typable are names as a URL holds them: group%23topic.
func typable(names []string) []string {
	for i, name := range names {
		names[i] = strings.ReplaceAll(name, "#", "%23")
	}
	return names
}

func noLayout(name, form string, s scheme) error {
	names := typable(slices.Sorted(maps.Keys(s.layouts)))
	if len(names) == 0 {
		return codes.Usage(examples[name], "%s has no layouts of other programs", name)
	}
	help := "one of " + strings.Join(names, "  ")
	if near := text.Nearest(form, names); near != "" {
		help = "layout=" + near + "; there are " + strings.Join(names, "  ")
	}
	return codes.Usage(help, "%s has no layout %s", name, form)
}
