package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// good is a doc.go that breaks no rule.
const good = "// Package p is here\n// for a test,\n// and says so\n// in five\n// lines.\npackage p\n"

// Each rule finds the violation that is planted for it, and nothing else.
func TestPlantedViolationsAreFound(t *testing.T) {
	for _, c := range []struct {
		what, file, text, want string
	}{
		{"nothing wrong", "connector/memory/a.go", "package p\nimport _ \"" + modulePath + "\"\n", ""},
		{"a test file may do as it likes", "a_test.go", "package p\nimport _ \"" + modulePath + "/connector/kafka\"\n", ""},
		{"a folder of test data", "testdata/x/a.go", "package p\nimport _ \"net\"\nvar X int\n", ""},
		{"a driver in the root", "a.go", "package p\nimport _ \"github.com/jackc/pgx/v5\"\n", "imports github.com/jackc/pgx/v5"},
		{"a package of ours in the root", "a.go", "package p\nimport _ \"" + modulePath + "/connector/memory\"\n", "imports the package connector/memory"},
		{"a log in the root", "a.go", "package p\nimport _ \"log/slog\"\n", "the root imports log/slog"},
		{"a lock in the root", "a.go", "package p\nimport _ \"sync\"\n", "the root imports sync"},
		{"the network in the root", "a.go", "package p\nimport _ \"net/http\"\n", "the root imports net/http"},
		{"a clock in the root", "a.go", "package p\nimport \"time\"\nvar now = time.Now()\n", "time.Now"},
		{"a clock by another name", "a.go", "package p\nimport clock \"time\"\nfunc f() { clock.Sleep(1) }\n", "time.Sleep"},
		{"a clock by value", "a.go", "package p\nimport \"time\"\nvar now = time.Since\n", "time.Since"},
		{"a lock in the ledger's words", "ledger/a.go", "package p\nimport _ \"sync\"\n", "ledger imports sync"},
		{"a clock in the ledger's words", "ledger/a.go", "package p\nimport \"time\"\nvar now = time.Now()\n", "ledger reads a clock, time.Now"},
		{"a ledger that knows a sink", "ledger/a.go", "package p\nimport _ \"" + modulePath + "/sink\"\n", "ledger imports the package sink"},
		{"a sink's words that know the engine", "sink/a.go", "package p\nimport _ \"" + modulePath + "/engine\"\n", "sink imports the package engine"},
		{"a goroutine in the root", "a.go", "package p\nfunc f() { go f() }\n", "a.go:2: the root starts a goroutine"},
		{"a channel in the root", "a.go", "package p\nvar c chan int\n", "the root has a channel"},
		{"a technology that knows another", "connector/postgres/a.go", "package p\nimport _ \"" + modulePath + "/connector/sqlite\"\n", "connector/postgres/a.go:2: connector/postgres imports the package connector/sqlite"},
		{"a technology that reads other programs' offsets", "connector/kafka/a.go", "package p\nimport _ \"" + modulePath + "/internal/foreign\"\n", ""},
		{"a technology that knows files", "connector/kafka/a.go", "package p\nimport _ \"" + modulePath + "/internal/foreign/offsetfile\"\n", "connector/kafka imports the package internal/foreign/offsetfile"},
		{"a technology without SQL that knows the SQL core", "connector/kafka/a.go", "package p\nimport _ \"" + modulePath + "/internal/sqlstore\"\n", "connector/kafka imports the package internal/sqlstore"},
		{"a technology that knows the wiring", "connector/postgres/a.go", "package p\nimport _ \"" + modulePath + "/internal/pipeline\"\n", "connector/postgres imports the package internal/pipeline"},
		{"an engine that knows other programs' offsets", "engine/a.go", "package p\nimport _ \"" + modulePath + "/internal/foreign\"\n", "engine imports the package internal/foreign"},
		{"foreign offsets that know a store", "internal/foreign/a.go", "package p\nimport _ \"" + modulePath + "/connector/postgres\"\n", "internal/foreign imports the package connector/postgres"},
		{"a source's promises that know the engine", "source/a.go", "package p\nimport _ \"" + modulePath + "/engine\"\n", "source imports the package engine"},
		{"a source's promises that know a client", "source/a.go", "package p\nimport _ \"github.com/twmb/franz-go/pkg/kgo\"\n", "source imports github.com/twmb/franz-go/pkg/kgo"},
		{"a SQL core that knows a technology", "internal/sqlstore/a.go", "package p\nimport _ \"" + modulePath + "/connector/postgres\"\n", "internal/sqlstore imports the package connector/postgres"},
		{"foreign offsets in the root", "a.go", "package p\nimport _ \"" + modulePath + "/internal/foreign\"\n", "imports the package internal/foreign"},
		{"a technology that knows the engine", "connector/memory/a.go", "package p\nimport _ \"" + modulePath + "/engine\"\n", "imports the package engine"},
		{"a technology with another's driver", "connector/sqlite/a.go", "package p\nimport _ \"github.com/jackc/pgx/v5\"\n", "connector/sqlite imports github.com/jackc/pgx/v5"},
		{"an engine that knows a technology", "engine/a.go", "package p\nimport _ \"" + modulePath + "/connector/kafka\"\n", "engine imports the package connector/kafka"},
		{"an engine with a client", "engine/a.go", "package p\nimport _ \"github.com/twmb/franz-go/pkg/kgo\"\n", "engine imports github.com/twmb/franz-go/pkg/kgo"},
		{"a suite that knows a store", "sink/sinktest/a.go", "package p\nimport _ \"" + modulePath + "/connector/memory\"\n", "sink/sinktest imports the package connector/memory"},
		{"a pipeline that knows a technology", "internal/pipeline/a.go", "package p\nimport _ \"" + modulePath + "/connector/postgres\"\n", "internal/pipeline imports the package connector/postgres"},
		{"a dashboard with a client", "internal/dash/a.go", "package p\nimport _ \"github.com/twmb/franz-go/pkg/kgo\"\n", "which only"},
		{"a package that no arrow knows", "internal/helpers/doc.go", good, "no arrow knows this package"},
		{"no doc.go", "connector/redis/a.go", "package p\n", "connector/redis: no doc.go"},
		{"a doc.go of one line", "connector/redis/doc.go", "// Package p is short.\npackage p\n", "fewer than 5 lines"},
		{"a second package comment", "connector/memory/a.go", "// Package p again.\npackage p\n", "second package comment"},
		{"a function without a comment", "connector/memory/a.go", "package p\n\nfunc F() {}\n", "connector/memory/a.go:3: the exported function F"},
		{"a method without a comment", "connector/memory/a.go", "package p\n// T is.\ntype T[K any] struct{}\n\nfunc (t *T[K]) M() {}\n", "function M"},
		{"a method of a hidden type", "connector/memory/a.go", "package p\n\ntype t struct{}\n\nfunc (t) M() {}\n", ""},
		{"a type without a comment", "connector/memory/a.go", "package p\n\ntype T int\n", "type T"},
		{"a type in a group", "connector/memory/a.go", "package p\n\n// Some types.\ntype (\n\tT int\n)\n", "type T"},
		{"a constant without a comment", "connector/memory/a.go", "package p\n\nconst (\n\tA = 1\n)\n", "const A"},
		{"a group of constants with one", "connector/memory/a.go", "package p\n\n// Some.\nconst (\n\tA = 1\n\tB = 2\n)\n", ""},
		{"a variable without a comment", "connector/memory/a.go", "package p\n\nvar V = 1\n", "var V"},
	} {
		t.Run(strings.ReplaceAll(c.what, " ", "-"), func(t *testing.T) {
			root := t.TempDir()
			plant := func(file, text string) {
				path := filepath.Join(root, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, dir := range []string{".", "connector/memory", "connector/postgres", "connector/sqlite", "engine", "sink/sinktest", "connector/kafka", "source", "internal/pipeline", "internal/foreign", "internal/sqlstore"} {
				plant(filepath.Join(dir, "doc.go"), good)
			}
			plant(c.file, c.text)
			packages := load(t, root)
			found := append(append(arrowFaults(packages), stillFaults(packages)...), documentFaults(packages)...)
			all := strings.Join(found, "\n")
			if c.want == "" && len(found) > 0 {
				t.Errorf("found where nothing is wrong:\n%s", all)
			}
			if c.want != "" && !strings.Contains(all, c.want) {
				t.Errorf("found:\n%s\nwant a line that says %q", all, c.want)
			}
		})
	}
}
