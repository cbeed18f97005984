package sinktest

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"github.com/google/go-cmp/cmp"
)

// rejected: a row that the table refuses leaves nothing, not even the rows and moves of other partitions.
func rejected(w *world) {
	k := w.worker(ledger.KeepAll)
	held := w.start(k, 0, partitions(3)...)
	var spans []Span
	for _, tp := range partitions(3) {
		spans = append(spans, Span{TopicPartition: tp, Held: held[tp], Until: 4})
	}
	history := w.moves(k)
	for _, bad := range []int{0, 5, 11} {
		b := Commit(spans...)
		n := fencepost.Column{Name: "n", Type: fencepost.Int}
		for i := range b.Columns[1].Len() {
			if i == bad {
				n.AppendInt(-1)
				continue
			}
			n.AppendInt(b.Columns[1].Int(i))
		}
		b.Columns[1] = n
		err := k.lane.Commit(w.Context(), k.as, b)
		if r, ok := errors.AsType[*sink.Rejected](err); !ok {
			w.Errorf("commit with a negative n in row %d: got %v, want *sink.Rejected", bad, err)
		} else if r.Reason == "" {
			w.Errorf("commit with a negative n in row %d: rejected without a reason", bad)
		}
		w.wantRows()
		w.wantPositions(k, held)
		w.wantMoves(k, history)
	}
	w.commit(k, spans...)
	w.wantRows(spans...)
}

// cutRows: rows that no segment names are no part of a batch, wherever they lie in it.
func cutRows(w *world) {
	k := w.worker(ledger.KeepMerged)
	held := w.start(k, 0, partitions(4)...)
	var spans []Span
	for _, tp := range partitions(4) {
		spans = append(spans, Span{TopicPartition: tp, Held: held[tp], Until: 3})
	}
	b := Commit(spans...)
	odd := func(tp fencepost.TopicPartition) bool { return tp.Partition%2 == 1 }
	even := func(tp fencepost.TopicPartition) bool { return !odd(tp) }
	if err := k.lane.Commit(w.Context(), k.as, part(b, odd)); err != nil {
		w.Fatalf("commit of the second and the last segment: %v", err)
	}
	w.wantRows(spans[1], spans[3])
	if err := k.lane.Commit(w.Context(), k.as, part(b, even)); err != nil {
		w.Fatalf("commit of the first and the third segment: %v", err)
	}
	w.wantRows(spans...)
}

// invalidMoves: a move that breaks its guarantees is refused plainly, with everything that came with it.
func invalidMoves(w *world) {
	k := w.worker(ledger.KeepAll)
	tp := partition(0)
	held := w.start(k, 5, partitions(2)...)
	before, history := w.read(k), w.moves(k)
	for what, spoil := range map[string]func(*ledger.Move){
		"no cause":                      func(m *ledger.Move) { m.Cause = ledger.CauseUnset },
		"no fence":                      func(m *ledger.Move) { m.Next.Fence = 0 },
		"a negative offset":             func(m *ledger.Move) { m.Next.Offset = -1 },
		"the fence kept":                func(m *ledger.Move) { m.Next.Fence = m.Held.Fence },
		"a rewind of nothing":           func(m *ledger.Move) { m.Held = ledger.Position{} },
		"a commit with another fence":   func(m *ledger.Move) { m.Cause = ledger.CauseCommit },
		"a commit that goes back":       func(m *ledger.Move) { m.Cause, m.Next = ledger.CauseCommit, m.Held; m.Next.Offset-- },
		"a partition twice in one list": func(m *ledger.Move) { *m = rewind(partition(1), held[partition(1)], 3) },
	} {
		good, bad := rewind(partition(1), held[partition(1)], 2), rewind(tp, held[tp], 1)
		spoil(&bad)
		err := k.ledger.Move(w.Context(), k.as, []ledger.Move{good, bad})
		if _, refused := errors.AsType[*ledger.Refused](err); err == nil || refused || errors.Is(err, ledger.ErrUnknown) {
			w.Errorf("a move with %s: got %v, want a plain error", what, err)
		}
	}
	w.wantSnapshot(k, before)
	w.wantMoves(k, history)
}

