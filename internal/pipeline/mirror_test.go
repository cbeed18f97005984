package pipeline

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
)

// A backfill reads an old range: its offsets are none of the other tools' business.
func TestBackfillHasNoMirrors(t *testing.T) {
	f, err := Parse("f.yaml", []byte("group: g\nsource: {brokers: ['h:1'], topics: [t]}\nschema: {a: text}\nsink: {sqlite: {path: a.db, table: t}}\n"+
		"mirror: {redis: {addr: h, password: '${PW}', key: offsets}, zookeeper: {servers: [z1, 'z2:1'], user: etl, password: '${PW}'}}\n"), testEnvironment())
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Join(f.MirrorNames(), ", ")
	if want := "mirror.redis (redis://:***@h:6379/0), mirror.zookeeper (zk://etl:***@z1:2181,z2:1/consumers)"; names != want {
		t.Errorf("mirrors are %s, want %s", names, want)
	}
	if got := f.Beside("g-backfill").Mirrors; len(got) > 0 {
		t.Errorf("a backfill has the mirrors %v, want none", got)
	}
}

// A backfill writes to the keys of the pipeline, not to some of its own group.
func TestBackfillWritesTheSameKeys(t *testing.T) {
	f, err := Parse("f.yaml", []byte("group: g\nsource: {brokers: ['h:1'], topics: [t]}\nschema: {a: text}\n"+
		"sink: {redis: {addr: h, password: '${PW}', commands: ['HINCRBY n:{group} {a} 1']}}\n"), testEnvironment())
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Sink.Is.(interface {
		Config(kinds.Pipeline) redis.Config
	}).Config(f.Beside("g-backfill").around()).Group; got != "g" {
		t.Errorf("{group} in its commands is %s, want g", got)
	}
}
