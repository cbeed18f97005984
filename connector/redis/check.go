package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/sink"
)

// Check looks at the server and changes nothing. What depends on the group, Trial looks at.
func (s *Sink) Check(ctx context.Context, columns []fencepost.ColumnSpec) []fencepost.Finding {
	if _, err := s.Columns(ctx, columns); err != nil {
		return []fencepost.Finding{finding("trial", err)}
	}
	conn := connect(s.cfg, 1) // made anew, which asks for the eviction policy
	defer conn.Close()
	info, err := redis.String(conn.do(ctx, "INFO"))
	if err != nil {
		return []fencepost.Finding{finding("database", s.cfg.fault(err, false))}
	}
	facts := factsOf(info)
	if facts["role"] == "slave" {
		return []fencepost.Finding{finding("database", s.cfg.replied(errReplica))}
	}
	var kept string
	_ = conn.on(ctx, func(c redis.Conn) error { // what it does not answer it says in words
		kept = durability(c)
		return nil
	})
	found := []fencepost.Finding{{Subject: "database", OK: true, Text: s.describe(facts) + ", " + kept, Facts: map[string]string{durable: kept}}}
	if s.cfg.NoLedger {
		return found
	}
	return append(found, s.checkLedger(ctx))
}

// factsOf reads the lines of INFO.
func factsOf(info string) map[string]string {
	facts := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		facts[name] = value
	}
	return facts
}

// RefusesWrites is part of ledger.Refusing: a replica answers what is asked, and takes no commit. A user may read and not be allowed
// INFO: then it is not known.
func (l *Ledger) RefusesWrites(ctx context.Context) (why, err error) {
	info, err := redis.String(l.client.do(ctx, "INFO", "replication"))
	if err != nil {
		return nil, l.cfg.fault(err, false)
	}
	if factsOf(info)["role"] == "slave" {
		return l.cfg.replied(errReplica), nil
	}
	return nil, nil
}

// errReplica is what a replica answers to a write.
var errReplica = errors.New("READONLY You can't write against a read only replica")

// describe is the server in a line: what it is, and what the promise rests on.
func (s *Sink) describe(facts map[string]string) string {
	name := "redis " + facts["redis_version"]
	if v := facts["valkey_version"]; v != "" { // which names the version of Redis that it is like, besides
		name = "valkey " + v
	}
	text := fmt.Sprintf("%s at %s, database %d", name, s.cfg.Addr, s.cfg.DB)
	if s.cfg.User != "" {
		text += ", user " + s.cfg.User
	}
	if s.cfg.TLS != nil {
		text += ", by TLS"
	}
	return text + "; maxmemory-policy " + facts["maxmemory_policy"]
}

// checkLedger says whether there is one. To look must not make it.
func (s *Sink) checkLedger(ctx context.Context) fencepost.Finding {
	key := identityKey(s.cfg.Key)
	facts, err := redis.StringMap(s.ledger.client.do(ctx, "HGETALL", key))
	if err != nil {
		return finding("ledger", s.cfg.fault(err, false))
	}
	if len(facts) == 0 {
		return fencepost.Finding{Subject: "ledger", OK: true, Text: "none yet: the first run makes it, in the hash " + s.cfg.Key}
	}
	if err := checkVersion(facts["version"]); err != nil {
		return fencepost.Finding{Subject: "ledger", Code: "ledger-newer", Text: err.Error()}
	}
	return fencepost.Finding{Subject: "ledger", OK: true, Text: fmt.Sprintf("version %s, in the hash %s", facts["version"], s.cfg.Key)}
}

// finding is an error as a line of check.
func finding(subject string, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: subject, Text: err.Error(), Code: "redis-error", Key: "addr"}
	if r, ok := errors.AsType[*sink.Rejected](err); ok {
		f.Code, f.Help, f.Key = r.Code, r.Hint, "commands"
	}
	if e, ok := errors.AsType[*fencepost.UserError](err); ok {
		f.Code, f.Help, f.Facts, f.Silent = e.Code, e.Help, e.Facts, e.Passing
	}
	return f
}
