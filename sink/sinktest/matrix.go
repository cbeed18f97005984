package sinktest

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// Tables is a database whose column types are tried, each against every type of a schema.
type Tables interface {
	// Types lists the column types that the database knows, as its DDL writes them.
	Types() []string
	// Create makes the table anew, with a column v of this type and an integer column _offset.
	Create(t *testing.T, columnType string)
	// Open opens a sink that appends to the table.
	Open(t *testing.T) sink.Sink
	// Shown is what another client reads in v, by _offset: the text that the server shows, and of a column of bytes its
	// bytes. A null is not in it.
	Shown(t *testing.T) map[fencepost.Offset]string
}

// ShownLines reads what a client printed for Tables.Shown: a line a row, with the offset and, behind between, the text of v in
// hexadecimal digits.
func ShownLines(t *testing.T, lines, between string) map[fencepost.Offset]string {
	t.Helper()
	shown := map[fencepost.Offset]string{}
	for line := range strings.Lines(lines) {
		offset, digits, _ := strings.Cut(strings.TrimRight(line, "\n"), between)
		o, err := strconv.ParseInt(offset, 10, 64)
		text, err2 := hex.DecodeString(digits)
		if err != nil || err2 != nil {
			t.Fatalf("no offset and digits: %s", line)
		}
		shown[fencepost.Offset(o)] = string(text)
	}
	return shown
}

// Matrix writes every value of the suite into a column of every type, and wants it back as it was, or rejected by itself, or the
// type refused before anything was written. Where a value comes back changed, check must have said how, and it must
// be near. It returns a table in Markdown of what it saw.
func Matrix(t *testing.T, db Tables) string {
	m := &matrix{db: db, fits: map[fencepost.Type][]fit{}}
	for _, to := range db.Types() {
		t.Run(to, func(t *testing.T) {
			db.Create(t, to)
			var all []written
			for _, word := range fencepost.Types() {
				from, _ := fencepost.ParseType(word)
				t.Run(word, func(t *testing.T) {
					if w, ok := m.write(t, from); ok {
						all = append(all, w)
					}
				})
			}
			m.read(t, to, all)
		})
	}
	return m.page()
}

type matrix struct {
	db   Tables
	fits map[fencepost.Type][]fit
}

// fit is a row of the page: what becomes of a type of the schema in these types of column.
type fit struct {
	columns         []string
	changed, parked string
}

// written is what was written of one type of the schema into a column.
type written struct {
	from     fencepost.Type
	first    fencepost.Offset // of its values, one after the other
	values   []any
	rejected map[int]string // :: index of values
	note     string         // how check says that values change
}

// write tries one type of the schema in the column that stands. ok: it was not refused.
func (m *matrix) write(t *testing.T, from fencepost.Type) (w written, ok bool) {
	opened := m.db.Open(t)
	specs := []fencepost.ColumnSpec{{Name: "v", Type: from}}
	_, refused := opened.Columns(t.Context(), specs)
	checked, note := checkOf(t, opened, specs)
	if (refused == nil) != checked {
		t.Errorf("check says ok=%v, the start of a run says %v", checked, refused)
	}
	if refused != nil {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
		return w, false
	}
	w = written{from: from, first: fencepost.Offset(1000 * int(from)), values: append([]any{nil}, extremes[from]...), rejected: map[int]string{}, note: note}
	k := newColumnWorker(t, opened, from, w.first)
	k.write(w.values, 0, w.rejected)
	k.close()
	return w, true
}

// read compares what stands in a column of this type with what was written there.
func (m *matrix) read(t *testing.T, to string, all []written) {
	if len(all) == 0 {
		return
	}
	shown := m.db.Shown(t)
	for _, w := range all {
		t.Run(w.from.String()+" as it stands", func(t *testing.T) {
			compare(t, w.from, w.values, w.rejected, func(i int) (text string, stands bool) {
				text, stands = shown[w.first+fencepost.Offset(i)]
				return text, stands
			}, w.note)
		})
		m.note(w.from, to, w.note, parked(w.from, w.values, w.rejected))
	}
}

