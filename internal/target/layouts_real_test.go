//go:build realservers

package target_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/go-zookeeper/zk"
	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/target"
)

// row is a row of docs/layouts.md as a program left it. N is a name that no other test has.
type row struct {
	layout string
	left   map[string]string // :: key, path or file -> what is in it; of a Redis key with a space, a hash's field follows
	url    string            // behind the server's address
	want   string            // topic:partition from..until, resumed by --meaning next
}

var redisRows = []row{
	{"pattern-a", map[string]string{"N {my-t_1.0|0}": "30|42", "N {my-t_1.0|12}": "5|1099511627776"}, "layout=pattern-a&key=N", "my-t_1.0:0 30..42, my-t_1.0:12 5..1099511627776"},
	{"group-topic", map[string]string{"offset:N:g:orders {0}": "42"}, "layout=group-topic&group=N:g", "orders:0 42"},
	{"topic-group", map[string]string{"offset:orders:N:g {0}": "42"}, "layout=topic-group&group=N:g", "orders:0 42"},
	{"group-dash", map[string]string{"bs:offset:N {my-t_1.0-3}": " 42\n"}, "layout=group-dash&group=N", "my-t_1.0:3 42"},
	{"group-underscore", map[string]string{"N {my-t_1.0_3}": "42"}, "layout=group-underscore&group=N", "my-t_1.0:3 42"},
	{"group#topic", map[string]string{"N#my-t_1.0 {3}": "42"}, "layout=group%23topic&group=N", "my-t_1.0:3 42"},
	{"topic-string", map[string]string{"N_3": "42"}, "layout=topic-string&topic=N", "N:3 42"},
	{"quarkus", map[string]string{"N:g:my-t_1.0:3": `{"state":{"sum":1},"offset":42}`}, "layout=quarkus&group=N:g", "my-t_1.0:3 42"},
}

var zookeeperRows = []row{
	{"consumers", map[string]string{"/consumers/N:g/offsets/my-t_1.0/3": " 42\n", "/consumers/N:g/owners/x": ""}, "/consumers/N:g?layout=consumers", "my-t_1.0:3 42"},
	{"consumers", map[string]string{"/N/consumers/g/offsets/my-t_1.0/3": "1099511627776"}, "/N/consumers?layout=consumers&group=g", "my-t_1.0:3 1099511627776"},
	{"topic-partition", map[string]string{"/N/jobs/my-t_1.0/3": "42", "/N/jobs/b/0": "7"}, "/N/jobs?layout=topic-partition", "b:0 7, my-t_1.0:3 42"},
	{"single-znode", map[string]string{"/N/flights": "1:456, 0:123"}, "/N/flights?layout=single-znode&topic=flights", "flights:0 123, flights:1 456"},
	{"single-znode-topic", map[string]string{"/N/all": "my-t_1.0:0:123,b:1:456"}, "/N/all?layout=single-znode-topic", "b:1 456, my-t_1.0:0 123"},
	{"storm", map[string]string{"/N/id/partition_0": `{"offset":42,"partition":0,"topic":"f"}`, "/N/id/g/partition_1": `{"offset":6,"partition":1,"topic":"g"}`},
		"/N/id?layout=storm", "f:0 42, g:1 6"},
	{"storm", map[string]string{"/N/id/partition_0": `{"offset":42,"partition":0}`}, "/N/id?layout=storm&topic=f", "f:0 42"},
	{"trident", map[string]string{"/N/tx/coordinator/x": "x", "/N/tx/user/partition_0/9": `{"offset":1,"nextOffset":2}`, "/N/tx/user/partition_0/10": `{"offset":30,"nextOffset":42}`},
		"/N/tx?layout=trident&topic=f", "f:0 30..42"},
}

