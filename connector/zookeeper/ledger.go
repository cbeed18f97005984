package zookeeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

// Ledger is the Positions of groups, each partition in a node of its own.
type Ledger struct {
	cfg Config
	zk  *session
	mu  struct {
		sync.Mutex
		groups map[fencepost.Group]*known // what is known of each group, with versions
	}
}

var (
	_ ledger.Ledger  = (*Ledger)(nil)
	_ ledger.History = (*Ledger)(nil)
)

// OpenLedger makes a Ledger. It connects to nothing yet.
func OpenLedger(c Config) (*Ledger, error) {
	c, err := c.validate()
	if err != nil {
		return nil, err
	}
	l := &Ledger{cfg: c, zk: &session{cfg: c}}
	l.mu.groups = map[fencepost.Group]*known{}
	return l, nil
}

// Close ends the ledger's session.
func (l *Ledger) Close() error { return l.zk.Close() }

// readPasses is how often Read looks again while moves overtake it.
const readPasses = 3

// Read returns the group's content: as of one moment, unless moves overtook it three times. Then each position is as of
// the moment at which it was read, and none is older than the topics, so that nothing looks lost.
func (l *Ledger) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	snap, err := l.read(ctx, g)
	if err != nil {
		return ledger.Snapshot{}, fmt.Errorf("read ledger of group %s: %w", g, l.cfg.fault(err, false))
	}
	return snap, nil
}

func (l *Ledger) read(ctx context.Context, g fencepost.Group) (snap ledger.Snapshot, err error) {
	id, err := l.identity(ctx)
	if err != nil {
		return snap, err
	}
	for range readPasses {
		v, still, err := l.pass(ctx, g)
		if err != nil {
			return snap, err
		}
		snap = v.snapshot()
		snap.Ledger = id
		l.keep(g, v)
		if still {
			break
		}
	}
	return snap, nil
}

// pass reads the group once; still says that no Move came between its first and its last question.
func (l *Ledger) pass(ctx context.Context, g fencepost.Group) (v *view, still bool, err error) {
	p := pathsOf(l.cfg.Root, g)
	return l.look(ctx, p, func(v *view) error {
		lists, err := l.zk.lists(ctx, []string{p.head})
		if err != nil {
			return err
		}
		topics, err := l.topicsOf(p, lists[0])
		if err != nil {
			return err
		}
		if err := l.readTopics(ctx, p, v, topics); err != nil {
			return err
		}
		tps, err := l.partitionsOf(ctx, p, topics)
		if err != nil {
			return err
		}
		return l.readRows(ctx, p, v, tps)
	})
}

// look reads a group's head, and what else is wanted if there is one; still says that no Move came in between.
func (l *Ledger) look(ctx context.Context, p paths, rest func(*view) error) (v *view, still bool, err error) {
	if v, err = l.readHead(ctx, p); err != nil {
		return v, false, err
	}
	if !v.head.here {
		return v, true, nil
	}
	clock := []string{p.moves(v.head.life)}
	before, err := l.zk.gets(ctx, clock)
	if err != nil {
		return v, false, err
	}
	if !before[0].here {
		return v, false, damaged(clock[0], errors.New("it is gone, and with it the group's moves"))
	}
	if err := rest(v); err != nil {
		return v, false, err
	}
	after, err := l.zk.gets(ctx, clock)
	if err != nil {
		return v, false, err
	}
	return v, after[0].here && before[0].stat.Version == after[0].stat.Version, nil
}

// readHead reads a group's head, behind a sync.
func (l *Ledger) readHead(ctx context.Context, p paths) (*view, error) {
	v := &view{topics: map[string]topicRow{}}
	if err := l.zk.sync(ctx, l.cfg.Root); err != nil {
		return v, err
	}
	heads, err := l.zk.gets(ctx, []string{p.head})
	if err != nil {
		return v, err
	}
	if n := heads[0]; n.here {
		v.head.here, v.head.version = true, n.stat.Version
		v.head.head, err = parseHead(n)
	}
	return v, err
}

