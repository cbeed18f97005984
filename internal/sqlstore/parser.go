package sqlstore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// parser reads the text form of values and keeps the first error.
type parser struct {
	topicIDs func([]byte) (fencepost.TopicID, error)
	err      error
}

func (p *parser) int(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	p.keep(err)
	return n
}

func (p *parser) topicID(b []byte) fencepost.TopicID {
	id, err := p.topicIDs(b)
	p.keep(err)
	return id
}

func (p *parser) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// partition reads topic, partition.
func (p *parser) partition(v [][]byte) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: string(v[0]), Partition: int32(p.int(v[1]))}
}

// position reads until, leader_epoch, fence, topic_id.
func (p *parser) position(v [][]byte) ledger.Position {
	return ledger.Position{Offset: fencepost.Offset(p.int(v[0])), LeaderEpoch: fencepost.LeaderEpoch(p.int(v[1])),
		Fence: ledger.Fence(p.int(v[2])), TopicID: p.topicID(v[3])}
}

// positions reads rows of partition and position.
func (p *parser) positions(rows Rows) (map[fencepost.TopicPartition]ledger.Position, error) {
	all := make(map[fencepost.TopicPartition]ledger.Position, len(rows))
	for _, r := range rows {
		all[p.partition(r)] = p.position(r[2:])
	}
	return all, p.err
}

// snapshot reads the answers to readSQL.
func (p *parser) snapshot(res []Rows) (s ledger.Snapshot, err error) {
	if len(res) != 3 || len(res[0]) != 1 {
		return s, errors.New("the ledger has no identity row")
	}
	if v := p.int(res[0][0][0]); v != Version {
		return s, newer(v)
	}
	id, err := hex.DecodeString(strings.ReplaceAll(string(res[0][0][1]), "-", ""))
	if err != nil || len(id) != len(s.Ledger) {
		return s, fmt.Errorf("the ledger's identity is %q, not 32 hexadecimal digits", res[0][0][1])
	}
	s.Ledger, s.Roster = fencepost.LedgerID(id), map[string]ledger.RosterEntry{}
	for _, r := range res[1] {
		if len(r[0]) == 0 {
			s.ClusterID = string(r[1])
			continue
		}
		s.Roster[string(r[0])] = ledger.RosterEntry{TopicID: p.topicID(r[2]), Partitions: int32(p.int(r[3]))}
	}
	s.Positions, err = p.positions(res[2])
	return s, err
}

// recorded reads a row of historySQL. A row of one column is the version of a ledger that another program wrote.
func (p *parser) recorded(v [][]byte) (r ledger.Recorded, err error) {
	if len(v) == 1 {
		return r, newer(p.int(v[0]))
	}
	r.TopicPartition = p.partition(v[2:])
	if r.Cause, err = ledger.ParseCause(string(v[4])); err != nil {
		return r, err
	}
	r.Held, r.Next = p.position(v[5:]), p.position(v[9:])
	r.AtMost, r.Partitions, r.Commits = p.int(v[13]), int32(p.int(v[14])), p.int(v[15])
	r.At, r.Who = time.UnixMicro(p.int(v[16])).UTC(), string(v[17])
	r.SetReason(string(v[18]))
	return r, p.err
}

// applied reads a row of appliedSQL: a count alone is of the rows that name no record.
func (p *parser) applied(v [][]byte) (a sink.Applied, err error) {
	if len(v) == 1 {
		a.Rows = p.int(v[0])
		return a, p.err
	}
	a.TopicPartition = p.partition(v)
	a.Offset, a.Rows = fencepost.Offset(p.int(v[2])), p.int(v[3])
	return a, p.err
}
