package mysql

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"database/sql"

	"github.com/go-sql-driver/mysql"

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

func newLedger(c *mysql.Config) *Ledger { return &Ledger{turn: newTurn(), session: session{config: c}} }

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
	err := l.again(ctx, l.open)
	return l.made, err
}

// again does once more what found its idle connection closed: nothing was sent over it.
func (l *Ledger) again(ctx context.Context, do func(context.Context) error) error {
	idle := l.session.conn != nil
	err := do(ctx)
	if f := new(fencepost.Fault); idle && l.session.conn == nil && errors.As(err, &f) && f.Code == "database-silent" && ctx.Err() == nil {
		err = do(ctx)
	}
	return err
}

// One moment for all selects needs a snapshot, which READ COMMITTED renews for each.
const beginRead = "set transaction isolation level repeatable read; start transaction with consistent snapshot; "

const readSQL = beginRead + `select version, ledger_id from @groups where group_name = '' and topic = '';
select topic, coalesce(cluster_id, ''), topic_id, coalesce(partitions, 0) from @groups where group_name = @group and group_name <> '';
select topic, ` + "`partition`" + `, until, leader_epoch, fence, topic_id from @ledger where group_name = @group;
commit`

// Read returns the group's content as of one moment.
func (l *Ledger) Read(ctx context.Context, g fencepost.Group) (s ledger.Snapshot, err error) {
	if err := l.turn.take(ctx); err != nil {
		return s, err
	}
	defer l.turn.give()
	err = l.again(ctx, func(ctx context.Context) error {
		if err := l.open(ctx); err != nil {
			return err
		}
		res, err := l.session.exec(ctx, fill(readSQL, "@groups", l.made.groups, "@ledger", l.made.ledger, "@group", quote(string(g))))
		if err != nil {
			return l.failed(ctx, err)
		}
		s, err = snapshot(res)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("read ledger: %w", err)
	}
	return s, nil
}

// snapshot reads the answers to readSQL.
func snapshot(res []result) (s ledger.Snapshot, err error) {
	if len(res) != 3 || len(res[0]) != 1 {
		return s, errors.New("the ledger has no identity row")
	}
	p := parser{}
	if v := p.int(res[0][0][0]); v != version {
		return s, newer(int(v))
	}
	id, err := hex.DecodeString(string(res[0][0][1]))
	if err != nil || len(id) != len(s.Ledger) {
		return s, fmt.Errorf("the ledger's identity is %q, not 32 hexadecimal digits", res[0][0][1])
	}
	s.Ledger = fencepost.LedgerID(id)
	s.Roster, s.Positions = map[string]ledger.RosterEntry{}, map[fencepost.TopicPartition]ledger.Position{}
	for _, r := range res[1] {
		if len(r[0]) == 0 {
			s.ClusterID = string(r[1])
			continue
		}
		s.Roster[string(r[0])] = ledger.RosterEntry{TopicID: p.topicID(r[2]), Partitions: int32(p.int(r[3]))}
	}
	for _, r := range res[2] {
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
	err := l.again(ctx, func(ctx context.Context) error {
		if err := l.open(ctx); err != nil {
			return err
		}
		statements := l.statements(w, moves)
		err := patiently(ctx, func() error { return l.session.flush(ctx, l.session.conn, statements) }, &l.session)
		if err != nil {
			return l.forget(l.session.refusal(ctx, l.made, w, moves, err))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("move ledger: %w", err)
	}
	return nil
}

// statements is one transaction of all moves.
func (l *Ledger) statements(w ledger.Writer, moves []ledger.Move) string {
	var commits, others []ledger.Move
	for _, m := range moves {
		if m.Cause == ledger.CauseCommit {
			commits = append(commits, m)
		} else {
			others = append(others, m)
		}
	}
	text := begin
	if len(others) > 0 {
		text += l.made.move(&l.session, w, others)
	}
	if len(commits) > 0 {
		text += l.made.compare(&l.session, w, commits, l.keep, true)
	}
	return text + "commit"
}

// deadlockTries is how often a flush that lost a deadlock is tried. The compare-and-set is inside, so that it may be
// tried as it is. Who comes later and holds less is the one that loses, and loses again until it meets the other's locks
// with its first key: with n rows about log2(n) times a batch of the other's, and ten were seen.
const deadlockTries = 100

// deadlocked reports whether the server rolled a flush back for a deadlock.
func deadlocked(err error) bool {
	my := new(mysql.MySQLError)
	return errors.As(err, &my) && my.Number == 1213
}

// patiently tries a flush again that the server rolled back for a deadlock.
func patiently(ctx context.Context, flush func() error, s *session) (err error) {
	for range deadlockTries {
		err = flush()
		if !deadlocked(err) || ctx.Err() != nil {
			return err
		}
		s.rollback(ctx, err)
		if s.conn == nil {
			return sql.ErrConnDone // nothing of the next try was sent
		}
	}
	return err
}

// failed makes a driver's error ours and mends the session.
func (l *Ledger) failed(ctx context.Context, err error) error {
	l.session.rollback(ctx, err)
	return l.forget(l.session.edge(ctx, err))
}

// forget looks for the tables again at the next call, if that is what the error is about.
func (l *Ledger) forget(err error) error {
	if f := new(fencepost.Fault); errors.As(err, &f) && f.Code == "table-not-found" {
		l.made = tables{}
	}
	return err
}

const heldSQL = `set @fencepost_m = @json; select m.topic, m.` + "`partition`" + `, l.until, l.leader_epoch, l.fence, l.topic_id
  from @m straight_join @ledger l on @on`

// held reads what the ledger holds of the moves' partitions.
func (s *session) held(ctx context.Context, t tables, g fencepost.Group, moves []ledger.Move) (map[fencepost.TopicPartition]ledger.Position, error) {
	json := jsonRows(moves, func(m ledger.Move) []any { return []any{m.Topic, m.Partition} })
	statement := fill(heldSQL, "@m ", commitTable+" ", "@on", onRow)
	res, err := s.exec(ctx, t.fill(s, ledger.Writer{Group: g}, statement, json))
	if err != nil {
		return nil, err
	}
	p, held := parser{}, map[fencepost.TopicPartition]ledger.Position{}
	for _, r := range res[0] {
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

// topicID is zero for null.
func (p *parser) topicID(b []byte) fencepost.TopicID {
	id, err := fencepost.ParseTopicID(string(b))
	if err != nil && p.err == nil {
		p.err = err
	}
	return id
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
