package pipeline

import (
	"strings"
	"testing"
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
