package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/view"
	"github.com/fencepost/fencepost/ledger"
)

// manyPositions is the answer of show for a group of so many partitions.
func manyPositions(n int32) view.Positions {
	v := admin.View{At: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC), Group: "many", Notes: []string{"a: note", ""}}
	for p := range n {
		last := &ledger.Recorded{At: v.At, Who: "w1@node3"}
		last.Cause = ledger.CauseCommit
		v.Standings = append(v.Standings, admin.Standing{TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: p}, State: admin.Parked,
			Position: ledger.Position{Offset: 10, Fence: 1 << 62, TopicID: fencepost.TopicID{1}}, Last: last, Reason: "epoch 0 ended at 3:\n 7 offsets are \"gone\"",
			Bounds: fencepost.LogOffsets{TopicID: fencepost.TopicID{1}, LastStableOffset: 3, HighWatermark: 3}, Decision: ledger.Decision{Verdict: ledger.Truncated, Action: ledger.Stop}})
	}
	return view.NewPositions(v, "sqlite:x.db", "")
}

// peak is the most memory in use at any write, above what was in use before.
type peak struct {
	before, most uint64
	n            int
}

func (p *peak) Write(b []byte) (int, error) {
	if p.n++; p.n%50 == 1 {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		p.most = max(p.most, now.HeapAlloc)
	}
	return len(b), nil
}

// TestO18YAMLOfManyPartitions: the memory of an answer in yaml is that of its text and of one element at a time, 60 MiB for 10,000
// partitions; the library's tree of all took 436.
func TestO18YAMLOfManyPartitions(t *testing.T) {
	answer := manyPositions(2_500)
	var now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&now)
	out := &peak{before: now.HeapAlloc}
	a := &app{stdout: out, output: "yaml"}
	a.document(answer)
	if mib := (out.most - out.before) >> 20; mib > 15 { // a quarter of them
		t.Errorf("2,500 partitions in yaml take %d MiB, want at most 25", mib)
	}
}

// TestYAMLReadsBack: what is written token by token reads as the JSON that it is made of. (The library's own JSONToYAML writes a text of
// a tab so that it reads as nothing.)
func TestYAMLReadsBack(t *testing.T) {
	same := func(t rapid.TB, v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		if err := writeYAML(w, text); err != nil {
			t.Fatal(err)
		}
		_ = w.Flush()
		var want, got any
		if err := yaml.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v:\n%s", err, b.String())
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.Unmarshal(text, &want), json.Unmarshal(again, &got)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("-want +got:\n%s\n%s", d, b.String())
		}
	}
	same(t, manyPositions(3))
	same(t, view.NewFailure("offsets show", view.FailureError{Code: "usage", Message: "a: b\n  c\n", Help: "-x"}))
	words := rapid.SampledFrom([]string{"", "a", "-", "- a", "a: b", "0x1", "1e3", "true", "null", "~", "#c", "a #b", "\"q\"", "'", "a\nb", "a\n\n b\n", "größe", "@x", "{}", "[]", " a ", "\t", ".5", ".inf", ".NaN", "...", "---", "2026-11-21", "03:12:45", "=", "<<", "\u2028", "\u0085", "a\\b"})
	rapid.Check(t, func(r *rapid.T) {
		element := map[string]any{"word": words.Draw(r, "word"), "n": rapid.Int().Draw(r, "n"), "inside": map[string]any{"word": words.Draw(r, "inside")}, "none": nil}
		object := map[string]any{words.Draw(r, "key") + "k": []any{element, element}, "texts": rapid.SliceOfN(words, 0, 3).Draw(r, "texts"), "some": element,
			"lists": []any{[]string{"a", "b"}, []int{}, []any{element, []any{element}}}}
		same(r, object)
	})
	if b := new(strings.Builder); writeYAML(bufio.NewWriter(b), []byte("7")) == nil {
		t.Error("a number is taken for an object")
	}
}