// values are what each type must bring through, extreme ones and those that escaping might spoil.
var values = map[fencepost.Type][]any{
	fencepost.Text: {"", "plain", `o'brien "says" \N \t`, "line\nfeed\r\ttab", "größe 日本 ✈️ e\u0301", "\\.", "NULL", " blanks ",
		strings.Repeat("0123456789abcdef", 1<<12)},
	fencepost.Int: {int64(0), int64(-1), int64(1<<53 + 1), int64(math.MinInt64), int64(math.MaxInt64)},
	fencepost.Float: {0.0, 0.1, -1.5, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi,
		float64(1<<53 + 2)},
	fencepost.Bool:      {true, false},
	fencepost.Timestamp: {int64(0), int64(-1), int64(978_307_200_123_456), int64(-62_135_596_800_000_000), int64(253_402_300_799_999_999)},
	fencepost.Decimal:   {"0", "-12.50", "0.000000000000000000000001", "12345678901234567890123456789012345678.5", "100"},
	fencepost.JSON:      {`null`, `{}`, `{"a": [1, "zwei", null, true]}`, `"quote \" and \u00e9"`, `12345678901234567890`, `[]`},
	fencepost.Date:      {"0001-01-01", "1969-12-31", "2024-02-29", "9999-12-31"},
	fencepost.Time:      {"00:00:00", "12:34:56", "23:59:59.999999", "12:34:56.7", "24:00:00"},
	fencepost.UUID:      {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
	fencepost.Bytes:     {[]byte{}, []byte{0}, []byte{0xff, 0xfe, 0, '\\', '\'', '\n'}, everyByte()},
}

// everyByte is each byte once.
func everyByte() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// everyType: columns of every type come back as they went in, nulls too.
func everyType(w *world) {
	typed, ok := w.store.(Typed)
	if !ok {
		w.Logf("%T is not Typed: only text and int columns are proved", w.store)
		return
	}
	b, specs, want := typedBatch()
	opened, err := typed.OpenTyped(w.Context(), specs)
	if err != nil {
		w.Fatalf("open a sink with a column of every type: %v", err)
	}
	if _, err := opened.Columns(w.Context(), specs); err != nil {
		w.Errorf("needs of a sink with a column of every type: %v", err)
	}
	k, err := w.employ(w.Context(), opened)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := k.close(); err != nil {
			w.Errorf("close worker: %v", err)
		}
	})
	tp := partition(0)
	held := w.start(k, 0, tp)[tp]
	if err := k.lane.Commit(w.Context(), k.as, One(b, tp, held, fencepost.Offset(len(b.Offsets)))); err != nil {
		w.Fatalf("commit of a column of every type: %v", err)
	}
	got := typed.TypedRows(w.T, specs)
	if len(got) != len(want) {
		w.Fatalf("rows in the table: got %d, want %d", len(got), len(want))
	}
	for i := range want {
		for j, c := range specs {
			if !same(c.Type, want[i][j], got[i][j]) {
				w.Errorf("row %d, column of type %s: got %#v, want %#v", i, c.Type, got[i][j], want[i][j])
			}
		}
	}
}

// typedBatch is a batch with a column of every type, each with its values, a null before, between and behind them.
func typedBatch() (b *fencepost.Batch, specs []fencepost.ColumnSpec, want [][]any) {
	rows := 0
	for _, vs := range values {
		rows = max(rows, 2*len(vs)+1)
	}
	b = &fencepost.Batch{}
	want = make([][]any, rows)
	for i := range want {
		b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(i)), append(b.Times, int64(i))
		want[i] = make([]any, len(fencepost.Types()))
	}
	for j, word := range fencepost.Types() {
		t, _ := fencepost.ParseType(word)
		c := fencepost.Column{Name: "c_" + word, Type: t}
		for i := range rows {
			if i%2 == 1 && i/2 < len(values[t]) {
				want[i][j] = values[t][i/2]
			}
			appendValue(&c, want[i][j])
		}
		b.Columns, specs = append(b.Columns, c), append(specs, fencepost.ColumnSpec{Name: c.Name, Type: t})
	}
	return b, specs, want
}

// appendValue appends a value as its Go type says.
func appendValue(c *fencepost.Column, v any) {
	switch v := v.(type) {
	case nil:
		c.AppendNull()
	case int64:
		c.AppendInt(v)
	case float64:
		c.AppendFloat(v)
	case bool:
		c.AppendBool(v)
	case string:
		c.AppendText(v)
	case []byte:
		c.AppendBytes(v)
	}
}

// same compares a value with what came back: decimals as numbers, times of day without zeros behind, JSON as values, the rest as it is.
func same(t fencepost.Type, want, got any) bool {
	w, ok := want.(string)
	g, ok2 := got.(string)
	switch {
	case t == fencepost.Decimal && ok && ok2:
		x, okX := new(big.Rat).SetString(w)
		y, okY := new(big.Rat).SetString(g)
		return okX && okY && x.Cmp(y) == 0
	case t == fencepost.Time && ok && ok2:
		return w == trimmed(g)
	case t == fencepost.JSON && ok && ok2:
		return cmp.Equal(jsonValue(w), jsonValue(g))
	}
	return cmp.Equal(want, got)
}

// jsonValue reads one JSON value, numbers as their digits.
func jsonValue(s string) (v any) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err.Error()
	}
	return v
}