// note writes down what became of a type in a column, beside others of which the same is true.
func (m *matrix) note(from fencepost.Type, to, changed, parked string) {
	list := m.fits[from]
	i := slices.IndexFunc(list, func(f fit) bool { return f.changed == changed && f.parked == parked })
	if i < 0 {
		i, list = len(list), append(list, fit{changed: changed, parked: parked})
	}
	list[i].columns = append(list[i].columns, "`"+to+"`")
	m.fits[from] = list
}

// checkOf is what check says of a sink's table, and how it says that values of v change.
func checkOf(t *testing.T, s sink.Sink, specs []fencepost.ColumnSpec) (ok bool, note string) {
	checker, can := sink.As[fencepost.Checker](s)
	if !can {
		t.Fatalf("%T has no check", s)
	}
	ok = true
	for _, f := range checker.Check(t.Context(), specs) {
		ok = ok && f.OK
		if found := changes.FindStringSubmatch(f.Text); found != nil {
			note = found[1]
		}
	}
	return ok, note
}

var changes = regexp.MustCompile(`; v is ([^;]*)`)

// compare compares what another client reads with what was written and not rejected.
func compare(t *testing.T, from fencepost.Type, all []any, rejected map[int]string, shown func(i int) (text string, stands bool), note string) {
	for i, want := range all {
		got, stands := shown(i)
		_, refused := rejected[i]
		switch {
		case refused || want == nil:
			if stands {
				t.Errorf("%s was rejected or null, and the table shows %q", brief(want), got)
			}
		case !stands:
			t.Errorf("%s is lost: the table shows null, or no row", brief(want))
		case equal(from, want, got):
		case note == "":
			t.Errorf("%s reads %.60q, and check does not say that it changes", brief(want), got)
		case !near(from, want, got, note):
			t.Errorf("%s reads %.60q, and check says only that it is %s", brief(want), got, note)
		}
	}
}

// parked describes the values that were rejected, the smallest first.
func parked(from fencepost.Type, all []any, rejected map[int]string) string {
	if len(rejected) == len(all)-1 { // all but the null
		return "every value"
	}
	indices := slices.SortedFunc(maps.Keys(rejected), func(a, b int) int {
		return cmp.Or(cmp.Compare(size(all[a]), size(all[b])), a-b)
	})
	var list []string
	for _, i := range indices {
		if us, ok := all[i].(int64); ok && from == fencepost.Timestamp {
			list = append(list, "`"+time.UnixMicro(us).UTC().Format("2006-01-02 15:04:05.999999")+"`")
			continue
		}
		list = append(list, brief(all[i]))
	}
	if len(list) > 4 {
		list = append(list[:4], fmt.Sprintf("%d more", len(list)-4))
	}
	return strings.Join(list, ", ")
}

// size is how far a value is from nothing.
func size(v any) float64 {
	switch v := v.(type) {
	case int64:
		return math.Abs(float64(v))
	case float64:
		if v != v {
			return math.Inf(1)
		}
		return math.Abs(v)
	case string:
		return float64(len(v))
	case []byte:
		return float64(len(v))
	}
	return 0
}

