package expression

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
)

// numbers is a schema of two ints and two floats.
var numbers = []fencepost.ColumnSpec{{Name: "a", Type: fencepost.Int}, {Name: "b", Type: fencepost.Int}, {Name: "x", Type: fencepost.Float}, {Name: "y", Type: fencepost.Float}}

// numbersRow is a row of them.
func numbersRow(a, b int64, x, y float64) *Row {
	r := &Row{Record: &fencepost.Record{}}
	for _, c := range numbers {
		r.Columns = append(r.Columns, fencepost.Column{Name: c.Name, Type: c.Type})
	}
	r.Columns[0].AppendInt(a)
	r.Columns[1].AppendInt(b)
	r.Columns[2].AppendFloat(x)
	r.Columns[3].AppendFloat(y)
	return r
}

// someInt draws ints of all sizes, the ends among them.
func someInt() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64, 1 << 53, 1<<53 + 1, -1<<53 - 1, 1 << 31, 3037000500}))
}

func someFloat() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.SampledFrom([]float64{0, -0.5, 1 << 53, 1<<53 + 2, 1 << 63, -1 << 63, math.MaxFloat64, 1e-300}))
}

// TestIntsAreExact: a sum, difference or product of ints is that of big.Int, or an error where that has no place in 64 bits; so is the
// remainder, and a quotient is the nearest float.
func TestIntsAreExact(t *testing.T) {
	programs := map[string]*Program{}
	for _, text := range []string{"a + b", "a - b", "a * b", "a % b", "-a", "abs(a)", "a / b", "a < b", "a == b", "reduce([a, b], #acc + #)", "max(a, b)", "a + b == a - b"} {
		p, err := Compile(text, numbers, Any)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		programs[text] = p
	}
	rapid.Check(t, func(t *rapid.T) {
		n, m := someInt().Draw(t, "a"), someInt().Draw(t, "b")
		a, b := big.NewInt(n), big.NewInt(m)
		row := numbersRow(n, m, 0, 0)
		ints := map[string]*big.Int{"a + b": new(big.Int).Add(a, b), "a - b": new(big.Int).Sub(a, b), "a * b": new(big.Int).Mul(a, b), "-a": new(big.Int).Neg(a),
			"abs(a)": new(big.Int).Abs(a), "reduce([a, b], #acc + #)": new(big.Int).Add(a, b), "max(a, b)": big.NewInt(max(n, m))}
		if m != 0 {
			ints["a % b"] = new(big.Int).Rem(a, b)
		}
		for text, want := range ints {
			got, err := programs[text].Value(row)
			if want.IsInt64() != (err == nil) || err == nil && got != int(want.Int64()) {
				t.Errorf("%s of %d and %d: got %v, %v, want %s", text, n, m, got, err, want)
			}
		}
		if _, err := programs["a % b"].Value(row); m == 0 && err == nil {
			t.Errorf("%d %% 0 is no error", n)
		}
		got, err := programs["a / b"].Value(row)
		x, y := new(big.Float).SetPrec(200).SetInt(a), new(big.Float).SetPrec(200).SetInt(b)
		if exactX, _ := x.Float64(); m == 0 || big.NewFloat(exactX).Cmp(x) != 0 {
			if err == nil {
				t.Errorf("%d / %d: got %v, want an error", n, m, got)
			}
		} else if exactY, _ := y.Float64(); big.NewFloat(exactY).Cmp(y) != 0 {
			if err == nil {
				t.Errorf("%d / %d: got %v, want an error", n, m, got)
			}
		} else if want, _ := new(big.Float).SetPrec(200).Quo(x, y).Float64(); err != nil || got != want {
			t.Errorf("%d / %d: got %v, %v, want %v", n, m, got, err, want)
		}
		for text, want := range map[string]bool{"a < b": n < m, "a == b": n == m} {
			if got, err := programs[text].Value(row); err != nil || got != want {
				t.Errorf("%s of %d and %d: got %v, %v", text, n, m, got, err)
			}
		}
	})
}

// TestIntsBesideFloats: an int beside a float is compared by its value, and is added only where it is one float itself.
func TestIntsBesideFloats(t *testing.T) {
	programs := map[string]*Program{}
	for _, text := range []string{"a + x", "a * x", "a < x", "a <= x", "a == x", "a != x", "x in [a, b]", "a > x or false", "fromJSON(string(a)) == x", "max(a, x)"} {
		p, err := Compile(text, numbers, Any)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		programs[text] = p
	}
	rapid.Check(t, func(t *rapid.T) {
		n, x := someInt().Draw(t, "a"), someFloat().Draw(t, "x")
		row := numbersRow(n, n, x, 0)
		a, b := new(big.Float).SetPrec(2000).SetInt64(n), new(big.Float).SetPrec(2000).SetFloat64(x)
		c := a.Cmp(b)
		for text, want := range map[string]bool{"a < x": c < 0, "a <= x": c <= 0, "a == x": c == 0, "a != x": c != 0, "x in [a, b]": c == 0, "a > x or false": c > 0,
			"fromJSON(string(a)) == x": c == 0} {
			if got, err := programs[text].Value(row); err != nil || got != want {
				t.Errorf("%s of %d and %v: got %v, %v, want %t", text, n, x, got, err, want)
			}
		}
		near, _ := a.Float64()
		isFloat := big.NewFloat(near).Cmp(a) == 0
		for text, want := range map[string]float64{"a + x": near + x, "a * x": near * x} {
			got, err := programs[text].Value(row)
			if ok := isFloat && !math.IsInf(want, 0); ok != (err == nil) || ok && got != want {
				t.Errorf("%s of %d and %v: got %v, %v, want %v", text, n, x, got, err, want)
			}
		}
	})
}

