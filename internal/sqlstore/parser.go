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

// Parser reads rows of the ledger's tables in text form. It keeps the first error.
type Parser struct {
	// TopicID parses a topic ID; nil: IDs are in Kafka's own form.
	TopicID func([]byte) (fencepost.TopicID, error)
	err     error
}

func (p *Parser) int(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	p.keep(err)
	return n
}

func (p *Parser) topicID(b []byte) fencepost.TopicID {
	parse := p.TopicID
	if parse == nil {
		parse = func(b []byte) (fencepost.TopicID, error) { return fencepost.ParseTopicID(string(b)) }
	}
	id, err := parse(b)
	p.keep(err)
	return id
}

func (p *Parser) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// partition reads topic, partition.
func (p *Parser) partition(v [][]byte) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: string(v[0]), Partition: int32(p.int(v[1]))}
}

// position reads until, leader_epoch, fence, topic_id.
func (p *Parser) position(v [][]byte) ledger.Position {
	return ledger.Position{Offset: fencepost.Offset(p.int(v[0])), LeaderEpoch: fencepost.LeaderEpoch(p.int(v[1])),
		Fence: ledger.Fence(p.int(v[2])), TopicID: p.topicID(v[3])}
}

// Positions reads rows of topic, partition, until, leader_epoch, fence, topic_id.
func (p *Parser) Positions(rows Rows) (map[fencepost.TopicPartition]ledger.Position, error) {
	all := make(map[fencepost.TopicPartition]ledger.Position, len(rows))
	for _, r := range rows {
		all[p.partition(r)] = p.position(r[2:])
	}
	return all, p.err
}

// snapshot reads the answers to readSQL.
func (p *Parser) snapshot(res []Rows) (s ledger.Snapshot, err error) {
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
	s.Ledger = fencepost.LedgerID(id)
	s.ClusterID, s.Topics, _ = p.Roster(res[1])
	s.Positions, err = p.Positions(res[2])
	return s, err
}

// Roster reads rows of topic, cluster_id, topic_id, partitions. The row without a topic holds the group's cluster.
func (p *Parser) Roster(rows Rows) (cluster string, roster map[string]ledger.TopicState, err error) {
	roster = map[string]ledger.TopicState{}
	for _, r := range rows {
		if len(r[0]) == 0 {
			cluster = string(r[1])
			continue
		}
		roster[string(r[0])] = ledger.TopicState{TopicID: p.topicID(r[2]), Partitions: int32(p.int(r[3]))}
	}
	return cluster, roster, p.err
}

// Recorded reads a row of a history:
//
//	0 open, 1 id, 2 topic, 3 partition, 4 cause, 5 held until, epoch, fence, topic ID, 9 next until, epoch, fence, topic ID,
//	13 at_most, 14 partitions, 15 commits, 16 microseconds since 1970, 17 who, 18 why
//
// A row of one column is the version of a ledger that another program wrote.
func (p *Parser) Recorded(v [][]byte) (r ledger.Recorded, err error) {
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
func (p *Parser) applied(v [][]byte) (a sink.Applied, err error) {
	if len(v) == 1 {
		a.Rows = p.int(v[0])
		return a, p.err
	}
	a.TopicPartition = p.partition(v)
	a.Offset, a.Rows, a.Places = fencepost.Offset(p.int(v[2])), p.int(v[3]), p.int(v[4])
	return a, p.err
}