// topicsOf are the topics among a head's children.
func (l *Ledger) topicsOf(p paths, names []string) (topics []string, err error) {
	for _, name := range names {
		if strings.HasPrefix(name, movesPrefix) {
			continue
		}
		topic, err := unescape(name)
		if err != nil {
			return nil, damaged(p.head+"/"+name, err)
		}
		topics = append(topics, topic)
	}
	slices.Sort(topics)
	return topics, nil
}

// partitionsOf lists the partitions of topics.
func (l *Ledger) partitionsOf(ctx context.Context, p paths, topics []string) (tps []fencepost.TopicPartition, err error) {
	nodes := make([]string, len(topics))
	for i, t := range topics {
		nodes[i] = p.topic(t)
	}
	lists, err := l.zk.lists(ctx, nodes)
	if err != nil {
		return nil, err
	}
	for i, names := range lists {
		for _, name := range names {
			n, err := strconv.ParseInt(name, 10, 32)
			if err != nil || n < 0 {
				return nil, damaged(nodes[i]+"/"+name, errors.New("its name is no partition's number"))
			}
			tps = append(tps, fencepost.TopicPartition{Topic: topics[i], Partition: int32(n)})
		}
	}
	return tps, nil
}

// readTopics reads the nodes of topics into a view.
func (l *Ledger) readTopics(ctx context.Context, p paths, v *view, topics []string) error {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = p.topic(t)
	}
	nodes, err := l.zk.gets(ctx, names)
	if err != nil {
		return err
	}
	for i, n := range nodes {
		t := topicRow{here: n.here, version: n.stat.Version}
		if n.here {
			if t.topicNode, err = parseTopic(n); err != nil {
				return err
			}
		}
		v.topics[topics[i]] = t
	}
	return nil
}

// readRows reads partitions' nodes into a view, whose topics are read.
func (l *Ledger) readRows(ctx context.Context, p paths, v *view, tps []fencepost.TopicPartition) error {
	names := make([]string, len(tps))
	for i, tp := range tps {
		names[i] = p.partition(tp)
	}
	nodes, err := l.zk.gets(ctx, names)
	if err != nil {
		return err
	}
	v.tps, v.rows = tps, make([]row, len(tps))
	for i, n := range nodes {
		r, err := rowOf(n, v.topics[tps[i].Topic])
		if err != nil { // an ID that was added since
			if err := l.readTopics(ctx, p, v, []string{tps[i].Topic}); err != nil {
				return err
			}
			if r, err = rowOf(n, v.topics[tps[i].Topic]); err != nil {
				return damaged(n.path, err)
			}
		}
		v.rows[i] = r
	}
	return nil
}

// identityTries is how often the root is looked at while others make it.
const identityTries = 10

// identity is the ledger's, which the first caller makes.
func (l *Ledger) identity(ctx context.Context) (id fencepost.LedgerID, err error) {
	rand.Read(id[:])
	fresh := fmt.Appendf(nil, "%d|%s", version, id)
	for range identityTries {
		nodes, err := l.zk.gets(ctx, []string{l.cfg.Root})
		if err != nil {
			return id, err
		}
		n := nodes[0]
		switch {
		case n.here && len(n.data) > 0:
			return parseIdentity(n)
		case n.here: // its owner made the node, and left it to us
			_, err = write(ctx, l.zk, func(c *zk.Conn) (*zk.Stat, error) { return c.Set(l.cfg.Root, fresh, n.stat.Version) })
		default:
			err = l.zk.create(ctx, l.cfg.Root, fresh)
		}
		if err != nil && !conflict(err) && !errors.Is(err, zk.ErrConnectionClosed) {
			return id, fmt.Errorf("make the ledger's root %s: %w", l.cfg.Root, err)
		}
	}
	return id, l.cfg.busy(identityTries)
}

// create makes a node, and the nodes above it that are missing.
func (s *session) create(ctx context.Context, name string, data []byte) error {
	made := func() error {
		_, err := write(ctx, s, func(c *zk.Conn) (string, error) { return c.Create(name, data, 0, s.cfg.acl()) })
		return err
	}
	err := made()
	if above := path.Dir(name); errors.Is(err, zk.ErrNoNode) && above != "/" {
		if err := s.create(ctx, above, nil); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
		return made()
	}
	return err
}
