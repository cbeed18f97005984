package zookeeper

import (
	"maps"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// view is what the ledger knows of a group, with the versions at which it was read. It may be out of date: a Move is
// decided by the versions that its multi checks. That a version names one content rests on this: a writer that makes a node below
// a head changes the head in the same multi, and a head that was deleted and made again has another life. So a node whose
// head has the version and the life that we know was not deleted and made again since.
type view struct {
	head   headRow
	topics map[string]topicRow
	tps    []fencepost.TopicPartition // of a Move: those of its moves, in their order
	rows   []row                      // :: index of tps -> its node
}

// known is what the ledger remembers of a group between two Moves.
type known struct {
	head   headRow
	topics map[string]topicRow
	rows   map[fencepost.TopicPartition]row
}

// headRow is a group's node with its version.
type headRow struct {
	head
	here    bool
	version int32
}

// topicRow is a topic's node with its version.
type topicRow struct {
	topicNode
	here    bool
	version int32
}

// row is a partition's node with its version.
type row struct {
	hold
	here    bool
	version int32
	changed int64 // by the servers' clock, Unix milliseconds: where a run is open, the time of its last commit
}

// rowOf is a partition's node as a row.
func rowOf(n node, t topicRow) (r row, err error) {
	r = row{here: n.here, version: n.stat.Version, changed: n.stat.Mtime}
	if n.here {
		r.hold, err = parse(n.data, &t.topicNode)
	}
	return r, err
}

// snapshot is a view without its versions.
func (v *view) snapshot() ledger.Snapshot {
	s := ledger.Snapshot{ClusterID: v.head.cluster, Topics: map[string]ledger.TopicState{},
		Positions: make(map[fencepost.TopicPartition]ledger.Position, len(v.rows))}
	for name, t := range v.topics {
		if t.entry != (ledger.TopicState{}) {
			s.Topics[name] = t.entry
		}
	}
	for i, tp := range v.tps {
		if r := &v.rows[i]; !r.Absent() {
			s.Positions[tp] = r.Position
		}
	}
	return s
}

// keep remembers what was read or written of a group. What is under another head replaces what was known.
func (l *Ledger) keep(g fencepost.Group, v *view) {
	if !v.head.here {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.mu.groups[g]
	if k == nil || k.head.version != v.head.version || k.head.life != v.head.life {
		k = &known{head: v.head, topics: map[string]topicRow{}, rows: make(map[fencepost.TopicPartition]row, len(v.rows))}
		l.mu.groups[g] = k
	}
	maps.Copy(k.topics, v.topics)
	for i, tp := range v.tps {
		k.rows[tp] = v.rows[i]
	}
}

// recall is what is remembered of a group for these moves: nil if anything is missing.
func (l *Ledger) recall(g fencepost.Group, moves []ledger.Move) *view {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.mu.groups[g]
	if k == nil {
		return nil
	}
	v := &view{head: k.head, topics: map[string]topicRow{}, tps: make([]fencepost.TopicPartition, len(moves)), rows: make([]row, len(moves))}
	for i, m := range moves {
		r, ok := k.rows[m.TopicPartition]
		if !ok {
			return nil
		}
		v.tps[i], v.rows[i] = m.TopicPartition, r
		if i > 0 && m.Topic == moves[i-1].Topic {
			continue
		}
		if v.topics[m.Topic], ok = k.topics[m.Topic]; !ok {
			return nil
		}
	}
	return v
}

// forget drops what is known of a group: something else changed it, or the outcome of a change is unknown.
func (l *Ledger) forget(g fencepost.Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.groups, g)
}
