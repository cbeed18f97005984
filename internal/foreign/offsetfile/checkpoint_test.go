package offsetfile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const metadata = `{"batchWatermarkMs":0,"batchTimestampMs":1763683200000,"conf":{"spark.sql.shuffle.partitions":"200"}}`

// folder makes a checkpoint: path=text.
func folder(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{"metadata": {Data: []byte(`{"id":"0d7a3c1e"}`)}}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func offsets(sources ...string) string {
	return strings.Join(append([]string{"v1", metadata}, sources...), "\n")
}

const committed = "v1\n{\"nextBatchWatermarkMs\":0}"

// Reading goes on behind the newest batch that is both begun and finished.
func TestCheckpoint(t *testing.T) {
	for _, c := range []struct {
		what string
		fsys fstest.MapFS
		want string
	}{
		{"two finished", folder("offsets/0", offsets(`{"t":{"0":5}}`), "offsets/1", offsets(`{"t":{"0":9,"1":1099511627776}}`),
			"commits/0", committed, "commits/1", committed), "t:0=9 t:1=1099511627776"},
		{"9 comes before 10", folder("offsets/9", offsets(`{"t":{"0":5}}`), "offsets/10", offsets(`{"t":{"0":9}}`),
			"commits/9", committed, "commits/10", committed), "t:0=9"},
		{"the last one not finished", folder("offsets/0", offsets(`{"t":{"0":5}}`), "offsets/1", offsets(`{"t":{"0":9}}`), "commits/0", committed),
			"t:0=5 D: batch 1 was begun and not finished: Spark would run it again"},
		{"none finished", folder("offsets/0", offsets(`{"t":{"0":5}}`)), "D: batch 0 was begun and not finished, and sources/ holds no start of a Kafka source"},
		{"none begun", folder("offsets/.0.crc", ""), ""},
		{"finished, but its offsets are gone", folder("offsets/0", offsets(`{"t":{"0":5}}`), "commits/0", committed, "commits/1", committed),
			"t:0=5 D: commits/1 says that batch 1 was finished, and offsets/1 is not there: taken is batch 0, so what is behind it comes again. Spark would run batch 0 again and then refuse to go on (CONCURRENT_STREAM_LOG_UPDATE)"},
		{"files that are no batches", folder("offsets/0", offsets(`{"t":{"0":5}}`), "offsets/.1.crc", "x", "offsets/.1.5b3c.tmp", "x", "offsets/2.tmp", "x",
			"offsets/3.compact", "x", "offsets/_x", "x", "offsets/07", "x", "offsets/-1", "x", "offsets/8/9", "x", "commits/0", committed, "commits/.1.crc", "x"), "t:0=5"},
		{"several sources", folder("offsets/0", offsets(`{"a-b":{"0":5}}`, "-", `{"logOffset":3}`, "17", `{"c":{}}`, `{"a_b":{"0":6},"a.b":{"1":7}}`), "commits/0", committed),
			"a-b:0=5 a.b:1=7 a_b:0=6 D/offsets/0:4: the source of line 4 has no offset yet D/offsets/0:5: the source of line 5 is not Kafka, passed over D/offsets/0:6: the source of line 6 is not Kafka, passed over"},
		{"CRLF and a commit of Spark 4", folder("offsets/0", strings.ReplaceAll(offsets(`{"t":{"0":5}}`), "\n", "\r\n")+"\r\n", "commits/0", "v2\n{}"), "t:0=5"},
	} {
		t.Run(c.what, func(t *testing.T) {
			f, err := ParseCheckpoint(c.fsys, "D", Options{})
			if err != nil || told(f) != c.want {
				t.Errorf("%s, %v; want %s", told(f), err, c.want)
			}
		})
	}
}

// A log that is torn, of another version or contradicts itself is refused, with file and line.
func TestCheckpointRefused(t *testing.T) {
	for _, c := range []struct {
		what string
		fsys fstest.MapFS
		want string
	}{
		{"no checkpoint", fstest.MapFS{"x": {}}, "D is no Spark checkpoint: it has no folder offsets"},
		{"the folder above one", fstest.MapFS{"job/offsets/0": {}}, "help: try D/job"},
		{"negative", folder("offsets/0", offsets(`{"t":{"0":-5}}`), "commits/0", committed), "D/offsets/0:3: t:0: the offset -5 is negative"},
		{"a text", folder("offsets/0", offsets(`{"t":{"0":"5"}}`), "commits/0", committed), "D/offsets/0:3: t:0 is a text, want a number"},
		{"one odd key", folder("offsets/0", offsets(`{"t":{"0":5,"x":5}}`), "commits/0", committed), `t:x: the partition "x" is no integer`},
		{"torn", folder("offsets/0", offsets(`{"t":{"0":5`), "commits/0", committed), "D/offsets/0:3: the JSON ends too early"},
		{"without sources", folder("offsets/0", "v1\n"+metadata, "commits/0", committed), "D/offsets/0:2: 2 lines"},
		{"a torn start", folder("offsets/0", offsets("-"), "sources/0/0", "\x00v1\n{\"t\":{\"0\":5"), "D/sources/0/0:2: the JSON ends too early"},
		{"empty", folder("offsets/0", "", "commits/0", committed), `D/offsets/0:1: the version is ""`},
		{"v1 that says v2", folder("offsets/0", strings.Replace(offsets(`{"t":{"0":5}}`), "v1", "v2", 1), "commits/0", committed), "D/offsets/0:3: no source's id"},
		{"a torn commit", folder("offsets/0", offsets(`{"t":{"0":5}}`), "commits/0", ""), `D/commits/0:1: the version is ""`},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := ParseCheckpoint(c.fsys, "D", Options{})
			wantFault(t, err, "layout-damaged", c.want)
		})
	}
}

