package zookeeper

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/go-zookeeper/zk"
)

// Move makes all moves or none, in one multi.
func (l *Ledger) Move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	moves, err := ledger.InOrder(moves)
	if err != nil {
		return err
	}
	if err := l.move(ctx, w, moves); err != nil {
		return fmt.Errorf("move ledger of group %s: %w", w.Group, err)
	}
	return nil
}

// moveTries is how often a Move is tried whose multi was overtaken. Each try lost is a Move of another worker that won.
const moveTries = 100

// move compares with what is known, and where that does not agree, with what is read; then it lets the versions decide.
//
//	known --agrees--> multi --done-------------> nil
//	  |                 |----overtaken-------.
//	  no                '----no answer-------|--> ErrUnknown
//	  v                                      |
//	read <-----------------------------------'
//	  |--agrees-------> multi ...
//	  '--no-----------> *Refused, ErrOtherCluster, ErrNewer
func (l *Ledger) move(ctx context.Context, w ledger.Actor, moves []ledger.Move) error {
	p := pathsOf(l.cfg.Root, w.Group)
	v := l.recall(w.Group, moves)
	torn := 0
	for range moveTries {
		read, still := v == nil, true
		if read {
			var err error
			if v, still, err = l.load(ctx, p, moves); err != nil {
				return l.cfg.fault(err, false)
			}
		}
		after, err := v.decide(w, moves)
		if err != nil && read && (still || torn == readPasses) {
			return err
		}
		if err != nil { // what is known is out of date, or was read while it changed: a refusal names all or none of a Move
			torn++
			v = nil
			continue
		}
		overtaken, err := l.write(ctx, p, v, change{writer: w, moves: moves, roster: after, keep: l.cfg.KeepCommits})
		if err == nil && !overtaken {
			l.keep(w.Group, v)
			return nil
		}
		l.forget(w.Group)
		if err != nil {
			return err
		}
		v = nil
	}
	return l.cfg.busy(moveTries)
}

// load reads what the moves are compared with.
func (l *Ledger) load(ctx context.Context, p paths, moves []ledger.Move) (*view, bool, error) {
	var topics []string
	tps := make([]fencepost.TopicPartition, len(moves))
	for i, m := range moves {
		tps[i] = m.TopicPartition
		if len(topics) == 0 || topics[len(topics)-1] != m.Topic {
			topics = append(topics, m.Topic)
		}
	}
	v, still, err := l.look(ctx, p, func(v *view) error {
		if err := l.readTopics(ctx, p, v, topics); err != nil {
			return err
		}
		return l.readRows(ctx, p, v, tps)
	})
	if err == nil && !v.head.here {
		v.tps, v.rows = tps, make([]row, len(tps))
	}
	return v, still, err
}

// decide compares, and says how the starts and imports change the topics.
func (v *view) decide(w ledger.Actor, moves []ledger.Move) (map[string]ledger.TopicState, error) {
	if other := w.ClusterID; other != "" && v.head.cluster != "" && v.head.cluster != other {
		return nil, fmt.Errorf("%w: the ledger's is %s", ledger.ErrOtherCluster, v.head.cluster)
	}
	agrees, roster := true, false
	for i := range moves {
		agrees = agrees && v.rows[i].Holds(moves[i].Held)
		roster = roster || moves[i].Enrolls()
	}
	if agrees && !roster {
		return nil, nil
	}
	s := v.snapshot()
	if err := ledger.Compare(s.Positions, moves); err != nil {
		return nil, err
	}
	return ledger.Enroll(s.Topics, moves)
}

// write prepares the nodes that are missing and makes the change. overtaken: another writer was there in between, and
// nothing happened. On success the view is the new content.
func (l *Ledger) write(ctx context.Context, p paths, v *view, c change) (overtaken bool, err error) {
	if overtaken, err := l.prepare(ctx, p, v, c.moves); overtaken || err != nil {
		return overtaken, l.cfg.fault(err, false)
	}
	m, err := c.multi(p, v, l.cfg.acl())
	if err != nil {
		return false, err
	}
	if size := m.size(); size > l.cfg.MaxPacket {
		return false, tooLarge(size, l.cfg.MaxPacket)
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	// Once it may have been sent, only its answer counts.
	answers, err := write(context.WithoutCancel(ctx), l.zk, func(conn *zk.Conn) ([]zk.MultiResponse, error) { return conn.Multi(m.ops...) })
	if conflict(err) {
		return true, nil
	}
	if err != nil {
		return false, l.cfg.fault(err, true)
	}
	for i, stood := range m.stood {
		stood(answers[i])
	}
	return false, nil
}
