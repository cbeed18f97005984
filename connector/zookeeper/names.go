package zookeeper

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
)

// plain are the bytes that stand for themselves in a node's name. All others are %XX, so that no name has a slash, a
// control character or one of the code points that ZooKeeper refuses.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:@+~"

// escape makes a node's name of any text. No two texts have one name; none is ".", ".." or empty; and none begins with
// a percent sign that is no %XX, as the connector's own nodes do.
func escape(s string) string {
	switch s {
	case "":
		return "%"
	case ".", "..":
		return strings.Repeat("%2E", len(s))
	}
	if strings.Trim(s, plain) == "" {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(plain, s[i]) >= 0 {
			b.WriteByte(s[i])
			continue
		}
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// unescape undoes escape.
func unescape(name string) (string, error) {
	if name == "%" {
		return "", nil
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			b.WriteByte(name[i])
			continue
		}
		if i+2 >= len(name) {
			return "", fmt.Errorf("%q is no escaped name", name)
		}
		c, err := hex.DecodeString(name[i+1 : i+3])
		if err != nil {
			return "", fmt.Errorf("%q is no escaped name", name)
		}
		b.WriteByte(c[0])
		i += 2
	}
	return b.String(), nil
}

// movesPrefix begins the name of a group's node of moves. No escaped topic begins so.
const movesPrefix = "%moves-"

// reportsName is the node beside the groups' nodes below which reports are: programs of before take every child of a group's
// node for a topic. No escaped group begins so.
const reportsName = "%reports"

// signsName is the node below which signs of life are.
const signsName = "%signs"

// paths are where a group's nodes are.
//
//	/fencepost                                 version|identity
//	/fencepost/flight-delays                   version|life|cluster
//	/fencepost/flight-delays/%moves-1f2e3d4c   changed by every Move, so that its version is the group's clock
//	/fencepost/flight-delays/%moves-.../n-0000000007
//	/fencepost/flight-delays/flights           partitions|index of its topic ID|topic IDs...
//	/fencepost/flight-delays/flights/3         position
//	/fencepost/%reports/flight-delays/flights:3   what a worker knows of the partition
//	/fencepost/%signs/flight-delays/1f2e3d4c5b6a7988   the sign of life of a worker, ephemeral
type paths struct{ head, reports, signs string }

func pathsOf(root string, g fencepost.Group) paths {
	name := "/" + escape(string(g))
	return paths{root + name, root + "/" + reportsName + name, root + "/" + signsName + name}
}

// moves is the node of the group's moves: life is in the head, so that a group that was deleted and made again has another.
func (p paths) moves(life string) string { return p.head + "/" + movesPrefix + life }

func (p paths) topic(topic string) string { return p.head + "/" + escape(topic) }

func (p paths) partition(tp fencepost.TopicPartition) string {
	return p.topic(tp.Topic) + "/" + strconv.Itoa(int(tp.Partition))
}
