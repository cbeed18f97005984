package offsetfile

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// real reads a folder that Spark wrote.
func real(t *testing.T, name string) foreign.Offsets {
	t.Helper()
	f, err := ParseCheckpoint(os.DirFS(filepath.Join("testdata", name)), "D", Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// realFile is one file that Spark wrote.
func realFile(t *testing.T, name string) *fstest.MapFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: data}
}

func offsetsV2(sources ...string) string {
	return strings.Join(append([]string{"v2", metadata}, sources...), "\n")
}

func TestO5SparkOffsetLogV2(t *testing.T) {
	if got, want := told(real(t, "spark-offv2")), "clicks:0=228 clicks:1=228"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	named := "D/sources/orders_in/0: a source that is not Kafka, passed over D/sources/other/0: a source that is not Kafka, passed over " +
		"D: batch 0 was begun and not finished, and sources/ holds no start of a Kafka source"
	if got := told(real(t, "spark-named")); got != named {
		t.Errorf("%s, want %s", got, named)
	}
	for _, c := range []struct {
		what string
		fsys fstest.MapFS
		want string
	}{
		{"a batch of named sources that Spark wrote", fstest.MapFS{"offsets/0": realFile(t, "spark-named/offsets/0"), "commits/0": {Data: []byte(committed)}},
			"D/offsets/0:3: source other is not Kafka, passed over D/offsets/0:4: source orders_in is not Kafka, passed over"},
		{"v1 and v2 in one folder, which Spark 4.2.1 does not write", folder("offsets/0", offsets(`{"t":{"0":5}}`), "offsets/1", offsetsV2(`0:{"t":{"0":9}}`),
			"commits/0", committed, "commits/1", committed), "t:0=9"},
		{"named sources, and one without an offset", folder("offsets/0", offsetsV2(`orders_in:{"a":{"0":5}}`, `17:-`, `other:{"b":{"1":6}}`, "files:{\"logOffset\":3}"), "commits/0", committed),
			"a:0=5 b:1=6 D/offsets/0:4: source 17 has no offset yet D/offsets/0:6: source files is not Kafka, passed over"},
		{"a commit of a later Spark", folder("offsets/0", offsetsV2(`0:{"t":{"0":5}}`), "commits/0", "v3\n{}"), "t:0=5"},
		{"no metadata", folder("offsets/0", "v2\n\n0:{\"t\":{\"0\":5}}", "commits/0", committed), "t:0=5"},
	} {
		if f, err := ParseCheckpoint(c.fsys, "D", Options{}); err != nil || told(f) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.what, told(f), err, c.want)
		}
	}
	for _, c := range []struct {
		what string
		fsys fstest.MapFS
		code string
		want string
	}{
		{"newer offsets", folder("offsets/0", "v3\n{}\nx", "commits/0", committed), "layout-newer", "D/offsets/0:1: version v3 is newer than this program, which knows v2"},
		{"newer commits", folder("offsets/0", offsets(`{"t":{"0":5}}`), "commits/0", "v4\n{}"), "layout-newer", "D/commits/0:1: version v4 is newer than this program, which knows v3"},
		{"newer sources", folder("sources/0/0", "\x00v2\nx", "offsets/0", offsets(`{"t":{"0":5}}`)), "layout-newer", "D/sources/0/0:1: version v2 is newer than this program, which knows v1"},
		{"no id", folder("offsets/0", offsetsV2(`{"t":{"0":5}}`), "commits/0", committed), "layout-damaged", `D/offsets/0:3: no source's id before the first colon`},
		{"neither", folder("offsets/0", "w1\n{}\n-", "commits/0", committed), "layout-damaged", `D/offsets/0:1: the version is "w1", want v1 or v2`},
	} {
		_, err := ParseCheckpoint(c.fsys, "D", Options{})
		wantFault(t, err, c.code, c.want)
		if err != nil && strings.Contains(err.(*fencepost.UserError).Help, "mend that line") {
			t.Errorf("%s: a checkpoint is not to be edited", c.what)
		}
	}
	_, err := Parse("json", "F", []byte(`{"format": 2, "positions": []}`), Options{})
	wantFault(t, err, "layout-newer", "F:1: format 2 is newer than this program, which knows 1")
}