// TestNothingIsGarbled: what has no place in its type is an error, one by one.
func TestNothingIsGarbled(t *testing.T) {
	for _, text := range []string{
		"int(1e19)", "int(-1e30)", `int("9223372036854775808")`, `int("1.5")`, `float("NaN")`, `float("1e999")`, "1e308 * 10", "1.0 / 0", "1 / 0", "1 % 0", "9223372036854775807 + 1",
		"9007199254740993 + 0.5", "3 ** 40 * 1.0", "2 ** 2000", "-(-9223372036854775807 - 1)", "abs(-9223372036854775807 - 1)", "round(9007199254740993)", `fromJSON("9223372036854775808")`,
		`fromJSON("1 2")`, `duration("1h") * 10000000000`, `(date("0001-01-01T00:00:00Z") - date("2026-01-01T00:00:00Z")).Hours()`, "9007199254740993 / 2", `max("a", "b")`,
	} {
		p, err := Compile(text, nil, Any)
		if err == nil {
			v, _ := p.Constant()
			t.Errorf("%s: got %s, want an error", text, v)
		}
	}
	for text, want := range map[string]string{
		`fromJSON("9007199254740993")`: "9007199254740993", `fromJSON("[1, {\"a\": 9007199254740993}]")[1].a`: "9007199254740993", "9007199254740993 == 9007199254740992.0": "0",
		"9007199254740993 > 9007199254740992.0": "1", "2 ** 62": "4.611686018427388e+18", "7 / 2": "3.5", "-7 % 3": "-1", "1 in [1.0]": "1", `"b" in ["a", "b"]`: "1", `"a" + "b"`: "ab",
		"max(1, 2.5)": "2.5", "min([3, 1])": "1", "-2.5": "-2.5", `(date("2001-01-02T00:00:00Z") - date("2001-01-01T00:00:00Z")).Hours()`: "24", `(duration("1h") * 2).Minutes()`: "120",
		`date("2001-01-01T00:00:00Z") + duration("1h") == date("2001-01-01T01:00:00Z")`: "1", `fromJSON("\"x\"") + "y"`: "xy", "int(7 / 2)": "3", "int(-3.9)": "-3",
	} {
		p, err := Compile(text, nil, Any)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, _ := p.Constant(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// condition draws a condition over the columns of the tests, written out.
func someCondition(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth > 0 && rapid.Bool().Draw(t, "joined") {
			left, right := someCondition(depth-1).Draw(t, "left"), someCondition(depth-1).Draw(t, "right")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				return "(" + left + ") and (" + right + ")"
			case 1:
				return "(" + left + ") or (" + right + ")"
			}
			return "not (" + left + ")"
		}
		values := map[string][]string{"delay": {"0", "20", "-3", "20.0", "2.5", "9223372036854775807", "nil"}, "speed": {"2", "2.5", "-1", "9007199254740993", "nil"},
			"origin": {`"ATL"`, `""`, `"B"`, "nil"}, "price": {`"12.50"`, "nil"}, "moment": {`date("2001-01-02T12:30:00Z")`, `date("2001-01-02T12:30:00.0000001Z")`, "nil"}, "cancelled": {"true", "false", "nil"}}
		name := rapid.SampledFrom([]string{"delay", "speed", "origin", "price", "moment", "cancelled"}).Draw(t, "column")
		value := rapid.SampledFrom(values[name]).Draw(t, "value")
		operators := []string{"==", "!=", "<", "<=", ">", ">="}
		switch {
		case value == "nil" || name == "cancelled":
			operators = operators[:2]
		case name == "origin" && rapid.Bool().Draw(t, "in"):
			return `origin in ["ATL", "X"]`
		case name == "delay" && rapid.Bool().Draw(t, "in"):
			return "delay in [1, 20]"
		}
		operator := rapid.SampledFrom(operators).Draw(t, "operator")
		if rapid.Bool().Draw(t, "turned") {
			return value + " " + operator + " " + name
		}
		return name + " " + operator + " " + value
	})
}

