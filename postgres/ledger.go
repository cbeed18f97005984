package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Ledger keeps positions in fencepost_ledger, on one connection of its own; callers take turns.
type Ledger struct {
	turn    turn
	session session // guarded by turn
	made    tables  // guarded by turn; empty until found or made
	keep    ledger.KeepCommits
}

var (
	_ ledger.Ledger  = (*Ledger)(nil)
	_ ledger.History = (*Ledger)(nil)
	_ ledger.Recent  = (*Ledger)(nil)
)

// OpenLedger is the ledger alone, without a sink. It connects to nothing yet.
//
// Errors: *fencepost.Fault dsn-invalid.
func OpenLedger(dsn string, keep ledger.KeepCommits) (*Ledger, error) {
	c, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	l := newLedger(c)
	l.keep = keep
	return l, nil
}

func newLedger(c *pgx.ConnConfig) *Ledger {
	return &Ledger{turn: newTurn(), session: session{config: c}}
}

// Close closes the connection.
func (l *Ledger) Close() {
	_ = l.turn.take(context.Background())
	defer l.turn.give()
	l.session.drop()
}

// open connects and finds the tables. REQUIRES: the caller's turn.
func (l *Ledger) open(ctx context.Context) error {
	fresh, err := l.session.open(ctx)
	if err != nil || (!fresh && l.made != tables{}) {
		return err
	}
	// A new connection may lead to another server than the last one: look again.
	l.made = tables{}
	made, err := makeTables(ctx, &l.session)
	if err == nil {
		l.made = made
	}
	return err
}

// tables finds the tables, or makes them.
func (l *Ledger) tables(ctx context.Context) (tables, error) {
	if err := l.turn.take(ctx); err != nil {
		return tables{}, err
	}
	defer l.turn.give()
	err := l.open(ctx)
	return l.made, err
}

const readSQL = `begin isolation level repeatable read read only;
select version, ledger_id from @groups where group_name = '' and topic = '';
select topic, coalesce(cluster_id, ''), topic_id, coalesce(partitions, 0) from @groups where group_name = @g and group_name <> '';
select topic, partition, until, leader_epoch, fence, topic_id from @ledger where group_name = @g;
commit`

// Read returns the group's content as of one moment.
func (l *Ledger) Read(ctx context.Context, g fencepost.Group) (ledger.Snapshot, error) {
	var s ledger.Snapshot
	if err := checkText("group", string(g)); err != nil {
		return s, err
	}
	if err := l.turn.take(ctx); err != nil {
		return s, err
	}
	defer l.turn.give()
	if err := l.open(ctx); err != nil {
		return s, fmt.Errorf("read ledger: %w", err)
	}
	sql := strings.NewReplacer("@groups", l.made.groups, "@ledger", l.made.ledger, "@g", quote(string(g))).Replace(readSQL)
	res, err := l.session.exec(ctx, sql)
	if err != nil {
		return s, fmt.Errorf("read ledger: %w", l.failed(ctx, err))
	}
	s, err = snapshot(res)
	if err != nil {
		return s, fmt.Errorf("read ledger: %w", err)
	}
	return s, nil
}

// snapshot reads the answers to readSQL.
func snapshot(res []*pgconn.Result) (s ledger.Snapshot, err error) {
	if len(res) != 5 || len(res[1].Rows) != 1 {
		return s, errors.New("the ledger has no identity row")
	}
	p := parser{}
	if v := p.int(res[1].Rows[0][0]); v != version {
		return s, newer(int(v))
	}
	s.Ledger = p.uuid(res[1].Rows[0][1])
	s.Roster, s.Positions = map[string]ledger.RosterEntry{}, map[fencepost.TopicPartition]ledger.Position{}
	for _, r := range res[2].Rows {
		if len(r[0]) == 0 {
			s.ClusterID = string(r[1])
			continue
		}
		s.Roster[string(r[0])] = ledger.RosterEntry{TopicID: p.uuid(r[2]), Partitions: int32(p.int(r[3]))}
	}
	for _, r := range res[3].Rows {
		s.Positions[p.partition(r)] = p.position(r[2:])
	}
	return s, p.err
}

