package zookeeper

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// version is that of the formats below. A root or head with a larger one was written by a newer program.
const version = 1

// checkVersion refuses a format that is newer, or is none.
func checkVersion(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n > version {
		return fmt.Errorf("%w: version %q, this program knows %d", ledger.ErrNewer, v, version)
	}
	return nil
}

// head is what a group's node says.
type head struct{ life, cluster string }

func (h head) data() []byte {
	return fmt.Appendf(nil, "%d|%s|%s", version, h.life, escape(h.cluster))
}

// parseHead reads a group's node.
func parseHead(n node) (h head, err error) {
	v, rest, ok := strings.Cut(string(n.data), "|")
	if !ok {
		return h, damaged(n.path, fmt.Errorf("%q is no head of a group", n.data))
	}
	if err := checkVersion(v); err != nil {
		return h, err
	}
	life, cluster, ok := strings.Cut(rest, "|")
	if !ok || life == "" {
		return h, damaged(n.path, fmt.Errorf("%q is no head of a group", n.data))
	}
	if h.cluster, err = unescape(cluster); err != nil {
		return h, damaged(n.path, err)
	}
	h.life = life
	return h, nil
}

// topicNode is what a topic's node says: its entry of the topics, and the topic IDs that its positions name by index. IDs
// are added and never taken away, so an index means the same for ever.
type topicNode struct {
	entry ledger.TopicState // zero: not in the topics
	ids   []fencepost.TopicID
}

// index is a topic ID's index, which is added if it is not there: "-" for none.
func (t *topicNode) index(id fencepost.TopicID) string {
	if id == (fencepost.TopicID{}) {
		return "-"
	}
	i := slices.Index(t.ids, id)
	if i < 0 {
		i = len(t.ids)
		t.ids = append(slices.Clip(t.ids), id)
	}
	return strconv.Itoa(i)
}

// id is the topic ID of an index.
func (t *topicNode) id(index string) (id fencepost.TopicID, err error) {
	if index == "-" {
		return id, nil
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(t.ids) {
		return id, fmt.Errorf("%q is no index of the %d topic IDs", index, len(t.ids))
	}
	return t.ids[i], nil
}

func (t topicNode) data() []byte {
	current := t.index(t.entry.TopicID)
	b := fmt.Appendf(nil, "%d|%s", t.entry.Partitions, current)
	for _, id := range t.ids {
		b = append(append(b, '|'), id.String()...)
	}
	return b
}

// parseTopic reads a topic's node.
func parseTopic(n node) (t topicNode, err error) {
	f := strings.Split(string(n.data), "|")
	if len(f) < 2 {
		return t, damaged(n.path, fmt.Errorf("%q is no topic of a group", n.data))
	}
	for _, s := range f[2:] {
		id, err := fencepost.ParseTopicID(s)
		if err != nil {
			return t, damaged(n.path, err)
		}
		t.ids = append(t.ids, id)
	}
	count, err := strconv.ParseInt(f[0], 10, 32)
	if err != nil || count < 0 {
		return t, damaged(n.path, fmt.Errorf("%q partitions", f[0]))
	}
	t.entry.Partitions = int32(count)
	if t.entry.TopicID, err = t.id(f[1]); err != nil {
		return t, damaged(n.path, err)
	}
	return t, nil
}

// A partition's node is short, since 10,000 of them go into one request:
//
//	until|fence|epoch|topic ID|run from|run epoch|run commits|run who
//	 160 |q83v…|  7  |   0    |  100   |    6    |     3     |4711@h
//	'--------- always --------'--- the open run of merged commits, if there is one ---'
//
// The fence is 11 characters of base64, the topic ID an index into the topic's node, and the time of the run's last commit
// that of the node's last change. A node with no data is a place kept for a partition without a position; one with a
// number alone is another program's write.
const (
	fieldsPlain = 4
	fieldsRun   = 8
)

// run is an open run of merged commits.
type run struct {
	from    fencepost.Offset
	epoch   fencepost.LeaderEpoch // of from
	commits int64
	who     string
}

// hold is what a partition's node says.
type hold struct {
	ledger.Position
	run *run // nil: none
}

func (h hold) data(t *topicNode) []byte {
	b := strconv.AppendInt(make([]byte, 0, 64), int64(h.Offset), 10)
	b = appendFence(append(b, '|'), h.Fence)
	b = strconv.AppendInt(append(b, '|'), int64(h.LeaderEpoch), 10)
	b = append(append(b, '|'), t.index(h.TopicID)...)
	if h.run == nil {
		return b
	}
	b = strconv.AppendInt(append(b, '|'), int64(h.run.from), 10)
	b = strconv.AppendInt(append(b, '|'), int64(h.run.epoch), 10)
	b = strconv.AppendInt(append(b, '|'), h.run.commits, 10)
	return append(append(b, '|'), escaped(h.run.who)...)
}

// parse reads a partition's node; no data is no position.
func parse(data []byte, t *topicNode) (h hold, err error) {
	if len(data) == 0 {
		return h, nil
	}
	f := strings.Split(string(data), "|")
	switch len(f) {
	case 1:
		o, err := parseOffset(strings.TrimSpace(f[0]))
		h.Position = ledger.Position{Offset: o, LeaderEpoch: fencepost.NoEpoch}
		return h, err
	case fieldsPlain, fieldsRun:
	default:
		return h, fmt.Errorf("%q has %d fields", data, len(f))
	}
	if h.Offset, err = parseOffset(f[0]); err != nil {
		return h, err
	}
	if h.Fence, err = parseFence(f[1]); err != nil {
		return h, err
	}
	if h.LeaderEpoch, err = parseEpoch(f[2]); err != nil {
		return h, err
	}
	if h.TopicID, err = t.id(f[3]); err != nil {
		return h, err
	}
	if len(f) == fieldsPlain {
		return h, nil
	}
	r := run{who: unescaped(f[7])}
	if r.from, err = parseOffset(f[4]); err != nil {
		return h, err
	}
	if r.epoch, err = parseEpoch(f[5]); err != nil {
		return h, err
	}
	r.commits, err = strconv.ParseInt(f[6], 10, 64)
	h.run = &r
	return h, err
}

// appendFence appends a fence as 11 characters.
func appendFence(b []byte, f ledger.Fence) []byte {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(f))
	return base64.RawURLEncoding.AppendEncode(b, raw[:])
}