// TestSimpleTestsAgreeWithTheLanguage: a condition of simple tests gives what the same gives whose tests the language runs.
func TestSimpleTestsAgreeWithTheLanguage(t *testing.T) {
	b := rows()
	columns := slices.Clone(columns)
	columns[4].Name, b.Column("date").Name = "moment", "moment" // a column date would hide the function
	all := slices.Concat(columns, fencepost.MetaColumns())
	fast := 0
	rapid.Check(t, func(t *rapid.T) {
		text := someCondition(2).Draw(t, "condition")
		p, err := Compile(text, columns, Bool)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		slow, err := Compile(text, columns, Bool)
		if err != nil {
			t.Fatal(err)
		}
		var through func(*condition)
		through = func(c *condition) {
			if c == nil {
				return
			}
			if c.operator == isTest {
				if c.test, err = tested(c.text, all); err != nil {
					t.Fatalf("%s: %v", c.text, err)
				}
				fast++
			}
			through(c.left)
			through(c.right)
		}
		through(slow.holds)
		for row := range 2 {
			r := &Row{Columns: b.Columns, At: row, batch: b}
			got, err := p.Value(r)
			want, slowErr := slow.Value(r)
			if got != want || fmt.Sprint(err) != fmt.Sprint(slowErr) {
				t.Errorf("%s of row %d: got %v, %v; the language has %v, %v", text, row, got, err, want, slowErr)
			}
		}
	})
	if fast == 0 {
		t.Error("no test was simple")
	}
}

// TestNullsAreThoseOfSQL: what one side of and, or decides does not depend on a null beside it.
func TestNullsAreThoseOfSQL(t *testing.T) {
	schema := []fencepost.ColumnSpec{{Name: "n", Type: fencepost.Int}, {Name: "one", Type: fencepost.Int}}
	r := &Row{Record: &fencepost.Record{}, Columns: []fencepost.Column{{Name: "n", Type: fencepost.Int}, {Name: "one", Type: fencepost.Int}}}
	r.Columns[0].AppendNull()
	r.Columns[1].AppendInt(1)
	for text, want := range map[string]string{
		"n > 0 or one == 1": "true", "one == 1 or n > 0": "true", "n > 0 or one == 2": "null", "n > 0 and one == 2": "false", "one == 2 and n > 0": "false", "n > 0 and one == 1": "null",
		"not (n > 0)": "null", "not (n > 0 and one == 2)": "true", "n == nil and one == 1": "true", "n + 1 > 0 or one + 1 == 2": "true", "n == nil or n > 0": "true", "n != 1": "null",
		"n in [1]": "null", "not (n in [1])": "null", "(n ?? 5) > 4 and one == 1": "true", "n > 0 ? true : false": "null",
	} {
		p, err := Compile(text, schema, Bool)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, err := p.Value(r)
		got := fmt.Sprint(v)
		if err == ErrNull {
			got = "null"
		} else if err != nil {
			got = err.Error()
		}
		holds, _ := p.Holds(r)
		if got != want || holds != (want == "true") {
			t.Errorf("%s: got %s, %t, want %s", text, got, holds, want)
		}
	}
}

// TestMetadataOfARecord: a row that was made of a record has its metadata.
func TestMetadataOfARecord(t *testing.T) {
	rec := &fencepost.Record{TopicPartition: fencepost.TopicPartition{Topic: "flights", Partition: 3}, Offset: 100, Timestamp: noon.UnixMilli(), Key: []byte("k"),
		Headers: []fencepost.Header{{Key: "h", Value: []byte("v")}}}
	for text, want := range map[string]string{
		`_topic + "/" + string(_partition) + "/" + string(_offset)`: "flights/3/100", "_timestamp.Format(\"2006-01-02\")": "2001-01-02", "_key": "k", "_offset > 99": "true",
		`len(fromJSON(_headers))`: "1", "_timestamp": noon.Format(time.RFC3339),
	} {
		p, err := Compile(text, nil, Any)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		v, err := p.Value(&Row{Record: rec})
		if at, is := v.(time.Time); is {
			v = at.Format(time.RFC3339)
		}
		if fmt.Sprint(v) != want || err != nil {
			t.Errorf("%s: got %v, %v, want %s", text, v, err, want)
		}
	}
	p, err := Compile("_key", nil, Any)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Value(&Row{Record: &fencepost.Record{}}); err != ErrNull {
		t.Errorf("_key of a record without one: got %v, want a null", err)
	}
}

// inOrder are a batch's columns in the order of the schema.
func inOrder(b *fencepost.Batch) (out []fencepost.Column) {
	for _, c := range columns {
		out = append(out, *b.Column(c.Name))
	}
	return out
}

// BenchmarkWhere: what a condition costs a row.
func BenchmarkWhere(b *testing.B) {
	batch := rows()
	for _, text := range []string{"delay > 15", `delay > 15 and origin != "ORD"`, `origin in ["ATL", "ORD"]`, "delay + 1 > 15"} {
		b.Run(strings.NewReplacer(" ", "_", `"`, "").Replace(text), func(b *testing.B) {
			p, err := Compile(text, columns, Bool)
			if err != nil {
				b.Fatal(err)
			}
			r := &Row{Columns: inOrder(batch), batch: batch, InOrder: true}
			b.ReportAllocs()
			for b.Loop() {
				if is, err := p.Holds(r); err != nil || !is {
					b.Fatal(strconv.FormatBool(is), err)
				}
			}
		})
	}
}
