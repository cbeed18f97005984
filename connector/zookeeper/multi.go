package zookeeper

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

// multi is one request: all of its operations happen, or none.
type multi struct {
	ops   []any
	stood []func(zk.MultiResponse) // :: operation -> what its success changes in the view
}

func (m *multi) add(op any, stood func(zk.MultiResponse)) {
	if stood == nil {
		stood = func(zk.MultiResponse) {}
	}
	m.ops, m.stood = append(m.ops, op), append(m.stood, stood)
}

// set changes a node that has this version.
func (m *multi) set(path string, data []byte, version int32, stood func(zk.MultiResponse)) {
	m.add(&zk.SetDataRequest{Path: path, Data: data, Version: version}, stood)
	if version == beforeAny {
		m.add(&zk.SetDataRequest{Path: path, Data: data, Version: anyVersion}, stood)
	}
}

// The version that asks for none, and the one before it. Versions are 32 bits and go round, and a node of version -1 could
// not be compared: a writer that would leave it there sets it once more.
const (
	anyVersion int32 = -1
	beforeAny        = anyVersion - 1
)

// check lets the multi happen only if a node has this version.
func (m *multi) check(path string, version int32) {
	m.add(&zk.CheckVersionRequest{Path: path, Version: version}, nil)
}

// create makes a node.
func (m *multi) create(path string, data []byte, acl []zk.ACL, flags int32, stood func(zk.MultiResponse)) {
	m.add(&zk.CreateRequest{Path: path, Data: data, Acl: acl, Flags: flags}, stood)
}

// size is how many bytes the request has on the wire.
func (m *multi) size() int {
	const header, op = 8, 9
	n := header + op // the last operation says that it is the last
	for _, o := range m.ops {
		n += op
		switch o := o.(type) {
		case *zk.SetDataRequest:
			n += 4 + len(o.Path) + 4 + len(o.Data) + 4
		case *zk.CheckVersionRequest:
			n += 4 + len(o.Path) + 4
		case *zk.CreateRequest:
			n += 4 + len(o.Path) + 4 + len(o.Data) + 4 + 4
			for _, a := range o.Acl {
				n += 4 + 4 + len(a.Scheme) + 4 + len(a.ID)
			}
		}
	}
	return n
}

// change is one Move against a view that agrees with it.
type change struct {
	writer ledger.Actor
	moves  []ledger.Move
	roster map[string]ledger.TopicState // the entries that change
	keep   ledger.KeepCommits
}

// multi is the request that makes the change. It begins with the checks of what the view rests on. REQUIRES: every node
// that it sets is there.
func (c change) multi(p paths, v *view, acl []zk.ACL) (*multi, error) {
	m := &multi{}
	head := v.head
	if c.writer.ClusterID != "" && head.cluster == "" {
		head.cluster = c.writer.ClusterID
		m.set(p.head, head.data(), v.head.version, func(r zk.MultiResponse) {
			v.head = head
			v.head.version = r.Stat.Version
		})
	} else {
		m.check(p.head, v.head.version)
	}
	m.set(p.moves(head.life), nil, anyVersion, nil)

	topics := map[string]*topicNode{} // as they will be
	for name, t := range v.topics {
		after := t.topicNode
		if e, ok := c.roster[name]; ok {
			after.entry = e
			after.index(e.TopicID)
		}
		topics[name] = &after
	}
	var lines []byte
	after := make([]hold, len(c.moves))
	for i := range c.moves {
		after[i], lines = c.next(&c.moves[i], &v.rows[i], lines)
		topics[c.moves[i].Topic].index(after[i].TopicID)
	}
	c.topics(m, p, v, topics)
	for i := range c.moves {
		tp := c.moves[i].TopicPartition
		m.set(p.partition(tp), after[i].data(topics[tp.Topic]), v.rows[i].version, func(a zk.MultiResponse) {
			v.rows[i] = row{hold: after[i], here: true, version: a.Stat.Version, changed: a.Stat.Mtime}
		})
	}
	if len(lines) > 0 {
		packed, err := pack(lines)
		if err != nil {
			return nil, err
		}
		m.create(p.moves(head.life)+"/n-", packed, acl, zk.FlagSequence, nil)
	}
	return m, nil
}

// topics sets the nodes of topics that change, and checks those that starts rest on.
func (c change) topics(m *multi, p paths, v *view, after map[string]*topicNode) {
	rests := map[string]bool{} // :: topic -> a start or import looked at its topics
	for _, move := range c.moves {
		rests[move.Topic] = rests[move.Topic] || move.Enrolls()
	}
	last := ""
	for i, move := range c.moves {
		name := move.Topic
		if i > 0 && name == last {
			continue
		}
		last = name
		was, is := v.topics[name], after[name]
		switch {
		case is.entry != was.entry || len(is.ids) != len(was.ids):
			m.set(p.topic(name), is.data(), was.version, func(a zk.MultiResponse) {
				v.topics[name] = topicRow{topicNode: *is, here: true, version: a.Stat.Version}
			})
		case rests[name]:
			m.check(p.topic(name), was.version)
		}
	}
}

// next is what a partition's node holds after a move, and appends what is recorded of it. A commit that passes records,
// or says why, is told apart always.
func (c change) next(m *ledger.Move, was *row, lines []byte) (hold, []byte) {
	after := hold{Position: m.Next}
	plain := m.Cause == ledger.CauseCommit && m.AtMost == 0 && m.Why == ""
	if plain && c.keep == ledger.KeepMerged {
		after.run = &run{from: m.Held.Offset, epoch: was.LeaderEpoch, commits: 1, who: c.writer.Who}
		if was.run != nil {
			after.run.from, after.run.epoch, after.run.commits = was.run.from, was.run.epoch, was.run.commits+1
		}
		return after, lines
	}
	if was.run != nil {
		lines = line(lines, was.recorded(m.TopicPartition))
	}
	if plain && c.keep == ledger.KeepNone {
		return after, lines
	}
	r := ledger.Recorded{Move: *m, Who: c.writer.Who}
	if m.Cause == ledger.CauseCommit {
		r.Commits = 1
	}
	return after, line(lines, r)
}

// recorded is a row's open run. REQUIRES: it has one.
func (r row) recorded(tp fencepost.TopicPartition) ledger.Recorded {
	held := r.Position
	held.Offset, held.LeaderEpoch = r.run.from, r.run.epoch
	return ledger.Recorded{Move: ledger.Move{TopicPartition: tp, Cause: ledger.CauseCommit, Held: held, Next: r.Position},
		Commits: r.run.commits, Who: r.run.who, At: instant(r.changed)}
}
