package offsetfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/ledger"
	"github.com/google/go-cmp/cmp"
)

// told is what a reader found, as people compare it: topic:partition=offset, then the notes.
func told(f foreign.Offsets) string {
	var parts []string
	for _, e := range f.Entries {
		s := fmt.Sprintf("%s=%d", e.TopicPartition, e.Until)
		if !e.Own.Absent() {
			s += fmt.Sprintf("/%d/%s", e.Own.LeaderEpoch, e.Own.TopicID)
		}
		parts = append(parts, s)
	}
	return strings.Join(append(parts, f.Notes...), " ")
}

// wantFault compares an error's code and text; a remedy has to be there.
func wantFault(t *testing.T, err error, code, text string) {
	t.Helper()
	f := (*fencepost.UserError)(nil)
	if !errors.As(err, &f) || f.Code != code || f.Help == "" || !strings.Contains(err.Error()+"   help: "+f.Help, text) {
		help := ""
		if f != nil {
			help = f.Code + ": " + f.Help
		}
		t.Errorf("%v (%s); want %s with %q", err, help, code, text)
	}
}

// Each form as its tool writes it, with the odd ones: dashes, underscores and dots in topics, colons in groups, white
// space, CRLF, a byte order mark, offsets beyond 32 bits.
func TestRead(t *testing.T) {
	for _, c := range []struct{ form, what, group, text, want string }{
		{"kafka-csv", "one group", "", "orders,0,183\norders,1,0\n", "orders:0=183 orders:1=0"},
		{"kafka-csv", "a group's column", "", "eu:g,a-b_c.d,0,1099511627776\n", "a-b_c.d:0=1099511627776"},
		{"kafka-csv", "one group of several", "g2", "g1,t,0,1\n\"g2\",t,0,2\n", "t:0=2"},
		{"kafka-csv", "a group with comma and quotes", `a,"b"`, "\"a,\"\"b\"\"\",t,0,1\nx,t,0,2\n", "t:0=1"},
		{"kafka-csv", "no such group", "g3", "g1,t,0,1\ng2,t,0,2\n", "F holds nothing of group g3, only: g1, g2"},
		{"kafka-csv", "a group for a file that names none", "g3", "t,0,1\n", "t:0=1"},
		{"kafka-csv", "CRLF, BOM, white space, no line end", "", "\ufeff t , 0 , 1 \r\n\r\nt,1,\t2", "t:0=1 t:1=2"},
		{"kafka-csv", "empty", "", "", "F is empty"},
		{"rpk", "blanks and tabs", "", "a.b\t0\t5\n  c-d   1 \t 6  \r\n\n", "a.b:0=5 c-d:1=6"},
		{"rpk", "greatest", "", "t 2147483647 9223372036854775807", "t:2147483647=9223372036854775807"},
		{"kcl", "a list", "", "[\n {\"topic\":\"t\",\"partition\":1,\"offset\":5,\"leader_epoch\":3},\n {\"topic\":\"t\",\"partition\":0,\"offset\":7}]", "t:0=7 t:1=5"},
		{"kcl", "none", "", "\ufeff[]\r\n", ""},
		{"connect", "a sink", "", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":3},"offset":{"kafka_offset":5}}]}`, "t:3=5"},
		{"connect", "a source, and one to forget", "", "{\"offsets\":[\n{\"partition\":{\"filename\":\"x\",\"n\":1},\"offset\":{\"position\":3}},\n" +
			`{"partition":{"kafka_topic":"t","kafka_partition":3},"offset":null}]}`,
			"F:2: of another system than Kafka, passed over: filename, n F:3: the offset is null: it asks Connect to forget that partition; passed over"},
		{"spark", "startingOffsets", "", `{"b":{"1":5,"0":6},"a":{"0":7}}`, "a:0=7 b:0=6 b:1=5"},
		{"json", "show -o json", "", `{"format": 1, "command": "offsets show", "later": [{}], "group": "g", "positions": [
			{"topic": "t", "partition": 1, "position": {"offset": 5, "leader_epoch": 4, "fence": "51d07be2c83a9f06", "topic_id": "hW3sUq8nR2mVb5Yk0cJxTg"}, "lag": 7},
			{"topic": "t", "partition": 2, "position": null}, {"topic": "t", "partition": 3, "position": {"offset": 6, "leader_epoch": null}}]}`,
			"t:1=5/4/hW3sUq8nR2mVb5Yk0cJxTg t:3=6/-1/- F: 1 partitions have no position and are left out"},
		{"csv", "show -o csv", "", "topic,partition,position_offset,position_leader_epoch,position_fence,position_topic_id,bounds_earliest\r\n" +
			"t,1,5,4,51d07be2c83a9f06,hW3sUq8nR2mVb5Yk0cJxTg,0\r\nt,2,,,,,0\r\nt,3,6,,,,\r\n",
			"t:1=5/4/hW3sUq8nR2mVb5Yk0cJxTg t:3=6/-1/- F: 1 partitions have no position and are left out"},
		{"csv", "columns in another order", "", "position_offset,topic,partition\n5,t,1\n", "t:1=5/-1/-"},
	} {
		t.Run(c.form+" "+c.what, func(t *testing.T) {
			f, err := Parse(c.form, "F", []byte(c.text), Options{Group: fencepost.Group(c.group)})
			if err != nil || told(f) != c.want {
				t.Errorf("%s, %v; want %s", told(f), err, c.want)
			}
		})
	}
}

// What a form does not expect is refused, with file and line.
func TestRefuse(t *testing.T) {
	for _, c := range []struct{ form, text, want string }{
		{"kafka-csv", "t,0,5\nt,1,-5\n", "F:2: the offset -5 is negative"},
		{"kafka-csv", "t,0,5\n\nt,1,five\n", `F:3: the offset "five" is no integer`},
		{"kafka-csv", "t,0,9223372036854775808\n", "F:1: the offset 9223372036854775808 is larger than 9223372036854775807"},
		{"kafka-csv", "t,0,-9223372036854775809\n", "F:1: the offset -9223372036854775809 is negative"},
		{"kafka-csv", "t,0,5.0\n", `"5.0" is no integer`},
		{"kafka-csv", "t,0,+5\n", `"+5" is no integer`},
		{"kafka-csv", "t,0,-0\n", `-0 is negative`},
		{"kafka-csv", "t,0,\n", `the offset "" is no integer`},
		{"kafka-csv", "t,2147483648,5\n", "the partition 2147483648 is larger than 2147483647"},
		{"kafka-csv", "t,-1,5\n", "the partition -1 is negative"},
		{"kafka-csv", "t,0,5\nt,1,6\nt,0,5\n", "F:3: t:0 stands there twice, first in line 1"},
		{"kafka-csv", "t,0,5\ng,t,1,6\n", "F:2: 4 columns"},
		{"kafka-csv", "a,b,c,d,e\n", "F:1: 5 columns"},
		{"kafka-csv", ",t,1,6\n", "F:1: the group is empty"},
		{"kafka-csv", "o|x,0,6\n", `"o|x" is no topic name`},
		{"kafka-csv", ",0,6\n", `"" is no topic name`},
		{"kafka-csv", "t,0,\"5\n", "F:1: no CSV"},
		{"rpk", "t 0 5\nt 1\n", "F:2: 2 words"},
		{"rpk", "t 0 x\n", `F:1: the offset "x" is no integer`},
		{"kcl", "[\n{\"topic\":\"t\",\"partition\":0,\"offset\":5},\n{\"topic\":\"t\",\"partition\":1,\"offset\":-5}]", "F:3: the offset -5 is negative"},
		{"kcl", `[{"topic":"t","partition":0,"offset":"5"}]`, `"offset" is a text, want a number`},
		{"kcl", `[{"topic":"t","partition":0,"offset":1e3}]`, `"1e3" is no integer`},
		{"kcl", `[{"topic":"t","partition":0,"offset":5,"offset":6}]`, `the key "offset" stands there twice`},
		{"kcl", `[{"Topic":"t","partition":0,"offset":5}]`, `no "topic"`},
		{"kcl", `[{"topic":" t","partition":0,"offset":5}]`, `" t" is no topic name`},
		{"kcl", `[5]`, `a number, want an object with "topic"`},
		{"kcl", "[{\"topic\":\"t\",\n\"partition\":0,\n\"offset\":5}", "F:3: the JSON ends too early"},
		{"kcl", "[]\n[]", "F:2: something follows"},
		{"kcl", "[\n{\"topic\": t}]", "F:2: invalid character"},
		{"kcl", "[\"\xff\"]", "F: the file is not UTF-8"},
		{"kcl", strings.Repeat("[", 100), "nested too deep"},
		{"connect", `{"offsets":{}}`, `"offsets" is an object, want a list`},
		{"connect", `{"offsets":[{"partition":{"kafka_topic":"t"},"offset":{"kafka_offset":5}}]}`, `no "kafka_partition"`},
		{"connect", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{}}]}`, `no "kafka_offset"`},
		{"spark", `{"t":{"0":-2}}`, "F:1: t:0: the offset -2 is negative"},
		{"spark", `{"t":{"0":1,"00":1}}`, "t:0 stands there twice"},
		{"spark", `{"logOffset":3}`, "want {"},
		{"json", `{"format":0,"positions":[]}`, "F:1: format 0, this program knows 1"},
		{"json", `{"format":1,"error":{"code":"x"}}`, `no "positions"`},
		{"json", `{"format":1,"positions":[{"topic":"t","partition":1}]}`, `no "position"`},
		{"json", `{"format":1,"positions":[{"topic":"t","partition":1,"position":{"offset":1,"leader_epoch":-1}}]}`, "the leader epoch -1 is negative"},
		{"json", `{"format":1,"positions":[{"topic":"t","partition":1,"position":{"offset":1,"topic_id":"x"}}]}`, "parse topic ID"},
		{"csv", "topic,partition\n", "F:1: the header has no column position_offset"},
		{"csv", "topic,partition,position_offset,topic\n", "the header names topic twice"},
		{"csv", "topic,partition,position_offset\nt,0\n", "F:2: 2 columns, the header has 3"},
		{"csv", "topic,partition,position_offset\nt,,5\n", `the partition "" is no integer`},
	} {
		f, err := Parse(c.form, "F", []byte(c.text), Options{})
		if err == nil {
			t.Errorf("%s %q: %s, want %q", c.form, c.text, told(f), c.want)
			continue
		}
		wantFault(t, err, "layout-damaged", c.want)
	}
	_, err := Parse("kafka-csv", "F", []byte("b,t,0,1\na,t,0,2\n"), Options{})
	wantFault(t, err, "choice-needed", "F holds the offsets of 2 groups: a, b   help: name one: group=a")
}

// entries makes what a form may carry: odd topics, partitions and offsets of all sizes.
func entries(r *rand.Rand, ownForm bool) (list []foreign.Entry) {
	topics := []string{"orders", "a-b", "a_b", "a.b", "a-1-2", "_x", "-", "0", strings.Repeat("t", 249)}
	sizes := []int64{0, 1, 1 << 31, 1 << 40, 1<<63 - 1}
	seen := map[fencepost.TopicPartition]bool{}
	for range r.IntN(20) {
		e := foreign.Entry{From: foreign.NoFrom}
		e.Topic, e.Partition = topics[r.IntN(len(topics))], int32(r.IntN(12))
		if r.IntN(5) == 0 {
			e.Partition = 1<<31 - 1
		}
		if seen[e.TopicPartition] {
			continue
		}
		seen[e.TopicPartition] = true
		e.Until = fencepost.Offset(sizes[r.IntN(len(sizes))])
		e.Raw = decimal(e.Until)
		if ownForm {
			e.Own = ledger.Position{Offset: e.Until, LeaderEpoch: fencepost.LeaderEpoch(r.IntN(3) - 1)}
			if e.Until == 0 {
				e.Own.LeaderEpoch = fencepost.NoEpoch // nothing is before it
			}
			if r.IntN(2) == 0 {
				e.Own.TopicID = fencepost.TopicID{byte(r.IntN(255) + 1), 2}
			}
		}
		list = append(list, e)
	}
	return list
}

// Law 1: what is written is read back.
func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	groups := []fencepost.Group{"", "g", "eu:g", "a,b", `a"b`, "it's", " blank ", "ü", `\.`, "a\tb"}
	for _, form := range Forms() {
		if !form.Writes() || !form.Reads() {
			continue
		}
		for range 200 {
			want, group := entries(r, form.Own), groups[r.IntN(len(groups))]
			var b bytes.Buffer
			if err := Write(&b, form.Name, group, want...); err != nil {
				t.Fatalf("seed %d: %s: %v", seed, form.Name, err)
			}
			got, err := Parse(form.Name, "F", b.Bytes(), Options{Group: group})
			for i := range got.Entries {
				got.Entries[i].Where = ""
			}
			slices.SortFunc(want, func(a, b foreign.Entry) int { return a.TopicPartition.Compare(b.TopicPartition) })
			if diff := cmp.Diff(want, got.Entries); err != nil || diff != "" || len(want) > 0 && len(got.Notes) > 0 {
				t.Fatalf("seed %d: %s, group %q: %v %v\n%s\n%s", seed, form.Name, group, err, got.Notes, b.Bytes(), diff)
			}
			for _, other := range Forms() { // a file is of one form only, so that none is read as another
				if other.Name == form.Name || other.read == nil || len(want) == 0 {
					continue
				}
				if f, err := Parse(other.Name, "F", b.Bytes(), Options{}); err == nil {
					t.Fatalf("seed %d: %s reads what %s wrote as %s:\n%s", seed, other.Name, form.Name, told(f), b.Bytes())
				} else if f := (*fencepost.UserError)(nil); errors.As(err, &f) && f.Help != "it looks like layout="+form.Name {
					t.Fatalf("seed %d: the remedy of %s for %s is %q", seed, other.Name, form.Name, f.Help)
				}
			}
		}
	}
}