// sqlRows are tables: left is columns and values, with " for the quote of the database.
var sqlRows = []row{
	{"txn_offsets", map[string]string{`"topic" T, "part" I, "off" I`: `'my-t_1.0', 3, 42`}, "layout=txn_offsets", "my-t_1.0:3 42"},
	{"streaming_offset", map[string]string{`"topic" T, "groupid" T, "partitions" I, "offset" I`: `'my-t_1.0', 'a:g', 3, 42`}, "layout=streaming_offset&group=a:g", "my-t_1.0:3 42"},
	{"offset_2020", map[string]string{`"group_id" T, "topic" T, "partition_id" I, "topic_offset" I`: `'g', 'my-t_1.0', 3, 1099511627776`}, "layout=offset_2020", "my-t_1.0:3 1099511627776"},
	{"kafka_offset", map[string]string{`"topic" T, "partition" I, "offset" I, "updated_at" I`: `'my-t_1.0', 3, 42, 0`}, "layout=kafka_offset", "my-t_1.0:3 42"},
	{"kafka_offset_journal", map[string]string{`"consumer_group" T, "topic" T, "partition" I, "last_processed_offset" I, "extra" I`: `'g', 'my-t_1.0', 3, 42, 0`},
		"layout=kafka_offset_journal&group=g", "my-t_1.0:3 42"},
	{"SilverbackKafkaOffsets", map[string]string{`"GroupId" T, "Topic" T, "Partition" I, "Offset" I`: `'g', 'my-t_1.0', 3, 42`}, "layout=SilverbackKafkaOffsets&group=g", "my-t_1.0:3 42"},
	{"", map[string]string{`"tp" T, "a" I, "b" I, "at" I`: `'orders-eu-3', 30, 42, 1`}, "table=jobs&topic_partition=tp&separator=-&from=a&offset=b&latest=at", "orders-eu:3 30..42"},
	{"", map[string]string{`"p" I, "done" I`: `3, 41`}, "table=jobs&topic=('orders')&partition=p&offset=(done%20%2B%201)&where=p%20%3E%202", "orders:3 42"},
}

var fileRows = []row{
	{"json", map[string]string{"F": `{"format": 1, "positions": [{"topic": "my-t_1.0", "partition": 3, "position": {"offset": 42}}]}`}, "layout=json", "my-t_1.0:3 42"},
	{"csv", map[string]string{"F": "topic,partition,position_offset\nmy-t_1.0,3,42\n"}, "layout=csv", "my-t_1.0:3 42"},
	{"kafka-csv", map[string]string{"F": "g,my-t_1.0,3,42\nh,my-t_1.0,3,7\n"}, "layout=kafka-csv&group=g", "my-t_1.0:3 42"},
	{"get-offsets", map[string]string{"F": "my-t_1.0:3:42\n"}, "layout=get-offsets", "my-t_1.0:3 42"},
	{"rpk", map[string]string{"F": "my-t_1.0 3 42\n"}, "layout=rpk", "my-t_1.0:3 42"},
	{"kcl", map[string]string{"F": `[{"topic": "my-t_1.0", "partition": 3, "offset": 42}]`}, "layout=kcl", "my-t_1.0:3 42"},
	{"connect", map[string]string{"F": `{"offsets": [{"partition": {"kafka_topic": "my-t_1.0", "kafka_partition": 3}, "offset": {"kafka_offset": 42}}]}`}, "layout=connect", "my-t_1.0:3 42"},
	{"spark", map[string]string{"F": `{"my-t_1.0":{"3":42}}`}, "layout=spark", "my-t_1.0:3 42"},
	{"spark-checkpoint", map[string]string{"F/offsets/41": "v1\n{}\n{\"my-t_1.0\":{\"3\":42}}", "F/offsets/42": "v1\n{}\n{\"my-t_1.0\":{\"3\":50}}", "F/commits/41": "v1\n{}"},
		"layout=spark-checkpoint", "my-t_1.0:3 42"},
}

