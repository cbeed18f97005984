package redis

import (
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
)

// baseRights are what connections and every script call, ledgerRights what the ledger's do besides.
var (
	baseRights   = []string{"auth", "hello", "select", "ping", "info", "time", "type", "eval", "evalsha"}
	ledgerRights = []string{"hget", "hmget", "hgetall", "hset", "hdel", "hexists", "hkeys", "rpush", "lrange", "subscribe", "pubsub|numsub"}
)

// ACL is the command by which a server's owner makes a user of the least rights for a group's effects, and its ledger
// unless NoLedger is set. keys are the patterns of the effects' keys, in which {group} stands for the hash tag and * for
// what differs by row.
func ACL(c Config, g fencepost.Group, user, password string, keys []string) string {
	words := []string{"ACL", "SETUSER", user, "reset", "on", ">" + password}
	rights := slices.Clone(baseRights)
	if !c.NoLedger {
		for _, own := range Own(c.Key, g) {
			words = append(words, "~"+Glob(own))
		}
		words = append(words, "&"+channelPrefix+"*")
		rights = append(rights, ledgerRights...)
	}
	for _, key := range keys {
		if pattern := "~" + strings.ReplaceAll(key, groupMark, Glob(tag(g))); !slices.Contains(words, pattern) {
			words = append(words, pattern)
		}
	}
	for _, e := range c.effects() {
		rights = append(rights, strings.ToLower(e.Op.String()))
		switch e.Op {
		case HIncrBy:
			rights = append(rights, "hset", "hdel", "hmget") // takes back a counter that did not fit
		case XAdd:
			rights = append(rights, "xinfo|stream")
		case OpUnset, HSet, Set, SAdd, ZAdd, ZIncrBy, Del, HDel, SRem, ZRem:
		}
	}
	for i, right := range rights {
		if !slices.Contains(rights[:i], right) {
			words = append(words, "+"+right)
		}
	}
	for i, w := range words {
		words[i] = quoted(w)
	}
	return strings.Join(words, " ")
}

// Glob is a text as a pattern that only the text itself fits.
func Glob(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(text)
}

// quoted is a word as redis-cli reads it.
func quoted(w string) string {
	if !strings.ContainsAny(w, " \"'\\\t") {
		return w
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`).Replace(w) + `"`
}