// The bytes that other programs get are fixed.
func TestWritten(t *testing.T) {
	list := []foreign.Entry{
		{TopicPartition: fencepost.TopicPartition{Topic: "b", Partition: 1}, Until: 23},
		{TopicPartition: fencepost.TopicPartition{Topic: "a", Partition: 0}, Until: 7, Own: ledger.Position{Offset: 7, LeaderEpoch: 4, Fence: 9, TopicID: fencepost.TopicID{1}}},
		{TopicPartition: fencepost.TopicPartition{Topic: "b", Partition: 0}, Until: 1 << 40},
	}
	for _, c := range []struct{ form, group, want string }{
		{"spark", "g", `{"a":{"0":7},"b":{"0":1099511627776,"1":23}}` + "\n"},
		{"kafka-csv", "", "a,0,7\nb,0,1099511627776\nb,1,23\n"},
		{"kafka-csv", "g,h", "\"g,h\",a,0,7\n\"g,h\",b,0,1099511627776\n\"g,h\",b,1,23\n"},
		{"rpk", "g", "a 0 7\nb 0 1099511627776\nb 1 23\n"},
		{"kcl", "g", `[
  {"topic": "a", "partition": 0, "offset": 7},
  {"topic": "b", "partition": 0, "offset": 1099511627776},
  {"topic": "b", "partition": 1, "offset": 23}]
`},
		{"connect", "g", `{"offsets": [
  {"partition": {"kafka_topic": "a", "kafka_partition": 0}, "offset": {"kafka_offset": 7}},
  {"partition": {"kafka_topic": "b", "kafka_partition": 0}, "offset": {"kafka_offset": 1099511627776}},
  {"partition": {"kafka_topic": "b", "kafka_partition": 1}, "offset": {"kafka_offset": 23}}]}
`},
		{"json", "g", `{"format": 1, "command": "offsets export", "group": "g", "positions": [
  {"topic": "a", "partition": 0, "position": {"offset": 7, "leader_epoch": 4, "topic_id": "AQAAAAAAAAAAAAAAAAAAAA"}},
  {"topic": "b", "partition": 0, "position": {"offset": 1099511627776, "leader_epoch": null, "topic_id": null}},
  {"topic": "b", "partition": 1, "position": {"offset": 23, "leader_epoch": null, "topic_id": null}}]}
`},
		{"csv", "g", `group,topic,partition,position_offset,position_leader_epoch,position_topic_id
g,a,0,7,4,AQAAAAAAAAAAAAAAAAAAAA
g,b,0,1099511627776,,
g,b,1,23,,
`},
	} {
		var b bytes.Buffer
		if err := Write(&b, c.form, fencepost.Group(c.group), list...); err != nil || b.String() != c.want {
			t.Errorf("%s, %v:\n%s\nwant\n%s", c.form, err, b.String(), c.want)
		}
	}
}