// Spark 3.5 writes v1, and Spark 4.2 goes on in v1 where it finds it, also under offsetLog.formatVersion=2.
func TestO5FoldersOfSpark35(t *testing.T) {
	for _, c := range []struct{ folder, want string }{
		{"spark-35", "clicks:0=100 clicks:1=100 orders:0=60 orders:1=60"},
		{"spark-35to42", "clicks:0=120 clicks:1=120 orders:0=70 orders:1=70"},
	} {
		if got := told(real(t, c.folder)); got != c.want {
			t.Errorf("%s: %s, want %s", c.folder, got, c.want)
		}
	}
	started := "clicks:0=0 clicks:1=0 orders:0=0 orders:1=0 D: batch 0 was begun and not finished: taken is the start that Spark keeps in sources/, where its next run begins that batch again"
	f, err := ParseCheckpoint(fstest.MapFS{"offsets/0": realFile(t, "spark-35/offsets/0"), "sources/0/0": realFile(t, "spark-35/sources/0/0")}, "D", Options{})
	if err != nil || told(f) != started {
		t.Errorf("%s, %v; want %s", told(f), err, started)
	}
}

func TestO6FirstBatchNotFinished(t *testing.T) {
	want := "late:0=50 late:1=50 D: batch 0 was begun and not finished: taken is the start that Spark keeps in sources/, where its next run begins that batch again"
	if got := told(real(t, "spark-firstcrash")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, c := range []struct {
		what string
		fsys fstest.MapFS
		want string
	}{
		{"nothing begun", folder("offsets/.0.crc", "", "sources/0/0", "\x00v1\n{\"t\":{\"0\":5}}\n"), "t:0=5 D: no batch was begun: taken is the start that Spark keeps in sources/"},
		{"two sources, one named", folder("offsets/0", offsetsV2("0:-", "in:-"), "sources/0/0", "\x00v1\n{\"t\":{\"0\":5}}", "sources/in/0", "\x00v1\n{\"u\":{\"1\":6}}"),
			"t:0=5 u:1=6 D: batch 0 was begun and not finished: taken is the start that Spark keeps in sources/, where its next run begins that batch again"},
		{"Spark 2.1.0", folder("offsets/0", offsets("-"), "sources/0/0", `{"t":{"0":5}}`),
			"t:0=5 D: batch 0 was begun and not finished: taken is the start that Spark keeps in sources/, where its next run begins that batch again"},
		{"files", folder("offsets/0", offsets("-"), "sources/0/0", "v1\n{\"path\":\"x\"}\n{\"path\":\"y\"}"),
			"D/sources/0/0: a source that is not Kafka, passed over D: batch 0 was begun and not finished, and sources/ holds no start of a Kafka source"},
		{"a source that joined later", folder("offsets/0", offsets(`{"t":{"0":5}}`, "-"), "commits/0", committed, "sources/0/0", "\x00v1\n{\"t\":{\"0\":1}}", "sources/1/0", "\x00v1\n{\"u\":{\"0\":7}}"),
			"t:0=5 u:0=7 D/offsets/0:4: the source of line 4 has no offset yet D: topic u is taken from sources/, where its source begins"},
		{"starts are of no use any more", folder("offsets/0", offsets(`{"t":{"0":5}}`), "commits/0", committed, "sources/0/0", "\x00v1\n{\"t\":{\"0\":1,\"1\":1}}"), "t:0=5"},
	} {
		if f, err := ParseCheckpoint(c.fsys, "D", Options{}); err != nil || told(f) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.what, told(f), err, c.want)
		}
	}
}

