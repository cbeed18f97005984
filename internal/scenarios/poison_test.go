//go:build realservers

package scenarios

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/fencepost/fencepost/internal/servers"
)

// poisonForm is a decoder: its keys of the file, the files beside it, and how a record is written.
type poisonForm struct {
	name, keys string
	files      map[string]string
	write      func(k string, n int64) []byte
	garbage    []byte // what it cannot read
}

var poisonForms = []poisonForm{
	{"json", "decode: json\n", nil, func(k string, n int64) []byte { return fmt.Appendf(nil, `{"k":%q,"n":%d}`, k, n) }, []byte(`{"k":`)},
	{"avro", "decode: avro\navro: {schema: r.avsc}\n", map[string]string{"r.avsc": `{"type":"record","name":"r","fields":[{"name":"k","type":"string"},{"name":"n","type":"long"}]}`},
		func(k string, n int64) []byte {
			return binary.AppendVarint(append(binary.AppendVarint(nil, int64(len(k))), k...), n)
		}, []byte{0x80}},
	{"protobuf", "decode: protobuf\nprotobuf: {file: r.proto, message: R}\n", map[string]string{"r.proto": `syntax = "proto3"; message R { string k = 1; int64 n = 2; }`},
		func(k string, n int64) []byte {
			b := append(binary.AppendUvarint([]byte{0x0a}, uint64(len(k))), k...)
			return binary.AppendUvarint(append(b, 0x10), uint64(n))
		}, []byte{0x0a, 0x7f}},
	{"csv", "decode: csv\n", nil, func(k string, n int64) []byte { return fmt.Appendf(nil, "%s,%d", k, n) }, []byte("a,b,c")},
}

// poisonStore is a store: its part of the file, and what of each record is in it.
type poisonStore struct {
	sink    func(group string) string
	prepare func(t *testing.T, group string)
	rows    func(t *testing.T, group string) []string // k of each row, in any order
	large   string                                    // the k of a record that is too large alone; empty: there is none
	more    string                                    // columns of the schema besides k and n
}

// refusedKey is the k of a record that every store refuses, by its n or by this name.
const refusedKey = "bad"

// TestPoison: of many records a few cannot be decoded, and a few are refused or too large, in each store and decoder. Workers are
// killed again and again. In the end each record is a row or a dead letter, once, and each letter has its exact place.
//
// Each store has one decoder; FENCEPOST_POISON=all has every pair, FENCEPOST_POISON_RECORDS and FENCEPOST_POISON_EVERY say how many records
// there are, and of how many two are bad.
func TestPoison(t *testing.T) {
	t.Parallel()
	binary := build(t)
	stores := map[string]func(*testing.T) poisonStore{"postgres": poisonPostgres, "mariadb": poisonMariaDB, "sqlite": poisonSQLite, "redis": poisonRedis}
	for i, name := range slices.Sorted(maps.Keys(stores)) {
		for j, form := range poisonForms {
			if i != j && os.Getenv("FENCEPOST_POISON") != "all" {
				continue
			}
			t.Run(name+"-"+form.name, func(t *testing.T) {
				poison(t, binary, stores[name](t), form, uint64(10*i+j))
			})
		}
	}
}

func poison(t *testing.T, binary string, store poisonStore, form poisonForm, seed uint64) {
	records, every := numberOf(t, "FENCEPOST_POISON_RECORDS", 3_000), numberOf(t, "FENCEPOST_POISON_EVERY", 150)
	rng := rand.New(rand.NewPCG(seed, 4))
	s := newScene(t, servers.Kafka(t), nil)
	topic := s.topic(3, "max.message.bytes", "20000000")
	good, bad := s.poisoned(topic, store, form, records, every, rng)
	group := string(s.group)
	store.prepare(t, group)
	sh := &shell{t: t, binary: binary, dir: t.TempDir(), env: []string{"PW=" + servers.RedisPassword}}
	for name, text := range form.files {
		sh.write(name, text)
	}
	sh.write("p.yaml", fmt.Sprintf("group: %s\nsource: {brokers: [%q], topics: [%s], instance_id: w1}\n%sschema: {k: text, n: int%s}\n%s"+
		"batch: {records: 700}\nrate: %d\non_error: {undecodable: dead_letter, refused: dead_letter, too_large: dead_letter, max: none}\nlog_format: json\n",
		group, s.broker.Plaintext, topic, form.keys, store.more, store.sink(group), max(2_000, records/4)))
	for kill := range 3 {
		cmd := exec.Command(binary, "run", "p.yaml", "-q")
		cmd.Dir, cmd.Env = sh.dir, append(os.Environ(), sh.env...)
		p := launch(t, cmd)
		reached := len(good) * (kill + 1) / 5
		eventually(t, fmt.Sprintf("kill %d", kill+1), func() error {
			if n := len(store.rows(t, group)); n < reached {
				return fmt.Errorf("%d rows", n)
			}
			return nil
		})
		time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond) // anywhere in a batch
		p.kill()
		<-p.done
	}
	sh.run(0, "run", "p.yaml", "--until", "end", "-q")
	rows := store.rows(t, group)
	slices.Sort(rows)
	if d := cmp.Diff(good, rows); d != "" {
		t.Errorf("rows (-want +got):\n%.4000s", d)
	}
	if d := cmp.Diff(bad, sh.letters()); d != "" {
		t.Errorf("letters (-want +got):\n%.4000s", d)
	}
}