// named puts a name in place of N, and a path in place of F.
func (r row) named(n, f string) row {
	put := func(s string) string {
		return regexp.MustCompile(`\b[NF]\b|\bN_`).ReplaceAllStringFunc(s, func(m string) string {
			return strings.ReplaceAll(strings.Replace(m, "N", n, 1), "F", f)
		})
	}
	out := row{layout: r.layout, left: map[string]string{}, url: put(r.url), want: put(r.want)}
	for k, v := range r.left {
		out.left[put(k)] = v
	}
	return out
}

// wants opens a URL and reads it.
func (r row) wants(t *testing.T, url string) {
	t.Helper()
	env := &pipeline.Environment{Names: func() []string { return nil }, Lookup: func(name string) (string, bool) { return servers.RedisPassword, name == "PW" }}
	o, err := target.Open(t.Context(), url, target.Options{Env: env})
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	defer func() { _ = o.Close(t.Context(), time.Minute) }()
	f, err := o.Layout.Foreign(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	var got []string
	for _, e := range f.Entries {
		text := fmt.Sprintf("%s %d", e.TopicPartition, e.Until)
		if e.From != foreign.NoFrom {
			text = fmt.Sprintf("%s %d..%d", e.TopicPartition, e.From, e.Until)
		}
		got = append(got, text)
	}
	slices.Sort(got)
	if strings.Join(got, ", ") != r.want {
		t.Errorf("%s: got %s, want %s", url, strings.Join(got, ", "), r.want)
	}
	if o.Form != r.layout && r.layout != "" {
		t.Errorf("%s: it is told as %q, want %q", url, o.Form, r.layout)
	}
}

// Each layout that docs/layouts.md names is read by a URL of it, from where its own program keeps it.
func TestLayoutsByURL(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		server := servers.Redis(t)
		c := goredis.NewClient(&goredis.Options{Addr: server.Addr(), Password: servers.RedisPassword})
		defer func() { _ = c.Close() }()
		for _, r := range redisRows {
			r = r.named(servers.Name(t), "")
			for k, v := range r.left {
				key, field, hash := strings.Cut(strings.TrimSuffix(k, "}"), " {")
				if !hash {
					must(t, c.Set(t.Context(), key, v, 0).Err())
					continue
				}
				must(t, c.HSet(t.Context(), key, field, v).Err())
			}
			r.wants(t, "redis://:${PW}@"+server.Addr()+"/0?"+r.url)
		}
	})
	t.Run("zookeeper", func(t *testing.T) {
		server := servers.ZooKeeper(t)
		c, _, err := zk.Connect([]string{server.Addr()}, 10*time.Second, zk.WithLogInfo(false))
		must(t, err)
		defer c.Close()
		for _, r := range zookeeperRows {
			r = r.named(servers.Name(t), "")
			for p, v := range r.left {
				plant(t, c, p, v)
			}
			r.wants(t, "zk://"+server.Addr()+r.url)
		}
	})
	t.Run("files", func(t *testing.T) {
		for _, r := range fileRows {
			f := filepath.Join(t.TempDir(), "left")
			r = r.named("", f)
			for p, v := range r.left {
				must(t, errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, []byte(v), 0o600)))
			}
			r.wants(t, "file:"+f+"?"+r.url)
		}
	})
	t.Run("kafka", func(t *testing.T) {
		at, group := servers.Kafka(t).Plaintext, servers.Name(t)
		cl, err := kgo.NewClient(append(servers.Quick(), kgo.SeedBrokers(at))...)
		must(t, err)
		defer cl.Close()
		adm := kadm.NewClient(cl)
		topic := servers.Name(t)
		_, err = adm.CreateTopic(t.Context(), 4, 1, nil, topic)
		must(t, err)
		var committed kadm.Offsets
		committed.AddOffset(topic, 3, 42, -1)
		deadline := time.Now().Add(2 * time.Minute)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for err = adm.CommitAllOffsets(t.Context(), group, committed); err != nil && time.Now().Before(deadline); <-tick.C { // until the broker knows the topic
			err = adm.CommitAllOffsets(t.Context(), group, committed)
		}
		must(t, err)
		row{"kafka", nil, "", topic + ":3 42"}.wants(t, "kafka://"+at+"?layout=kafka&group="+group)
		row{"", nil, "", topic + ":3 42"}.wants(t, "kafka://"+at+"?group="+group)
	})
}