func TestO7TopicInTwoLines(t *testing.T) {
	if got, want := told(real(t, "spark-selfunion")), "clicks:0=100 clicks:1=100"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	differ := folder("offsets/0", offsets(`{"t":{"0":5,"1":9}}`, `{"t":{"0":7,"1":8}}`), "commits/0", committed)
	_, err := ParseCheckpoint(differ, "D", Options{})
	wantFault(t, err, "layout-ambiguous", "D/offsets/0: t:0 is at 5 in the source of line 3 and at 7 in the source of line 4")
	wantFault(t, err, "layout-ambiguous", "twice=lower")
	f, err := ParseCheckpoint(differ, "D", Options{Lower: true})
	if want := "t:0=5 t:1=8 D/offsets/0: t:0 is at 5 in the source of line 3 and at 7 in the source of line 4: taken is the lower one D/offsets/0: t:1 is at 9 in the source of line 3 and at 8 in the source of line 4: taken is the lower one"; err != nil || told(f) != want {
		t.Errorf("%s, %v; want %s", told(f), err, want)
	}
	starts := folder("offsets/0", offsets("-", "-"), "sources/0/0", "\x00v1\n{\"t\":{\"0\":5}}", "sources/1/0", "\x00v1\n{\"t\":{\"0\":7}}")
	_, err = ParseCheckpoint(starts, "D", Options{})
	wantFault(t, err, "layout-ambiguous", "t:0 is at 5 in source 0 and at 7 in source 1   help: 'file:D?layout=spark-checkpoint&twice=lower'")
	if f, err := ParseCheckpoint(starts, "D", Options{Lower: true}); err != nil || len(f.Entries) != 1 || f.Entries[0].Until != 5 {
		t.Errorf("%s, %v; want t:0=5", told(f), err)
	}
	for _, lower := range []bool{false, true} { // a source that does not know of a partition yet begins it at its start
		_, err = ParseCheckpoint(folder("offsets/0", offsets(`{"t":{"0":5,"1":9}}`, `{"t":{"0":5}}`), "commits/0", committed), "D", Options{Lower: lower})
		wantFault(t, err, "layout-ambiguous", "D/offsets/0: t:1 is in the source of line 3 and not in the source of line 4, which reads t as well")
	}
}

func TestO8TrueNotes(t *testing.T) {
	one := offsets(`{"t":{"0":5}}`)
	for _, c := range []struct {
		what string
		fsys fstest.MapFS
		want string
	}{
		{"a gap", folder("offsets/0", one, "offsets/4", one, "commits/0", committed),
			"t:0=5 D: offsets/4 is there and offsets/3 is not: without its option asyncProgressTrackingEnabled Spark refuses such a folder. Taken is batch 0, the newest that was finished"},
		{"one is missing", folder("offsets/8", one, "offsets/9", one, "offsets/11", one, "commits/8", committed, "commits/9", committed),
			"t:0=5 D: offsets/11 is there and offsets/10 is not: without its option asyncProgressTrackingEnabled Spark refuses such a folder. Taken is batch 9, the newest that was finished"},
		{"the next one", folder("offsets/0", one, "offsets/1", one, "commits/0", committed), "t:0=5 D: batch 1 was begun and not finished: Spark would run it again"},
		{"a gap behind a batch that was finished", folder("offsets/0", one, "offsets/2", one, "commits/0", committed, "commits/1", committed, "commits/2", committed),
			"t:0=5 D: offsets/2 is there and offsets/1 is not: without its option asyncProgressTrackingEnabled Spark refuses such a folder. Taken is batch 2, the newest that was finished"},
		{"a commit without its batch", folder("offsets/0", one, "offsets/1", one, "commits/0", committed, "commits/1", committed, "commits/2", committed),
			"t:0=5 D: commits/2 says that batch 2 was finished, and offsets/2 is not there: taken is batch 1, so what is behind it comes again. Spark would run batch 1 again and then refuse to go on (CONCURRENT_STREAM_LOG_UPDATE)"},
		{"none was finished", folder("offsets/0", one, "offsets/1", one, "offsets/2", one, "sources/0/0", "\x00v1\n{\"t\":{\"0\":1}}"),
			"t:0=1 D: batches 0 to 2 were begun, and commits/ does not say that any was finished: Spark would run batch 2 again, and take those before it as finished. Taken is the start that Spark keeps in sources/"},
		{"none was finished, and a gap", folder("offsets/2", one, "sources/0/0", "\x00v1\n{\"t\":{\"0\":1}}"),
			"t:0=1 D: offsets/2 is there and offsets/1 is not: without its option asyncProgressTrackingEnabled Spark refuses such a folder. Taken is the start that Spark keeps in sources/"},
		{"several", folder("offsets/3", one, "offsets/4", "x", "offsets/5", "x", "commits/3", committed),
			"t:0=5 D: batches 4 to 5 were begun, and commits/ does not say that any was finished: Spark would run batch 5 again, and take those before it as finished. Taken is batch 3, the newest that was finished"},
	} {
		if f, err := ParseCheckpoint(c.fsys, "D", Options{}); err != nil || told(f) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.what, told(f), err, c.want)
		}
	}
	_, err := Parse("spark", "D/offsets/4", []byte(one), Options{})
	wantFault(t, err, "layout-damaged", "D/offsets/4 is one file of a Spark checkpoint")
	wantFault(t, err, "layout-damaged", "help: name the folder: 'file:D?layout=spark-checkpoint'")
}