// Move makes all moves or none, in one flush.
func (l *Ledger) Move(ctx context.Context, w ledger.Writer, moves []ledger.Move) error {
	if len(moves) == 0 {
		return nil
	}
	if err := checkMoves(w, moves); err != nil {
		return fmt.Errorf("move ledger: %w", err)
	}
	if err := l.turn.take(ctx); err != nil {
		return err
	}
	defer l.turn.give()
	if err := l.open(ctx); err != nil {
		return fmt.Errorf("move ledger: %w", err)
	}
	var commits, others []ledger.Move
	for _, m := range moves {
		if m.Cause == ledger.CauseCommit {
			commits = append(commits, m)
		} else {
			others = append(others, m)
		}
	}
	sql := begin
	if len(others) > 0 {
		sql += l.made.move(w, others, l.session.secret) + "; "
	}
	if len(commits) > 0 {
		sql += l.made.compare(w, commits, l.keep, l.session.secret) + "; "
	}
	res, err := l.session.exec(ctx, sql+"commit")
	if err == nil && (len(res) == 0 || res[len(res)-1].CommandTag.String() != "COMMIT") {
		l.session.rollback(ctx)
		return errors.New("move ledger: the server rolled back instead of committing; nothing happened")
	}
	if err != nil {
		if err = l.session.refusal(ctx, l.made, w.Group, moves, err); err == nil {
			return nil
		}
		return fmt.Errorf("move ledger: %w", l.forget(err))
	}
	return nil
}

// failed makes a driver's error ours and mends the session.
func (l *Ledger) failed(ctx context.Context, err error) error {
	l.session.rollback(ctx)
	return l.forget(l.session.edge(ctx, err))
}

// forget looks for the tables again at the next call, if that is what the error is about.
func (l *Ledger) forget(err error) error {
	if f := new(fencepost.Fault); errors.As(err, &f) && f.Code == "table-not-found" {
		l.made = tables{}
	}
	return err
}

const heldSQL = `select topic, partition, until, leader_epoch, fence, topic_id from @ledger
 where group_name = @g and (topic, partition) in (select * from unnest(@topics::text[], @partitions::int[]))`

// held reads what the ledger holds of the moves' partitions.
func (s *session) held(ctx context.Context, t tables, g fencepost.Group, moves []ledger.Move) (map[fencepost.TopicPartition]ledger.Position, error) {
	sql := strings.NewReplacer("@ledger", t.ledger, "@g", quote(string(g)),
		"@topics", texts(moves, func(m ledger.Move) string { return m.Topic }),
		"@partitions", integers(moves, func(m ledger.Move) int64 { return int64(m.Partition) })).Replace(heldSQL)
	res, err := s.exec(ctx, sql)
	if err != nil {
		return nil, err
	}
	p, held := parser{}, map[fencepost.TopicPartition]ledger.Position{}
	for _, r := range res[0].Rows {
		held[p.partition(r)] = p.position(r[2:])
	}
	return held, p.err
}

// parser reads the text form of values and keeps the first error.
type parser struct{ err error }

func (p *parser) int(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n
}

// uuid is zero for null.
func (p *parser) uuid(b []byte) (id [16]byte) {
	if b == nil {
		return id
	}
	digits, err := hex.DecodeString(strings.ReplaceAll(string(b), "-", ""))
	if err != nil || len(digits) != len(id) {
		p.err = errors.Join(p.err, fmt.Errorf("parse uuid %q", b))
		return id
	}
	return [16]byte(digits)
}

// partition reads topic, partition.
func (p *parser) partition(v [][]byte) fencepost.TopicPartition {
	return fencepost.TopicPartition{Topic: string(v[0]), Partition: int32(p.int(v[1]))}
}

// position reads until, leader_epoch, fence, topic_id.
func (p *parser) position(v [][]byte) ledger.Position {
	return ledger.Position{Offset: fencepost.Offset(p.int(v[0])), LeaderEpoch: fencepost.LeaderEpoch(p.int(v[1])),
		Fence: ledger.Fence(p.int(v[2])), TopicID: p.uuid(v[3])}
}