func parseFence(s string) (ledger.Fence, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(raw) != 8 {
		return 0, fmt.Errorf("%q is no fence", s)
	}
	f := ledger.Fence(binary.BigEndian.Uint64(raw))
	if f <= 0 {
		return 0, fmt.Errorf("%q is no fence", s)
	}
	return f, nil
}

func parseOffset(s string) (fencepost.Offset, error) {
	o, err := strconv.ParseInt(s, 10, 64)
	if err != nil || o < 0 || s[0] == '+' {
		return 0, fmt.Errorf("%q is no offset", s)
	}
	return fencepost.Offset(o), nil
}

func parseEpoch(s string) (fencepost.LeaderEpoch, error) {
	e, err := strconv.ParseInt(s, 10, 32)
	if err != nil || e < math.MinInt32 {
		return 0, fmt.Errorf("%q is no leader epoch", s)
	}
	return fencepost.LeaderEpoch(e), nil
}

// parseIdentity reads the root's node.
func parseIdentity(n node) (id fencepost.LedgerID, err error) {
	v, text, ok := strings.Cut(string(n.data), "|")
	if !ok {
		return id, damaged(n.path, fmt.Errorf("%q is no ledger's root", n.data))
	}
	if err := checkVersion(v); err != nil {
		return id, err
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, damaged(n.path, errors.New("the identity is not 32 hexadecimal digits"))
	}
	return fencepost.LedgerID(b), nil
}

// instant is a time of the servers' clock: Unix milliseconds.
func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

var (
	escaper   = strings.NewReplacer("%", "%25", "|", "%7C", "\n", "%0A")
	unescaper = strings.NewReplacer("%25", "%", "%7C", "|", "%0A", "\n")
)

// escaped lets a free text be between bars, on one line.
func escaped(s string) string { return escaper.Replace(s) }

// unescaped undoes escaped.
func unescaped(s string) string { return unescaper.Replace(s) }
