package redis

import (
	"strings"

	"github.com/fencepost/fencepost"
)

// groupMark stands for the group's hash tag in keys: {flight-delays}.
const groupMark = "{group}"

// keys are the keys of one group. All have one hash tag, so that a cluster keeps them in one slot and a script may
// touch them together.
//
//	fencepost:{flight-delays}         hash   topic|partition -> from|until|fence|epoch|topic ID|...
//	fencepost:{flight-delays}:head    hash   version, id, group, cluster, roster:TOPIC
//	fencepost:{flight-delays}:moves   list   recorded moves, oldest first
//	fencepost:{flight-delays}:reports hash   what workers know: subject -> text
//	fencepost:{flight-delays}:letters hash   dead letters: topic|partition|offset|topic ID -> JSON; discarded|... of one that was discarded
type keys struct{ positions, head, moves, reports, letters string }

// keysOf names the keys of a group.
func keysOf(pattern string, g fencepost.Group) keys {
	key := strings.ReplaceAll(pattern, groupMark, tag(g))
	base := key
	if !tagged(key) {
		base = "{" + key + "}"
	}
	return keys{positions: key, head: base + ":head", moves: base + ":moves", reports: base + ":reports", letters: base + ":letters"}
}

// Own are all keys of a group's ledger; key is Config.Key.
func Own(key string, g fencepost.Group) []string {
	if key == "" {
		key = defaultKey
	}
	k := keysOf(key, g)
	return []string{k.positions, k.head, k.moves, k.reports, k.letters, identityKey(key)}
}

// identityKey names the hash of the ledger's own identity, which all groups under one pattern share.
func identityKey(pattern string) string {
	key := strings.ReplaceAll(pattern, groupMark, "")
	if key == pattern {
		return keysOf(pattern, "").head + ":ledger"
	}
	return key + ":ledger"
}

// tag is a group's hash tag. A brace in the group's name would end the tag early, and the percent sign that stands for
// it stands for itself as %25: no two groups have one tag.
func tag(g fencepost.Group) string {
	return "{" + tagEscaper.Replace(string(g)) + "}"
}

var tagEscaper = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// tagged reports whether a key has a hash tag by Redis's rule: the first brace, and a closing one with something between.
func tagged(key string) bool {
	_, rest, ok := strings.Cut(key, "{")
	return ok && strings.Index(rest, "}") > 0
}