func TestO9MirrorMakerSourceOffsets(t *testing.T) {
	data, err := os.ReadFile("testdata/mm2-source-offsets/offsets.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("connect", "F", data, Options{})
	if want := "orders:0=99 orders:1=99 orders:2=99 F: MirrorMaker 2 names the cluster of these offsets A"; err != nil || told(f) != want || f.Means != foreign.MeaningLastProcessed {
		t.Errorf("%s, %s, %v; want %s", told(f), f.Means, err, want)
	}
	for _, c := range []struct{ what, text, code, want string }{
		{"a sink's beside them", `{"offsets":[{"partition":{"cluster":"A","partition":2,"topic":"o"},"offset":{"offset":9}},{"partition":{"kafka_topic":"t","kafka_partition":3},"offset":{"kafka_offset":5}}]}`,
			"layout-damaged", "F: offsets of MirrorMaker 2 and of a sink in one file"},
		{"two clusters", `{"offsets":[{"partition":{"cluster":"A","partition":2,"topic":"o"},"offset":{"offset":9}},{"partition":{"cluster":"B","partition":2,"topic":"p"},"offset":{"offset":9}}]}`,
			"choice-needed", "F holds the offsets of 2 clusters: A, B"},
		{"negative", `{"offsets":[{"partition":{"cluster":"A","partition":2,"topic":"o"},"offset":{"offset":-9}}]}`, "layout-damaged", "the offset -9 is negative"},
	} {
		_, err := Parse("connect", "F", []byte(c.text), Options{})
		wantFault(t, err, c.code, c.want)
	}
}

func TestO11PipesAndGetOffsets(t *testing.T) {
	for _, text := range []string{"orders:0:100\na-b_c.d:1:1099511627776\n", "\ufefforders:0:100\r\n\r\n a-b_c.d:1:1099511627776", "orders [0] offset 100\na-b_c.d [1] offset 1099511627776\n"} {
		f, err := Parse("get-offsets", "F", []byte(text), Options{})
		if want := "a-b_c.d:1=1099511627776 orders:0=100"; err != nil || told(f) != want {
			t.Errorf("%q: %s, %v; want %s", text, told(f), err, want)
		}
	}
	for text, want := range map[string]string{"orders:0:\n": `F:1: the offset "" is no integer`, "orders:100\n": "F:1: want topic:partition:offset",
		"o:0:1\no:0:1\n": "F:2: o:0 stands there twice", "orders:0:-1\n": "F:1: the offset -1 is negative", "orders [x] offset 1": `the partition "x" is no integer`} {
		_, err := Parse("get-offsets", "F", []byte(text), Options{})
		wantFault(t, err, "layout-damaged", want)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("orders:0:100\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	defer func(old *os.File) { os.Stdin = old }(os.Stdin)
	os.Stdin = r
	l, err := Open("-", "get-offsets", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a pipe has nothing the second time
		if f, err := l.Foreign(t.Context()); err != nil || told(f) != "orders:0=100" || f.Entries[0].Where != "stdin:1" {
			t.Errorf("%s, %v; want orders:0=100", told(f), err)
		}
	}
}

// A group's name with a tab is exported where the form carries it unharmed.
func TestO25GroupWithTab(t *testing.T) {
	entry := foreign.Entry{TopicPartition: fencepost.TopicPartition{Topic: "t"}, From: foreign.NoFrom, Until: 5, Raw: "5"}
	for _, form := range []string{"json", "csv", "kafka-csv"} {
		var b bytes.Buffer
		if err := Write(&b, form, "a\tb", entry); err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		f, err := Parse(form, "F", b.Bytes(), Options{Group: "a\tb"})
		if err != nil || len(f.Entries) != 1 || len(f.Notes) > 0 {
			t.Errorf("%s: %s, %v", form, told(f), err)
		}
	}
	for _, form := range []string{"rpk", "kcl", "spark", "connect", "get-offsets"} { // they have no place for a group
		if err := Write(new(bytes.Buffer), form, "a\r\nb", entry); err != nil {
			t.Errorf("%s: %v", form, err)
		}
	}
	err := Write(new(bytes.Buffer), "csv", "a\r\nb", entry)
	wantFault(t, err, "bad-value", "help: -o json")
}
