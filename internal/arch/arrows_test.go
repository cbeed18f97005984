package arch

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrow says what the packages that match it may import. The first arrow that matches a package binds it.
type arrow struct {
	packages []string // folders, with /... for all below
	inside   []string // packages of the module; "." is the root, "..." any
	outside  []string // import paths beyond the standard library; "..." any
}

const franz = "github.com/twmb/franz-go/..."

// prometheus is the client library of metrics, and the messages that its tests read.
var prometheus = []string{"github.com/prometheus/client_golang/...", "github.com/prometheus/client_model/..."}

// connector is what every connector may import of the module besides itself.
var connector = []string{".", "ledger", "sink", "source", "internal/foreign", "internal/text"}

// connects is the arrow of a connector that lives in dir, with more of the module, to its driver.
func connects(dir string, more []string, driver ...string) arrow {
	return arrow{[]string{dir}, slices.Concat(connector, more, []string{dir}), driver}
}

// sqlCore is the core of the SQL connectors.
var sqlCore = []string{"internal/sqlstore"}

// arrows is the map of the module. A connector imports the root, what a source
// promises, the cores that are made for connectors, and its own driver.
var arrows = []arrow{
	{[]string{"."}, nil, nil},
	connects("connector/memory", nil),
	connects("connector/atleastonce", nil),
	{[]string{"sink/sinktest"}, []string{".", "ledger", "sink"}, []string{"github.com/google/go-cmp/...", "pgregory.net/rapid"}},
	{[]string{"ledger/ledgertest"}, []string{".", "ledger", "sink", "sink/sinktest"}, nil},
	{[]string{"ledger"}, []string{"."}, nil},
	{[]string{"sink"}, []string{".", "ledger"}, nil},
	{[]string{"source"}, []string{"."}, nil},
	{[]string{"engine/internal/assignment"}, []string{".", "ledger", "source"}, nil},
	{[]string{"engine/internal/peers"}, []string{".", "ledger"}, nil},
	{[]string{"engine/internal/allowance", "engine/internal/batching"}, nil, nil},
	{[]string{"engine/..."}, []string{".", "ledger", "sink", "source", "decode", "engine/..."}, nil},
	connects("connector/kafka/...", nil, franz),
	connects("connector/postgres/...", sqlCore, "github.com/jackc/pgx/v5/..."),
	connects("connector/mysql/...", sqlCore, "github.com/go-sql-driver/mysql", "filippo.io/edwards25519"),
	connects("connector/sqlite/...", sqlCore, "zombiezen.com/go/sqlite/...", "modernc.org/..."),
	connects("connector/redis/...", nil, "github.com/gomodule/redigo/redis"),
	connects("connector/zookeeper/...", nil, "github.com/go-zookeeper/zk/..."),
	connects("file/...", nil, "github.com/parquet-go/parquet-go/..."),
	connects("s3/...", nil, "github.com/minio/minio-go/v7/...", "github.com/parquet-go/parquet-go/..."),
	connects("http/...", nil),
	{[]string{"decode/shape"}, []string{".", "decode", "internal/expression"}, nil},
	{[]string{"decode/registry"}, []string{".", "decode", "internal/text"}, []string{"github.com/twmb/franz-go/pkg/sr/..."}},
	{[]string{"decode/internal/carts"}, []string{".", "decode"}, []string{"pgregory.net/rapid"}},
	{[]string{"decode/..."}, []string{".", "decode/..."}, []string{"github.com/twmb/avro/...", "google.golang.org/protobuf/...", "github.com/bufbuild/protocompile/..."}},
	{[]string{"internal/arch", "internal/manual", "internal/scenarios", "internal/screen", "internal/text", "internal/wire"}, nil, nil},
	{[]string{"internal/codes"}, []string{".", "ledger", "sink"}, nil},
	{[]string{"internal/console", "internal/logs"}, []string{".", "ledger", "source", "engine", "internal/codes", "internal/screen", "internal/text"}, nil},
	{[]string{"metrics"}, []string{".", "ledger", "engine"}, prometheus},
	{[]string{"internal/listen", "internal/sdnotify"}, nil, nil},
	{[]string{"internal/events"}, []string{".", "engine", "internal/view"}, nil},
	{[]string{"internal/webhook/news"}, nil, nil},
	{[]string{"internal/webhook"}, []string{".", "ledger", "engine", "internal/view", "internal/webhook/news"}, []string{"github.com/standard-webhooks/standard-webhooks/..."}},
	{[]string{"internal/health"}, []string{".", "engine", "internal/listen", "internal/text", "internal/view"}, prometheus},
	{[]string{"internal/quickstart"}, []string{".", "ledger", "sink", "source", "connector/kafka", "connector/sqlite", "internal/broker", "internal/flights/...", "internal/screen", "internal/text"},
		[]string{"zombiezen.com/go/sqlite/..."}},
	{[]string{"internal/chaos"}, []string{".", "ledger", "sink/sinktest"}, nil},
	{[]string{"internal/broker/...", "internal/flights/...", "internal/servers/...", "internal/trial"}, []string{".", "ledger", "internal/broker/...", "internal/flights/...",
		"internal/listen", "internal/servers/...", "internal/wire"}, []string{"..."}},
	{[]string{"internal/simulation/..."}, []string{".", "ledger", "sink", "sink/sinktest", "source", "decode", "engine", "connector/kafka", "connector/memory", "internal/simulation/..."}, []string{"..."}},
	{[]string{"internal/foreign"}, []string{".", "ledger"}, nil},
	{[]string{"internal/foreign/offsetfile"}, []string{".", "ledger", "internal/foreign"}, nil},
	{[]string{"internal/sqlstore"}, []string{".", "ledger", "sink", "internal/foreign"}, nil},
	{[]string{"internal/admin"}, []string{".", "ledger", "sink", "source", "internal/foreign", "internal/text"}, nil},
	{[]string{"internal/watch"}, []string{".", "internal/admin", "internal/codes", "internal/text", "internal/view"}, nil},
	{[]string{"internal/top"}, []string{".", "ledger", "internal/admin", "internal/screen", "internal/text", "internal/view", "internal/watch"}, []string{"charm.land/bubbletea/v2", "github.com/charmbracelet/x/ansi"}},
	{[]string{"internal/dash/..."}, []string{".", "internal/admin", "internal/codes", "internal/listen", "internal/text", "internal/view", "internal/watch"}, []string{"..."}},
	{[]string{"internal/expression"}, []string{"."}, []string{"github.com/expr-lang/expr/..."}},
	{[]string{"internal/pipeline"}, []string{".", "ledger", "sink", "decode/...", "engine", "internal/admin", "internal/codes", "internal/foreign", "internal/listen", "internal/pipeline/...", "internal/text", "internal/webhook/news"}, nil},
	{[]string{"internal/pipeline/keys"}, []string{".", "internal/screen", "internal/text"}, []string{"github.com/goccy/go-yaml/..."}},
	{[]string{"internal/pipeline/kinds"}, slices.Concat(technologies, []string{".", "ledger", "sink", "decode/avro", "decode/protobuf", "decode/registry", "internal/expression", "internal/foreign", "internal/pipeline/keys", "internal/text"}), nil},
	{[]string{"internal/view"}, []string{".", "ledger", "engine", "internal/admin", "internal/codes", "internal/foreign", "internal/foreign/offsetfile", "internal/pipeline", "internal/screen", "internal/text"}, nil},
	{[]string{"internal/target"}, slices.Concat(technologies, []string{".", "ledger", "internal/admin", "internal/codes", "internal/foreign", "internal/foreign/offsetfile", "internal/pipeline", "internal/pipeline/keys", "internal/sqlstore", "internal/text"}), nil},
	{[]string{"cmd/...", "bench/...", "examples/..."}, []string{"..."}, []string{"..."}},
}