// What no reader would take is not written.
func TestWriteRefuses(t *testing.T) {
	tp := fencepost.TopicPartition{Topic: "t"}
	for _, c := range []struct {
		form, group string
		list        []foreign.Entry
	}{
		{"rpk", "", []foreign.Entry{{TopicPartition: tp, Until: -1}}},
		{"spark", "", []foreign.Entry{{TopicPartition: tp, Until: -3}}},
		{"rpk", "", []foreign.Entry{{TopicPartition: tp}, {TopicPartition: tp}}},
		{"rpk", "", []foreign.Entry{{TopicPartition: fencepost.TopicPartition{Topic: "a b"}}}},
		{"rpk", "", []foreign.Entry{{TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: -1}}}},
		{"csv", "a\r\nb", []foreign.Entry{{TopicPartition: tp}}},
		{"json", "a\xff", []foreign.Entry{{TopicPartition: tp}}},
		{"spark-checkpoint", "", nil},
		{"yaml", "", nil},
	} {
		var b bytes.Buffer
		if err := Write(&b, c.form, fencepost.Group(c.group), c.list...); err == nil || b.Len() > 0 {
			t.Errorf("%s %q %+v: %v, wrote %q", c.form, c.group, c.list, err, b.String())
		}
	}
}

// Open reports a path that cannot be read, and takes our own forms by the ending of the name.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := put("x.csv", "topic,partition,position_offset\nt,0,5\n")
	l, err := Open(own, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := l.Foreign(t.Context()); err != nil || told(f) != "t:0=5/-1/-" || f.Entries[0].Where != own+":2" {
		t.Errorf("%+v, %v", f, err)
	}
	put("job/offsets/0", "v1\n{}\n{\"t\":{\"0\":5}}")
	for _, c := range []struct{ path, form, code, want string }{
		{own, "rpk", "layout-damaged", "it looks like layout=csv"},
		{own, "spark-checkpoint", "layout-damaged", "this is a file"},
		{filepath.Join(dir, "none.csv"), "", "file-not-found", "no such file"},
		{dir, "rpk", "file-is-folder", "is a folder"},
		{filepath.Join(dir, "job"), "spark", "file-is-folder", "layout=spark-checkpoint"},
		{dir, "spark-checkpoint", "layout-damaged", "try " + filepath.Join(dir, "job")},
	} {
		l, err := Open(c.path, c.form, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Foreign(t.Context())
		wantFault(t, err, c.code, c.want)
	}
	_, err = Open(own, "yaml", Options{})
	wantFault(t, err, "layout-unknown", "one of: json, csv, kafka-csv, get-offsets, rpk, kcl, connect, spark, spark-checkpoint")
	_, err = Open("x.txt", "", Options{})
	wantFault(t, err, "layout-unknown", "ends neither in .json nor in .csv")
	_, err = find("spark-checkpoint", Form.Writes, "written")
	wantFault(t, err, "layout-unknown", "can be written")
}

// FuzzRead: no bytes break a reader, and what one takes can be written and is read back the same.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"t,0,5\n", "g,t,0,5\n", "t 0 5\n", `[{"topic":"t","partition":0,"offset":5}]`, `{"t":{"0":5}}`,
		`{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":3},"offset":{"kafka_offset":5}}]}`,
		`{"format":1,"positions":[{"topic":"t","partition":1,"position":{"offset":1,"leader_epoch":2}}]}`,
		"topic,partition,position_offset\nt,0,5\n", "\ufeff\r\n", "t:0:5\n", "t [0] offset 5\n",
		`{"offsets":[{"partition":{"cluster":"A","partition":2,"topic":"o"},"offset":{"offset":9}}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, form := range Forms() {
			if form.read == nil {
				continue
			}
			got, err := Parse(form.Name, "F", data, Options{})
			if err != nil {
				if f := (*fencepost.UserError)(nil); !errors.As(err, &f) {
					t.Fatalf("%s: %v is no fault", form.Name, err)
				}
				continue
			}
			var b bytes.Buffer
			if err := Write(&b, form.Name, "", got.Entries...); err != nil {
				t.Fatalf("%s: %v", form.Name, err)
			}
			again, err := Parse(form.Name, "F", b.Bytes(), Options{})
			if err != nil || len(got.Entries) != len(again.Entries) {
				t.Fatalf("%s: %v, %d entries of %d", form.Name, err, len(again.Entries), len(got.Entries))
			}
			for i, e := range again.Entries {
				if e.TopicPartition != got.Entries[i].TopicPartition || e.Until != got.Entries[i].Until || e.Own != got.Entries[i].Own {
					t.Fatalf("%s: %+v, was %+v", form.Name, e, got.Entries[i])
				}
			}
		}
	})
}
