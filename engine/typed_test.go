package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/atleastonce"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/sink"
	"github.com/fencepost/fencepost/source"
)

// delay is what a typed handler reads; only its pointers may be null.
type delay struct {
	Origin string  `json:"origin"`
	Delay  *int64  `json:"delay"`
	Key    *[]byte `json:"_key"`
}

// A typed handler needs no decoder: its struct says which JSON fields it reads. A record without one that is no pointer
// parks its partition there, and those in front of it are applied.
func TestTypedHandlerNeedsNoDecoder(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		for _, value := range []string{`{"origin":"ATL","delay":5}`, `{"origin":"ORD"}`, `{"origin":"LAX","delay":null,"more":1}`, `{"origin":null}`, `{"origin":"SEA"}`} {
			w.change(tp(0), func(l *fakeLog) { l.append(fencepost.Record{Key: []byte("k"), Value: []byte(value)}) })
		}
		type seenRow struct {
			offset fencepost.Offset
			origin string
			delay  int64
		}
		var rows []seenRow
		handler := atleastonce.Handle(s, func(_ context.Context, got fencepost.Rows[delay]) error {
			for at, d := range got.All() {
				row := seenRow{at.Offset, d.Origin, -1}
				if d.Delay != nil {
					row.delay = *d.Delay
				}
				if d.Key == nil || string(*d.Key) != "k" {
					t.Errorf("the key of offset %d is %v, want k", at.Offset, d.Key)
				}
				rows = append(rows, row)
			}
			return nil
		})
		wk := w.run(handler, func(c *Config) { c.Decoder = nil })
		synctest.Wait()
		wk.source.assign(tp(0))
		time.Sleep(time.Second)
		if err := wk.end(); err != nil {
			t.Fatalf("run: %v", err)
		}
		if want := []seenRow{{0, "ATL", 5}, {1, "ORD", -1}, {2, "LAX", -1}}; !slices.Equal(rows, want) {
			t.Errorf("the handler read %v, want %v", rows, want)
		}
		parked := seen[Parked](wk)
		if len(parked) != 1 || parked[0].Offset != 3 || !strings.Contains(parked[0].Reason, "column origin is null") || !strings.Contains(parked[0].Reason, "delay.Origin is no pointer") {
			t.Errorf("parked: %+v, want once at 3, for the null of origin", parked)
		}
	})
}

// What is wrong with a sink or a source that were made without an error is the engine's, before it begins; so is a
// decoder that does not make what a struct takes.
func TestInvalidSinkAndSource(t *testing.T) {
	w := newWorld(t)
	w.create("t", 1)
	bad := sink.ForRows[struct{ N int8 }](nil, errors.New("dsn is empty"))
	_, err := New(Config{Group: "g", Source: unmade{}, Sink: bad})
	for _, want := range []string{"engine.Config.Source: no brokers", "engine.Config.Sink: dsn is empty", "the field .N is a int8, which no column type fits"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
	raw, err := decode.Raw(fencepost.ColumnSpec{Name: "origin", Type: fencepost.Bytes})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Group: "g", Source: w.source(), Sink: memory.Open()}); err == nil || !strings.Contains(err.Error(), "engine.Config.Decoder: is nil") {
		t.Errorf("a sink of columns without a decoder: the error is %v, want one that names Config.Decoder", err)
	}
	sink := atleastonce.Handle(memory.Open(), func(context.Context, fencepost.Rows[delay]) error { return nil })
	err = Run(t.Context(), Config{Group: "g", Source: w.source(), Sink: sink, Decoder: raw})
	if f, ok := errors.AsType[*fencepost.UserError](err); !ok || f.Code != "column-missing" || !strings.Contains(err.Error(), "column origin of type text") {
		t.Errorf("the error is %v, want column-missing for origin", err)
	}
}

// unmade is a source that could not be made.
type unmade struct{ source.Source }

func (unmade) Invalid() error { return errors.New("no brokers") }
