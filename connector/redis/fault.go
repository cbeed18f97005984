package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// passing are the error replies of a server that is not ready for writes now: each comes before a script has written.
var passing = []struct{ prefix, code, text string }{
	{"OOM", "redis-full", "its memory is full"},
	{"LOADING", "redis-not-ready", "it is loading its data"},
	{"MISCONF", "redis-not-ready", "it can not write to its disk"},
	{"READONLY", "redis-not-ready", "it is a replica"},
	{"MASTERDOWN", "redis-not-ready", "it is a replica without its primary"},
	{"NOREPLICAS", "redis-not-ready", "it has fewer replicas than min-replicas-to-write"},
	{"BUSY", "redis-not-ready", "another client's script keeps it busy"},
	{"CLUSTERDOWN", "redis-not-ready", "its cluster is down"},
	{"TRYAGAIN", "redis-not-ready", "its cluster is moving the slot"},
	{"ERR max number of clients", "redis-not-ready", "it has no room for another client"},
}

// lasting are the error replies that waiting does not mend.
var lasting = []struct{ prefix, code, text string }{
	{"WRONGPASS", "redis-denied", "user or password is wrong"},
	{"NOAUTH", "redis-denied", "it wants a password"},
	{"ERR AUTH", "redis-denied", "it takes no password as configured"},
	{"NOPERM", "redis-denied", "the user lacks a right"},
	{"MOVED", "redis-cluster", "the group's keys are on another node of its cluster"},
	{"CROSSSLOT", "redis-cluster", "the keys are in several slots of its cluster"},
	{"WRONGTYPE", "redis-wrong-type", "a key of the ledger is something else"},
	{"ERR DB index", "redis-no-db", "it has no database of that number"},
	{"ERR invalid DB index", "redis-no-db", "it has no database of that number"},
}

// fact is the one thing that a remedy has to name: the beginning of the server's reply, or an address.
func fact(name, value string) map[string]string { return map[string]string{name: value} }

