package zookeeper

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

// prepareBytes is how much is prepared in one request.
const prepareBytes = 256 << 10

// prepare makes the nodes that the moves will set, empty: a creation takes about twice as many bytes as a change, so that
// 10,000 starts that create would not fit into one request. An empty node is no position, and a Move that does not come
// after all leaves nothing but that. overtaken: another worker was there first.
func (l *Ledger) prepare(ctx context.Context, p paths, v *view, moves []ledger.Move) (overtaken bool, err error) {
	if !v.head.here {
		if _, err := l.identity(ctx); err != nil {
			return false, err
		}
		return true, l.makeHead(ctx, p)
	}
	var m *multi
	size := 0
	send := func() (overtaken bool, err error) {
		if m == nil {
			return false, nil
		}
		ops := m.ops
		answers, err := write(ctx, l.zk, func(conn *zk.Conn) ([]zk.MultiResponse, error) { return conn.Multi(ops...) })
		if conflict(err) || err != nil {
			return conflict(err), unless(conflict(err), err)
		}
		for i, stood := range m.stood {
			stood(answers[i])
		}
		m, size = nil, 0
		return false, nil
	}
	create := func(path string, data []byte, stood func(zk.MultiResponse)) (overtaken bool, err error) {
		if m == nil {
			m = &multi{} // a writer that makes nodes changes the head: see view
			m.set(p.head, v.head.data(), v.head.version, func(r zk.MultiResponse) { v.head.version = r.Stat.Version })
		}
		m.create(path, data, l.cfg.acl(), 0, stood)
		if size += len(path) + 100; size < prepareBytes {
			return false, nil
		}
		return send()
	}
	for i, move := range moves {
		t := v.topics[move.Topic]
		if !t.here {
			v.topics[move.Topic] = topicRow{here: true}
			if overtaken, err := create(p.topic(move.Topic), topicNode{}.data(), nil); overtaken || err != nil {
				return overtaken, err
			}
		}
		if v.rows[i].here {
			continue
		}
		v.rows[i] = row{here: true}
		if overtaken, err := create(p.partition(move.TopicPartition), nil, nil); overtaken || err != nil {
			return overtaken, err
		}
	}
	return send()
}

// unless is err, unless it was dealt with.
func unless(dealt bool, err error) error {
	if dealt {
		return nil
	}
	return err
}

// makeHead makes a group's node with a life of its own, and the node of its moves.
func (l *Ledger) makeHead(ctx context.Context, p paths) error {
	var random [4]byte
	rand.Read(random[:])
	h := head{life: hex.EncodeToString(random[:])}
	m := &multi{}
	m.create(p.head, h.data(), l.cfg.acl(), 0, nil)
	m.create(p.moves(h.life), nil, l.cfg.acl(), 0, nil)
	_, err := write(ctx, l.zk, func(conn *zk.Conn) ([]zk.MultiResponse, error) { return conn.Multi(m.ops...) })
	return unless(conflict(err), err)
}