// brief is a value as a page and a message show it.
func brief(v any) string {
	s := fmt.Sprintf("%v", v)
	n := 0
	switch v := v.(type) {
	case []byte:
		s, n = fmt.Sprintf("0x%.8x", v), len(v)-8
	case string:
		s, n = fmt.Sprintf("%.24q", v), len([]rune(v))-24
	}
	if n > 0 {
		s += fmt.Sprintf("… and %d more", n)
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

// page is the table of all that fits.
func (m *matrix) page() string {
	var b strings.Builder
	b.WriteString("| schema | columns | changed, as `check` says | parks |\n|---|---|---|---|\n")
	for _, word := range fencepost.Types() {
		from, _ := fencepost.ParseType(word)
		for _, f := range m.fits[from] {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", from, strings.Join(f.columns, ", "), f.changed, f.parked)
		}
	}
	if none := m.none(); len(none) > 0 {
		fmt.Fprintf(&b, "\nRefused for every type of a schema: %s.\n", strings.Join(none, ", "))
	}
	return b.String()
}

// none lists the types of column that take nothing.
func (m *matrix) none() (list []string) {
	taken := map[string]bool{}
	for _, fits := range m.fits {
		for _, f := range fits {
			for _, c := range f.columns {
				taken[c] = true
			}
		}
	}
	for _, to := range m.db.Types() {
		if !taken["`"+to+"`"] {
			list = append(list, "`"+to+"`")
		}
	}
	return list
}

// columnWorker writes values of one type, one after the other.
type columnWorker struct {
	*testing.T
	sink sink.Sink
	lane sink.Lane
	as   ledger.Actor
	held ledger.Position
	from fencepost.Type
}

func newColumnWorker(t *testing.T, s sink.Sink, from fencepost.Type, first fencepost.Offset) *columnWorker {
	k := &columnWorker{T: t, sink: s, from: from,
		as: ledger.Actor{Group: fencepost.Group(fmt.Sprint("matrix-", fence())), ClusterID: cluster, Who: "sinktest"}}
	start := starts(first, firstTopic, partition(0))
	if err := s.Ledger().Move(t.Context(), k.as, start); err != nil {
		t.Fatal(err)
	}
	k.held = start[0].Next
	lane, err := s.Lane(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	k.lane = lane
	return k
}

func (k *columnWorker) close() {
	if err := errors.Join(k.lane.Close(), k.sink.Close()); err != nil {
		k.Error(err)
	}
}

// write writes the values, of which the first is number i, at the next offsets: whole, or where that is rejected in halves.
// A rejected value is passed, as by a repair, and noted with its reason.
func (k *columnWorker) write(values []any, i int, rejected map[int]string) {
	until := k.held.Offset + fencepost.Offset(len(values))
	err := k.lane.Commit(k.Context(), k.as, k.batch(values, until))
	r, bad := errors.AsType[*sink.Rejected](err)
	switch {
	case err == nil:
		k.held = k.held.Advance(until, fencepost.NoEpoch)
	case !bad:
		k.Fatalf("%s: neither written nor rejected: %v", brief(values[0]), err)
	case len(values) == 1:
		if r.Reason == "" {
			k.Errorf("%s is rejected without a reason", brief(values[0]))
		}
		rejected[i] = r.Reason
		pass := One(&fencepost.Batch{Columns: []fencepost.Column{{Name: "v", Type: k.from}}}, partition(0), k.held, until)
		if err := k.lane.Commit(k.Context(), k.as, pass); err != nil {
			k.Fatal(err)
		}
		k.held = k.held.Advance(until, fencepost.NoEpoch)
	default:
		half := len(values) / 2
		k.write(values[:half], i, rejected)
		k.write(values[half:], i+half, rejected)
	}
}

func (k *columnWorker) batch(values []any, until fencepost.Offset) sink.Commit {
	c := fencepost.Column{Name: "v", Type: k.from}
	b := &fencepost.Batch{}
	for i, v := range values {
		appendValue(&c, v)
		b.Offsets, b.Times = append(b.Offsets, k.held.Offset+fencepost.Offset(i)), append(b.Times, 0)
	}
	b.Columns = []fencepost.Column{c}
	return One(b, partition(0), k.held, until)
}

// Section compares a section of a page with what a test printed. With UPDATE set it writes the section instead.
func Section(t *testing.T, file, heading, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", file, heading)
	}
	section, after, more := strings.Cut(rest, "\n## ")
	if more {
		after = "\n## " + after
	}
	switch want = "\n" + want; {
	case section == want:
	case os.Getenv("UPDATE") == "":
		t.Errorf("section %q of %s is not what the test sees (UPDATE=1 writes it):\n%s", heading, file, want)
	default:
		if err := os.WriteFile(file, []byte(before+"\n## "+heading+"\n"+want+after), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// extremes are the limits of the column types that a value of each schema type may go into.
var extremes = map[fencepost.Type][]any{
	fencepost.Text: {"", "plain", "abc", " a", "a ", "00742", "15E2621", "0x1f", "NULL", `o'brien "says" \N`, "line\nfeed\r\ttab", "größe 日本", "✈️🛫", "e\u0301",
		"nul\x00byte", "true", "1.50", "2001-02-03", "12:34:56", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "{6BA7B8109DAD11D180B400C04FD430C8}", `{"a":1}`, "{}",
		strings.Repeat("x", 41), strings.Repeat("é", 128), strings.Repeat("0123456789abcdef", 1<<12)},
	fencepost.Int: around(0, 1, 1<<7, 1<<8, 1<<15, 1<<16, 1<<23, 1<<24, 1<<31, 1<<32, 1<<53, math.MaxInt64),
	fencepost.Float: {0.0, math.Copysign(0, -1), 1.0, 0.1, -1.5, 16_777_217.0, 1e15, 1e22, -1e100, float64(1<<53 + 2), math.MaxFloat32, math.MaxFloat64, -math.MaxFloat64,
		math.SmallestNonzeroFloat64, 1e-30, math.NaN(), math.Inf(1), math.Inf(-1)},
	fencepost.Bool: {true, false},
	fencepost.Timestamp: {int64(0), int64(-1), int64(1), int64(978_307_200_123_456), int64(978_307_200_000_000), int64(86_399_999_999),
		seconds(2_147_483_647), seconds(4_294_967_296), // MariaDB 11.8 takes a timestamp between the two, and 10.11 does not
		seconds(-62_135_596_800), seconds(-62_135_596_801), seconds(-62_167_219_201),
		int64(253_402_300_799_999_999), seconds(253_402_300_800), int64(-210_866_803_200_000_000), int64(math.MaxInt64), int64(math.MinInt64)},
	fencepost.Decimal: {"0", "-0.00", "1.50", "-12.345", "0.005", "1e3", "1E-5", "00012.3400", "99.995", "127", "-128.0", "9007199254740993", "9223372036854775808", "18446744073709551615",
		"18446744073709551616", "0.000000000000000000000001", "0.0000000000000000000000001", "12345678901234567890123456789012345678.5",
		strings.Repeat("9", 41), strings.Repeat("9", 66), "1e400", "-1e-400"},
	fencepost.JSON: {`null`, `{}`, `[]`, `"text"`, `{"a": [1, "zwei", null, true]}`, `"quote \" and \u00e9"`, `12345678901234567890`, `1.10`, `1e3`, `1e400`, `-0`, `0.12345678901234567890`, `[123456789012345678901234567890]`, `{"a":1,"a":2}`,
		`"\u0000"`, `"\ud83d\ude00"`, `["x","y",null]`, `["",""]`, `[1,-2,null]`, `[70000]`, `[1.5,1e3]`, `[true,false]`, `["6ba7b810-9dad-11d1-80b4-00c04fd430c8"]`, `[[1]]`, `[{}]`, `{"long":"` + strings.Repeat("x", 70_000) + `"}`},
	fencepost.Date:  {"0000-01-01", "0000-02-29", "0000-12-31", "0001-01-01", "1000-01-01", "1582-10-10", "1969-12-31", "2000-02-29", "2038-01-20", "9999-12-31"},
	fencepost.Time:  {"00:00:00", "00:00:00.000001", "12:34:56", "12:34:56.7", "12:34:56.789", "23:59:59.999999", "24:00:00"},
	fencepost.UUID:  {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "12345678-1234-1234-1234-123456789012"},
	fencepost.Bytes: {[]byte{}, []byte{0}, []byte("plain"), []byte("größe"), []byte{0xff, 0xfe, 0, '\\', '\'', '\n'}, []byte("1"), everyByte(), []byte(strings.Repeat("x", 70_000))},
}

func seconds(s int64) int64 { return s * 1_000_000 }

// around is each limit with its neighbours, of both signs.
func around(edges ...int64) (list []any) {
	var all []int64
	for _, e := range edges {
		all = append(all, e, e-1, -e, -e-1)
		if e < math.MaxInt64 {
			all = append(all, e+1)
		}
	}
	slices.Sort(all)
	for _, n := range slices.Compact(all) {
		list = append(list, n)
	}
	return list
}