// fault is an error as people meet it. began: a script which writes may have been sent, so that an error that is
// no answer of the server leaves the outcome unknown.
func (c Config) fault(err error, began bool) error {
	var (
		ours  *fencepost.UserError
		dial  *errDial
		none  *errUnsent
		reply errReply
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return err
	case errors.As(err, &dial):
		return c.unreachable(dial.err)
	case errors.As(err, &none):
		return none.error
	case errors.As(err, &reply):
		return c.replied(reply)
	case began:
		return fmt.Errorf("%w: %s: %w", ledger.ErrUnknown, c.Addr, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return c.unreachable(err)
}

// replied is the UserError of an error reply.
func (c Config) replied(reply error) error {
	text := strings.TrimPrefix(reply.Error(), "ERR ACL failure in script: ") // a script's own NOPERM
	if strings.Contains(reply.Error(), "ACL failure in script") || strings.Contains(reply.Error(), "can't access at least one of the keys") ||
		strings.Contains(reply.Error(), "executing the script can't run this command") {
		text = "NOPERM " + text
	}
	for _, r := range passing {
		if hasPrefix(text, r.prefix) {
			return &fencepost.UserError{Code: r.code, Err: fmt.Errorf("redis at %s: %s (%w)", c.Addr, r.text, reply), Facts: fact("reply", r.prefix), Passing: true}
		}
	}
	for _, r := range lasting {
		if hasPrefix(text, r.prefix) {
			return &fencepost.UserError{Code: r.code, Err: fmt.Errorf("redis at %s: %s (%w)", c.Addr, r.text, reply), Facts: fact("reply", r.prefix)}
		}
	}
	return &fencepost.UserError{Code: "redis-error", Err: fmt.Errorf("redis at %s: %w", c.Addr, reply), Exit: 1}
}

// hasPrefix passes over the generic ERR where the table does not name it.
func hasPrefix(text, prefix string) bool {
	return strings.HasPrefix(text, prefix) || strings.HasPrefix(strings.TrimPrefix(text, "ERR "), prefix)
}

// unreachable is the UserError of a server that could not be asked.
func (c Config) unreachable(err error) error {
	f := &fencepost.UserError{Code: "redis-unreachable", Err: fmt.Errorf("redis at %s: %w", c.Addr, err), Exit: 1, Passing: true,
		Help: "is it running there? redis-cli -u redis://" + c.Addr + " ping"}
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		verify    *tls.CertificateVerificationError
		header    tls.RecordHeaderError
		dns       *net.DNSError
	)
	if c.TLS != nil {
		f.Help = "is it running there, and does that port speak TLS? redis-cli --tls -u rediss://" + c.Addr + " ping"
	}
	switch {
	case errors.As(err, &authority), errors.As(err, &host), errors.As(err, &verify):
		f.Code, f.Passing, f.Help = "redis-tls", false, "give the authority that signed the server's certificate, and the host name that stands in it"
	case errors.As(err, &header):
		f.Code, f.Passing, f.Help = "redis-tls", false, ""
		f.Facts = fact("plain", c.Addr)
	case errors.As(err, &dns) && dns.IsNotFound:
		f.Help, f.Facts = "", fact("host", c.Addr)
	}
	return f
}

// answer is a script's own reply: nothing happened, but for torn.
func (c Config) answer(r []any, k keys) error {
	word, rest := texts(r)
	at := func(i int) string {
		if i < len(rest) {
			return rest[i]
		}
		return ""
	}
	switch word {
	case "newer":
		return fmt.Errorf("%w: version %s, this program knows %s", ledger.ErrNewer, at(0), version)
	case "cluster":
		return fmt.Errorf("%w: the ledger's is %s", ledger.ErrOtherCluster, at(0))
	case "group":
		return &fencepost.UserError{Code: "redis-key-taken", Err: fmt.Errorf("the key %s is the ledger of group %s", k.positions, at(0)),
			Help: "put {group} into the key, or take another one", Exit: 4}
	case "old":
		return &fencepost.UserError{Code: "redis-too-old", Err: fmt.Errorf("redis at %s is older than 7.0: a script can not ask there what the user may do before it writes", c.Addr),
			Help: "use Redis 7.0 or later", Exit: 1}
	case "gone":
		return fmt.Errorf("%w: %s", ledger.ErrLetterGone, at(0))
	case "denied":
		return &fencepost.UserError{Code: "redis-denied", Err: fmt.Errorf("redis at %s: the user may not %s %s", c.Addr, at(0), at(1)), Facts: fact("reply", "NOPERM")}
	case "wrongtype":
		return &fencepost.UserError{Code: "redis-wrong-type", Err: fmt.Errorf("the ledger's key %s is a %s, no list", at(0), at(1)),
			Help: "give the ledger another key, or delete that one", Exit: 1}
	case "kind":
		return refusedKey{&sink.Rejected{Code: "WRONGTYPE", Reason: fmt.Sprintf("%s of key %s: it is a %s", at(0), at(1), at(2)), Hint: "give the mapping another key"}, at(1), ""}
	case "number":
		return refusedKey{&sink.Rejected{Code: "not-an-integer", Reason: fmt.Sprintf("HINCRBY of field %s of key %s: it holds %q, which is no integer", at(1), at(0), at(2))}, at(0), at(1)}
	case "overflow":
		return refusedKey{&sink.Rejected{Code: "overflow", Reason: fmt.Sprintf("HINCRBY of field %s of key %s: the sum does not fit into 64 bits", at(1), at(0))}, at(0), at(1)}
	case "full":
		return &sink.Rejected{Code: "stream-exhausted", Reason: "XADD of key " + at(0) + ": the stream has given its last ID"}
	case "torn":
		return &fencepost.UserError{Code: "redis-torn", Err: fmt.Errorf("redis at %s failed in the middle of its writes (%s): a part of the batch may stand, its positions did not move", c.Addr, at(0)),
			Help: "compare the output keys with the topic before you start it again: the batch would be applied once more", Exit: 4}
	}
	return fmt.Errorf("redis at %s: the script answered %q", c.Addr, word)
}

// texts are a script's answer: its word, and what follows.
func texts(r []any) (word string, rest []string) {
	for _, v := range r {
		rest = append(rest, text(v))
	}
	if len(rest) == 0 {
		return "", nil
	}
	return rest[0], rest[1:]
}