// franzPackages are the packages that may import the Kafka client; the schema registry's, which is a module of its own, is beside it.
var franzPackages = []string{"connector/kafka/...", "decode/registry", "internal/broker/...", "internal/flights/...", "internal/servers/...", "internal/simulation/...", "internal/trial", "cmd/...", "bench/...", "examples/..."}

// technologies are the packages that only the wiring and the programs may know all of.
var technologies = []string{"connector/memory", "connector/atleastonce", "connector/kafka/...", "connector/postgres/...", "connector/sqlite/...", "connector/mysql/...", "connector/redis/...", "connector/zookeeper/...", "file/...", "s3/...", "http/..."}

// arrowFaults lists each import that no arrow allows, and each package that no arrow knows.
func arrowFaults(packages []pkg) (faults []string) {
	for _, r := range packages {
		var bound *arrow
		for i := range arrows {
			if under(r.dir, arrows[i].packages) {
				bound = &arrows[i]
				break
			}
		}
		if bound == nil {
			faults = append(faults, fmt.Sprintf("%s: no arrow knows this package: add it to the table", r.dir))
			continue
		}
		for path, pos := range r.imports() {
			to := strings.TrimPrefix(strings.TrimPrefix(path, modulePath), "/")
			if to == "" {
				to = "."
			}
			switch {
			case ours(path) && !under(to, bound.inside):
				faults = append(faults, fmt.Sprintf("%s: %s imports the package %s, it may import %q", r.at(pos), r.dir, to, bound.inside))
			case outside(path) && !under(path, bound.outside):
				faults = append(faults, fmt.Sprintf("%s: %s imports %s, of the world outside it may import %q", r.at(pos), r.dir, path, bound.outside))
			case under(path, []string{franz}) && !under(r.dir, franzPackages):
				faults = append(faults, fmt.Sprintf("%s: %s imports %s, which only %q may", r.at(pos), r.dir, path, franzPackages))
			}
		}
	}
	return faults
}

