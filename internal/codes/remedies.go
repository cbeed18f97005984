package codes

import (
	"errors"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// remedy is what to do about a code.
type remedy struct {
	code string // empty: any
	when string // the fact that it is for: present, or with a value, field=TLS.Cert; empty: any facts
	text string // with {NAME} for facts; FILE is the pipeline file or the URL
}

// redisUser is the user that logs in, in a file and in a URL.
const redisUser = "user: NAME, password: ${REDIS_PASSWORD}; in a URL 'redis://NAME:${REDIS_PASSWORD}@HOST…', without NAME for the default user"

// remedies are in the order in which they are looked for: the first one that fits is taken.
var remedies = []remedy{
	{"loss-not-accepted", "record", "fencepost check FILE says what to set at the source; where there are no such values, or they may be lost, put that accepts into the file and start again"},
	// A record parks its partition, whatever is wrong with it.
	{"", "timeout", "raise commit_timeout ({timeout}), or mend what takes so long: it is tried again; or fencepost offsets repair FILE --topic {partition} --record skip"},
	{"", "record", "mend the cause: it is tried again every {watch}; or fencepost offsets repair FILE --topic {partition} --record skip"},

	// Stored positions and the ledger.
	{"topic-missing", "", "create the topic again, or take it out of source.topics"},
	{"other-cluster", "", "mend source.brokers; or give this pipeline a group of its own"},
	{"recreated", "topic", "fencepost offsets repair FILE --topic {topic}"}, // as a whole: its partitions begin together
	{"aged-out", "partition", "fencepost offsets repair FILE --topic {partition}"},
	{"truncated", "partition", "fencepost offsets repair FILE --topic {partition}"},
	{"lost-row", "partition", "fencepost offsets repair FILE --topic {partition}"},
	{"start-out-of-range", "", "mend source.start"},
	{"foreign-write", "", "put the entry back as it was, or give this pipeline a group of its own"},
	{"ledger-went-back", "partition", "fencepost offsets set FILE --topic {partition} --to {applied} --execute, to pass what stands; --to {held}, to repeat it"},
	{"old-primary", "held", "stop this server, or name the new primary in dsn: it goes on by itself; to go on here all the same: fencepost offsets set FILE --topic {partition} --to {held} --execute"},
	{"old-primary", "met", "start the new primary, or name it in dsn: run goes on by itself; to go back to this server, start the workers anew"},
	{"old-primary", "", "stop this server, or name the new primary in dsn: it goes on by itself; to go on here all the same: fencepost offsets set FILE --to OFFSET --execute"},
	{"dead-letters-missing", "", "let the owner of the ledger's store run what this prints: fencepost ddl FILE; or take dead_letter out of on_error"},
	{"reports-not-kept", "", "let the owner of the ledger's store run what this prints: fencepost ddl FILE"},
	{"pipeline-differs", "", "give this pipeline a group of its own; or, where the change is meant: fencepost run FILE --changed --why TEXT"},
	{"mirror-ahead", "", "see that all workers reach one server, and stop any other that takes writes; then fencepost audit FILE"},
	{"ledger-empty", "resume", "restore the ledger's tables; or run without --resume to start at source.start"},
	{"ledger-empty", "group", "restore the ledger; or give this pipeline a new group; or take the group's offsets over: fencepost offsets copy 'kafka://HOST:9092?group={group}' FILE --meaning next"},
	{"other-ledger", "empty", "restore that ledger, or point this pipeline at it; or give this pipeline a group of its own"},
	{"other-ledger", "copy", "point all workers of the group at one server, and stop the others; a copy that is meant gets a group of its own"},
	{"other-ledger", "", "give this pipeline a group of its own, or point it at that ledger"},
	{"ledger-missing", "near", "{near} is there: mend the name; all of them: fencepost offsets groups FILE"},
	{"ledger-missing", "group", "mend the name; those that are there: fencepost offsets groups FILE"},
	{"ledger-missing", "live", "wait until it commits, and look again"},
	{"ledger-missing", "idle", "other groups: fencepost offsets groups FILE"},
	{"ledger-newer", "", "run the newer program; there is no way back"},

	// The schema registry.
	{"registry-silent", "", "start the schema registry, or mend registry.url"},
	{"registry-denied", "", "mend registry.user and registry.password, or registry.token"},
	{"registry-refused", "", "mend registry.url: http://HOST:8081; of Apicurio http://HOST:8080/apis/ccompat/v7"},

	// A run with an end.
	{"ends-unknown", "", "wait until every partition has a leader"},
	{"ends-not-reached", "", "run it again when they answer; nothing is lost"},
	{"range-outside", "", "end where the log does, or wait until the records are there"},
	{"parked-left", "", "mend what parks them, and run it again"},

	// The brokers.
	{"topic-not-found", "near", "{near} exists: mend source.topics, or create it"},
	{"topic-not-found", "", "create it, or mend source.topics"},
	{"broker-silent", "address", "start it, or mend source.brokers; to try one: fencepost broker"},
	{"broker-silent", "answers", "ask again; a running pipeline waits by itself"},
	{"broker-silent", "field=Brokers", "mend source.brokers: a broker's own port, 9092 by default"},
	{"tls-unknown-authority", "", "source.tls.ca: PATH of that certificate"},
	{"tls-mismatch", "field=TLS.ServerName", "source.tls.server_name: one of its names"},
	{"tls-mismatch", "field=TLS.Cert", "source.tls.cert and source.tls.key: a client certificate that the broker's authority signed"},
	{"tls-mismatch", "field=TLS.Enabled", "source.tls.enabled: {want}"},
	{"sasl-refused", "field=SASL", "source.sasl: {mechanism: …, user: …, password: …}"},
	{"bad-value", "field=TLS.CA", "mend source.tls.ca, the path of the authority's certificate"},
	{"bad-value", "field=TLS.Cert", "mend source.tls.cert, the path of the client's certificate"},
	{"bad-value", "field=TLS.Key", "mend source.tls.key, the path of that certificate's key"},
	{"session-timeout-refused", "", "source.session_timeout: within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"},
	{"instance-taken", "", "one name per worker: source.instance_id: ${HOSTNAME}"},

	// The sink.
	{"sql-ended-transaction", "", "take the statement out that ends the transaction; what it did before may stand: look before the next run"},
	{"sink-needs-own-ledger", "", "take ledger: out"},

	{"database-read-only", "", "name the primary in dsn, or let the server write again; run connects again by itself"},
	{"database-starting", "", "wait; run waits by itself"},
	{"connection-terminated", "", "the server's log says who ended it; run connects again by itself"},
	{"too-many-connections", "", "raise the limit of the server or the user, or end what is idle: a worker takes two connections and one a lane; run waits by itself"},
	{"database-busy", "", "find who holds the lock and let it end; run waits by itself"},

	// Redis and ZooKeeper.
	{"redis-full", "reply=OOM", "raise maxmemory on the server, or delete what is not needed; run waits by itself"},
	{"redis-not-ready", "reply=LOADING", "wait; run waits by itself"},
	{"redis-not-ready", "reply=MISCONF", "look at the server's log and its disk; run waits by itself"},
	{"redis-not-ready", "reply=READONLY", "name the primary in addr; after a failover run goes on by itself"},
	{"redis-not-ready", "reply=MASTERDOWN", "name the primary in addr"},
	{"redis-not-ready", "reply=NOREPLICAS", "bring the replicas back; run waits by itself"},
	{"redis-not-ready", "reply=BUSY", "wait, or SCRIPT KILL; run waits by itself"},
	{"redis-not-ready", "reply=CLUSTERDOWN", "look at CLUSTER INFO; run waits by itself"},
	{"redis-not-ready", "reply=TRYAGAIN", "wait; run waits by itself"},
	{"redis-not-ready", "reply=ERR max number of clients", "raise maxclients on the server"},
	{"redis-denied", "reply=WRONGPASS", redisUser},
	{"redis-denied", "reply=NOAUTH", redisUser},
	{"redis-denied", "reply=ERR AUTH", redisUser},
	{"redis-denied", "reply=NOPERM", "let the server's owner run what this prints: fencepost ddl FILE (in Go: redis.ACL)"},
	{"redis-cluster", "reply=MOVED", "name that node in addr"},
	{"redis-cluster", "reply=CROSSSLOT", "put {group} into every key of the mapping"},
	{"redis-wrong-type", "reply=WRONGTYPE", "give the ledger another key, or delete that one"},
	{"redis-no-db", "reply=ERR DB index", "mend db"},
	{"redis-no-db", "reply=ERR invalid DB index", "mend db"},
	{"redis-tls", "plain", "that port speaks no TLS: take tls away, or name the server's tls-port"},
	{"redis-unreachable", "host", "mend the host in addr"},
	{"zookeeper-busy", "", "wait; run tries again by itself"},
}

// Remedy is what to do about an error: what it brings along itself, or what its code and facts say; empty: nothing is known.
func Remedy(f *fencepost.UserError) string { return render(f.Help, f.Code, f.Facts) }

// RemedyOf is Remedy for a finding.
func RemedyOf(f fencepost.Finding) string { return render(f.Help, f.Code, f.Facts) }

// ParkedRemedy is what to do about a partition that is parked.
func ParkedRemedy(code string, tp fencepost.TopicPartition, facts map[string]string) string {
	all := map[string]string{"topic": tp.Topic, "partition": tp.String()}
	for name, value := range facts {
		all[name] = value
	}
	return render("", code, all)
}

// OldPrimary is ParkedRemedy of a partition whose ledger is an old primary's and holds an offset.
func OldPrimary(tp fencepost.TopicPartition, held fencepost.Offset) string {
	return ParkedRemedy("old-primary", tp, map[string]string{"held": strconv.FormatInt(int64(held), 10)})
}

func render(own, code string, facts map[string]string) string {
	if own != "" {
		return own
	}
	for _, r := range remedies {
		if (r.code == "" || r.code == code) && r.fits(facts) {
			return fill(r.text, facts)
		}
	}
	return ""
}

// fits reports whether the facts are those that a remedy is for.
func (r remedy) fits(facts map[string]string) bool {
	if r.when == "" {
		return true
	}
	name, want, valued := strings.Cut(r.when, "=")
	value, ok := facts[name]
	return ok && (!valued || value == want)
}

// fill puts facts in the place of their names.
func fill(text string, facts map[string]string) string {
	var pairs []string
	for name, value := range facts {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Named is the UserError in an error, or one for what ledger, source and sink return as sentinels; an error without a code is
// unexpected.
func Named(err error) *fencepost.UserError {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return f
	}
	rejected, refused := errors.AsType[*sink.Rejected](err)
	switch {
	case errors.Is(err, fencepost.ErrNoTopic):
		return &fencepost.UserError{Code: "topic-not-found", Err: err}
	case errors.Is(err, fencepost.ErrNoAnswer):
		return &fencepost.UserError{Code: "broker-silent", Err: err, Help: "start it, or mend source.brokers", Passing: true}
	case errors.Is(err, ledger.ErrNewer):
		return &fencepost.UserError{Code: "ledger-newer", Err: err}
	case errors.Is(err, ledger.ErrOtherCluster):
		return &fencepost.UserError{Code: "other-cluster", Err: err}
	case refused:
		return &fencepost.UserError{Code: "record-refused", Err: err, Help: rejected.Hint}
	}
	return &fencepost.UserError{Code: "unexpected", Err: err}
}