// sparkReads is Spark's own rule for startingOffsets (JsonUtils.partitionOffsets): a map of topics to maps of
// Integer.parseInt to a Long.
func sparkReads(line string) (map[string]int64, error) {
	var m map[string]map[string]json.Number
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for topic, partitions := range m {
		for p, o := range partitions {
			n, err := strconv.ParseInt(p, 10, 32)
			if err != nil {
				return nil, err
			}
			if all[fmt.Sprintf("%s:%d", topic, n)], err = strconv.ParseInt(o.String(), 10, 64); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// Spark reads the output of the form spark, and it is one line, which an option can hold.
func TestSparkReadsIt(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	for range 200 {
		list := entries(r, false)
		for i := range list {
			if r.IntN(4) == 0 {
				list[i].Until = SparkEarliest
			}
		}
		var b strings.Builder
		if err := Write(&b, "spark", "", list...); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := sparkReads(b.String())
		if err != nil || len(got) != len(list) || strings.Count(b.String(), "\n") != 1 || !strings.HasSuffix(b.String(), "\n") {
			t.Fatalf("seed %d: %v, %d of %d\n%s", seed, err, len(got), len(list), b.String())
		}
		for _, e := range list {
			if got[e.TopicPartition.String()] != int64(e.Until) {
				t.Fatalf("seed %d: %s is %d, want %d", seed, e.TopicPartition, got[e.TopicPartition.String()], e.Until)
			}
		}
	}
}

// FuzzCheckpoint: no bytes in a log break the reader.
func FuzzCheckpoint(f *testing.F) {
	f.Add(offsets(`{"t":{"0":5}}`), committed)
	f.Add(offsets("-", "{}", `{"a":{"x":1}}`), "v2\n")
	f.Fuzz(func(t *testing.T, log, commit string) {
		got, err := ParseCheckpoint(folder("offsets/0", log, "commits/0", commit), "D", Options{})
		for _, e := range got.Entries {
			if err != nil || e.Until < 0 || e.Partition < 0 || e.Topic == "" {
				t.Fatalf("%+v, %v", e, err)
			}
		}
	})
}