// poisoned fills a topic. It returns the k of every good record, in order, and the place of each bad one with its code.
func (s *scene) poisoned(topic string, store poisonStore, form poisonForm, records, every int, rng *rand.Rand) (good []string, bad map[string]string) {
	bad = map[string]string{}
	next := map[int32]int64{}
	var list []*kgo.Record
	add := func(value []byte) string {
		p := rng.Int32N(3)
		list = append(list, &kgo.Record{Topic: topic, Partition: p, Value: value})
		next[p]++
		return fmt.Sprintf("%s:%d@%d", topic, p, next[p]-1)
	}
	for i := range records {
		switch k := fmt.Sprint("k", i); {
		case i == records/2 && store.large != "":
			bad[add(form.write(store.large, 1))] = "record-refused"
		case i%every == every/3 || i%(10*every) == every/3+1: // two beside each other, at times
			bad[add(form.garbage)] = "record-undecodable"
		case i%every == 2*every/3:
			bad[add(form.write(refusedKey, -1))] = "record-refused"
		default:
			add(form.write(k, int64(i)))
			good = append(good, k)
		}
	}
	if err := s.client(kgo.ProducerBatchMaxBytes(20_000_000), kgo.BrokerMaxWriteBytes(100_000_000)).ProduceSync(s.t.Context(), list...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(good)
	return good, bad
}

// letters are the dead letters of p.yaml by place, with their codes.
func (s *shell) letters() map[string]string {
	s.t.Helper()
	var answer struct {
		Letters []struct {
			Topic     string
			Partition int32
			Offset    int64
			Code      string
		}
	}
	text := s.run(0, "dead-letters", "list", "p.yaml", "-o", "json")
	if err := json.Unmarshal([]byte(text[strings.IndexByte(text, '{'):]), &answer); err != nil {
		s.t.Fatalf("%v\n%.2000s", err, text)
	}
	got := map[string]string{}
	for _, l := range answer.Letters {
		place := l.Topic + ":" + strconv.Itoa(int(l.Partition)) + "@" + strconv.FormatInt(l.Offset, 10)
		if got[place] != "" {
			s.t.Errorf("two letters of %s", place)
		}
		got[place] = l.Code
	}
	return got
}

const poisonDDL = "create table seen (k text, n bigint check (n >= 0))"

func poisonPostgres(t *testing.T) poisonStore {
	s := newPostgresStore(t, poisonDDL)
	return poisonStore{sink: func(string) string { return fmt.Sprintf("sink: {postgres: {dsn: %q, table: seen}}\n", s.dsn) }, prepare: func(*testing.T, string) {},
		rows: func(t *testing.T, _ string) (list []string) {
			rows, err := s.conn.Query(t.Context(), "select k from seen")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var k string
				if err := rows.Scan(&k); err != nil {
					t.Fatal(err)
				}
				list = append(list, k)
			}
			return list
		}}
}

func poisonMariaDB(t *testing.T) poisonStore {
	s := openMariaDBStore(t, servers.MariaDB(t))
	s.exec(t, "create table seen (k longtext, again longtext, n bigint check (n >= 0))")
	most := s.number(t, "select @@max_allowed_packet")
	return poisonStore{sink: func(string) string { return fmt.Sprintf("sink: {mysql: {dsn: %q, table: seen}}\n", s.dsn) }, prepare: func(*testing.T, string) {},
		// A quote is two bytes in SQL, and a byte of a letter is two digits: the row is larger than a packet, and its letter is not.
		large: strings.Repeat("'", int(most)*3/8), more: ", again: {type: text, from: k}",
		rows: func(t *testing.T, _ string) (list []string) {
			rows, err := s.db.QueryContext(t.Context(), "select k from seen")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var k string
				if err := rows.Scan(&k); err != nil {
					t.Fatal(err)
				}
				list = append(list, k)
			}
			return list
		}}
}

func poisonSQLite(t *testing.T) poisonStore {
	s := newSQLiteStore(t, "create table seen (k text, n integer check (n >= 0))")
	return poisonStore{sink: func(string) string {
		return fmt.Sprintf("sink: {sqlite: {path: %q, table: seen}}\n", filepath.Clean(s.path))
	}, prepare: func(*testing.T, string) {},
		rows: func(t *testing.T, _ string) []string { return onSQLite(t, s.path, "select k from seen") }}
}

// poisonRedis counts each k in a hash, whose field of the refused is no number.
func poisonRedis(t *testing.T) poisonStore {
	s := newRedisStore(t, servers.Redis(t))
	key := func(group string) string { return "poison:{" + group + "}" }
	return poisonStore{sink: func(string) string {
		return fmt.Sprintf("sink: {redis: {addr: %q, password: '${PW}', commands: ['HINCRBY poison:{group} {k} 1']}}\n", s.at.Addr())
	}, prepare: func(t *testing.T, group string) {
		if err := s.client.HSet(t.Context(), key(group), refusedKey, "no number").Err(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.client.Del(context.WithoutCancel(t.Context()), key(group)) })
	}, rows: func(t *testing.T, group string) (list []string) {
		all, err := s.client.HGetAll(t.Context(), key(group)).Result()
		if err != nil {
			t.Fatal(err)
		}
		for k, n := range all {
			if k != refusedKey {
				times, _ := strconv.Atoi(n)
				list = append(list, slices.Repeat([]string{k}, times)...)
			}
		}
		return list
	}}
}
