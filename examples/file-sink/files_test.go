package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/sink/sinktest"
)

// store is a folder as the suite reaches it.
type store struct{ dir string }

func newStore(t *testing.T) sinktest.Store { return store{t.TempDir()} }

func (s store) Open(_ context.Context, keep ledger.KeepCommits) (sink.Sink, error) {
	f, err := openFiles(s.dir, keep)
	if err == nil {
		f.refuse = func(row map[string]any) string {
			if n, ok := row["n"].(int64); ok && n < 0 {
				return "n is negative"
			}
			return ""
		}
	}
	return f, err
}

func (s store) OpenTyped(context.Context, []fencepost.ColumnSpec) (sink.Sink, error) {
	return openFiles(s.dir, ledger.KeepMerged)
}

// lines are the rows that count: those up to the length that the last commit says.
func (s store) lines(t *testing.T) (rows [][]byte) {
	t.Helper()
	commits, err := os.ReadFile(filepath.Join(s.dir, "commits.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.Split(commits, []byte("\n"))
	if len(whole) < 2 {
		return nil // it was just made
	}
	var last line
	if err := json.Unmarshal(whole[len(whole)-2], &last); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "rows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(bytes.Split(text[:last.Rows], []byte("\n")), func(line []byte) bool { return len(line) == 0 })
}

func (s store) Rows(t *testing.T) (rows []sinktest.Row) {
	t.Helper()
	for _, line := range s.lines(t) {
		var r struct {
			Topic     string           `json:"_topic"`
			Partition int32            `json:"_partition"`
			Offset    fencepost.Offset `json:"_offset"`
			Value     string           `json:"value"`
			N         int64            `json:"n"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, sinktest.Row{TopicPartition: fencepost.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset, Value: r.Value, N: r.N})
	}
	return rows
}

func (s store) TypedRows(t *testing.T, columns []fencepost.ColumnSpec) (rows [][]any) {
	t.Helper()
	for _, line := range s.lines(t) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatal(err)
		}
		row := make([]any, len(columns))
		for i, c := range columns {
			row[i] = typed(t, c.Type, fields[c.Name])
		}
		rows = append(rows, row)
	}
	return rows
}

// typed reads a value as the suite compares it.
func typed(t *testing.T, typ fencepost.Type, text []byte) any {
	t.Helper()
	read := func(v any) {
		t.Helper()
		if err := json.Unmarshal(text, v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if text == nil {
		return nil
	}
	switch typ {
	case fencepost.Int:
		var v int64
		read(&v)
		return v
	case fencepost.Float:
		var v float64
		read(&v)
		return v
	case fencepost.Bool:
		var v bool
		read(&v)
		return v
	case fencepost.Timestamp:
		var v time.Time
		read(&v)
		return v.UnixMicro()
	case fencepost.Bytes:
		v := []byte{}
		read(&v)
		return v
	case fencepost.JSON:
		return string(text)
	}
	var v string
	read(&v)
	return v
}

// append appends a line to commits.jsonl as another program would.
func (s store) append(t *testing.T, l line) {
	t.Helper()
	f, err := openFiles(s.dir, ledger.KeepAll)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = f.locked(t.Context(), func() error {
		l.Rows = f.seen.rows
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		return replaceFrom(f.commits, f.seen.until, append(text, '\n'))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s store) DeleteRow(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition) {
	s.append(t, line{Version: version, Group: g, Moves: []move{{Topic: tp.Topic, Partition: tp.Partition}}})
}

func (s store) ForeignWrite(t *testing.T, g fencepost.Group, tp fencepost.TopicPartition, at fencepost.Offset) {
	s.append(t, line{Version: version, Group: g, Moves: []move{{Topic: tp.Topic, Partition: tp.Partition, Next: position{Offset: at, Epoch: fencepost.NoEpoch}}}})
}

func (s store) MakeNewer(t *testing.T) { s.append(t, line{Version: version + 1}) }

// readme:start

// The folder keeps every law that the engine rests on.
func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Fixture{New: newStore})
}

// readme:end
