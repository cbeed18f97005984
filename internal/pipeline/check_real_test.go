//go:build realservers

package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/servers"
)

// check reports the cause of each ledger that cannot be used, and the line.
func TestCheckOfLedgers(t *testing.T) {
	topic := newTopic(t)
	topic.produce(1)
	keeper, name := servers.ZooKeeper(t).Addr(), servers.Name(t)
	run(t, fileOf(t, topic, newRows(t).sink()+fmt.Sprintf("ledger: {zookeeper: {servers: [%q], root: /%s, user: etl, password: a}}\n", keeper, name)))
	for what, c := range map[string]struct {
		ledger, code string
		silent       bool
	}{
		"zookeeper, another user": {fmt.Sprintf("{zookeeper: {servers: [%q], root: /%s, user: other, password: b}}", keeper, name), "zookeeper-denied", false},
		"zookeeper, nobody there": {fmt.Sprintf("{zookeeper: {servers: ['%s:1']}}", servers.Address(t)), "zookeeper-silent", true},
		"redis, a wrong password": {fmt.Sprintf("{redis: {addr: %q, password: wrong}}", servers.Redis(t).Addr()), "redis-denied", false},
	} {
		t.Run(what, func(t *testing.T) {
			f := fileOf(t, topic, newRows(t).sink()+"ledger: "+c.ledger+"\n")
			rep, err := Check(t.Context(), f, 3*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			var found fencepost.Finding
			for _, one := range rep.Findings {
				if one.Subject == "ledger" {
					found = one
				}
			}
			at := "f.yaml:5:"
			if c.silent {
				at = "" // it is not about the file
			}
			if found.OK || found.Code != c.code || found.Silent != c.silent || found.Help == "" || !strings.HasPrefix(rep.At(found), at) {
				t.Errorf("check says %+v at %q; want %s at %q", found, rep.At(found), c.code, at)
			}
		})
	}
}