// The tables, in each database.
func TestTablesByURL(t *testing.T) {
	for _, r := range sqlRows {
		name := r.layout
		if name == "" {
			name = "jobs"
		}
		statements := func(quote, text, number string) []string {
			for columns, values := range r.left {
				columns = regexp.MustCompile(`\bT\b`).ReplaceAllString(columns, text)
				columns = strings.ReplaceAll(regexp.MustCompile(`\bI\b`).ReplaceAllString(columns, number), `"`, quote)
				return []string{"CREATE TABLE " + quote + name + quote + " (" + columns + ")", "INSERT INTO " + quote + name + quote + " VALUES (" + values + ")"}
			}
			return nil
		}
		t.Run("postgres "+name, func(t *testing.T) {
			dsn := servers.Postgres(t).Database(t)
			c, err := pgx.Connect(t.Context(), dsn)
			must(t, err)
			defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
			for _, s := range statements(`"`, "text", "bigint") {
				_, err := c.Exec(t.Context(), s)
				must(t, err)
			}
			r.wants(t, with(dsn, r.url))
		})
		t.Run("mysql "+name, func(t *testing.T) {
			server := servers.MariaDB(t)
			dsn := server.Database(t)
			c := driver.NewConfig()
			c.User, c.Net, c.Addr = "root", "tcp", server.Host+":"+server.Port
			c.DBName = path.Base(strings.Split(dsn, "?")[0])
			connector, err := driver.NewConnector(c)
			must(t, err)
			db := sql.OpenDB(connector)
			defer func() { _ = db.Close() }()
			for _, s := range statements("`", "varchar(100)", "bigint") {
				_, err := db.ExecContext(t.Context(), s)
				must(t, err)
			}
			r.wants(t, with(dsn, r.url))
		})
		t.Run("sqlite "+name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "offsets.db")
			c, err := zsqlite.OpenConn(file)
			must(t, err)
			for _, s := range statements(`"`, "TEXT", "INTEGER") {
				must(t, sqlitex.ExecuteScript(c, s, nil))
			}
			must(t, c.Close())
			r.wants(t, "sqlite:"+file+"?"+r.url)
		})
	}
}

// A layout that is added to the page is added here.
func TestEveryLayoutOfThePageIsRead(t *testing.T) {
	text, err := os.ReadFile("../../docs/layouts.md")
	must(t, err)
	tested := map[string]bool{}
	for _, rows := range [][]row{redisRows, zookeeperRows, sqlRows, fileRows} {
		for _, r := range rows {
			tested[r.layout] = true
		}
	}
	named := 0
	for part := range strings.SplitSeq(string(text), "| `layout=` |") {
		table, _, _ := strings.Cut(part, "\n\n")
		for _, m := range regexp.MustCompile("(?m)^\\| `([\\w#-]+)`").FindAllStringSubmatch(table, -1) {
			if m[1] == "next" || m[1] == "batch-start" || m[1] == "last-processed" {
				continue
			}
			if named++; !tested[m[1]] {
				t.Errorf("docs/layouts.md names %s, and no URL of it is tested", m[1])
			}
		}
	}
	if named < 28 {
		t.Errorf("the page names %d layouts, want 28 at least", named)
	}
}

func plant(t *testing.T, c *zk.Conn, at, value string) {
	t.Helper()
	_, err := c.Create(at, []byte(value), 0, zk.WorldACL(zk.PermAll))
	switch {
	case errors.Is(err, zk.ErrNoNode):
		plant(t, c, path.Dir(at), "")
		plant(t, c, at, value)
		return
	case errors.Is(err, zk.ErrNodeExists) && value != "":
		_, err = c.Set(at, []byte(value), -1)
	}
	if err != nil && !errors.Is(err, zk.ErrNodeExists) {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