// stillPackages hold words and laws, and nothing that moves.
var stillPackages = []string{".", "ledger", "engine/internal/allowance", "engine/internal/assignment", "engine/internal/batching", "engine/internal/peers"}

// stillImports is what these packages may import, besides each other: words and laws need no more.
var stillImports = []string{modulePath, modulePath + "/ledger", modulePath + "/source", "cmp", "context", "encoding/base64", "errors", "fmt", "iter", "maps", "reflect", "slices", "strconv", "strings", "time", "unicode/utf8", "unsafe", "math"}

// clock are the functions of package time that read or await one.
var clock = map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true, "NewTimer": true, "NewTicker": true}

// stillFaults lists what these packages have and may not have: a clock, a goroutine, a channel, a log, a lock, the network.
func stillFaults(packages []pkg) (faults []string) {
	for _, r := range packages {
		if !slices.Contains(stillPackages, r.dir) {
			continue
		}
		for path, pos := range r.imports() {
			if !under(path, stillImports) {
				faults = append(faults, fmt.Sprintf("%s: %s imports %s: it is words and laws, and needs %q only", r.at(pos), r.named(), path, stillImports))
			}
		}
		for _, f := range r.files {
			names := importNames(f)
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					faults = append(faults, fmt.Sprintf("%s: %s starts a goroutine: motion is the engine's", r.at(n.Pos()), r.named()))
				case *ast.SendStmt, *ast.SelectStmt, *ast.ChanType:
					faults = append(faults, fmt.Sprintf("%s: %s has a channel: motion is the engine's", r.at(n.Pos()), r.named()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && names[x.Name] == "time" && clock[n.Sel.Name] {
						faults = append(faults, fmt.Sprintf("%s: %s reads a clock, time.%s: the caller owns it", r.at(n.Pos()), r.named(), n.Sel.Name))
					}
				}
				return true
			})
		}
	}
	return faults
}

// importNames maps the names under which a file knows its imports to their paths.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		names[name] = path
	}
	return names
}

func TestArrowsPointInward(t *testing.T) {
	packages := load(t, "../..")
	if len(packages) < 4 {
		t.Fatalf("packages found: %d, the module has more", len(packages))
	}
	for _, f := range append(arrowFaults(packages), stillFaults(packages)...) {
		t.Error(f)
	}
}

// The table keeps its own promise: a technology's arrow leads to itself, the root and the cores made for connectors, and
// nothing but the wiring and the programs knows them all.
func TestArrowTable(t *testing.T) {
	for _, a := range arrows {
		wiring := under(strings.TrimSuffix(a.packages[0], "/..."), []string{"cmd/...", "bench/...", "examples/..."})
		for _, to := range a.inside {
			if to == "..." && !wiring {
				t.Errorf("%q may import every package: only programs may", a.packages)
			}
		}
		for _, tech := range technologies {
			if a.packages[0] != tech {
				continue
			}
			for _, to := range a.inside {
				if to != tech && !slices.Contains(slices.Concat(connector, sqlCore), to) {
					t.Errorf("technology %s may import %s: it may import itself, %q, and %q where it is SQL", tech, to, connector, sqlCore)
				}
			}
		}
	}
}
