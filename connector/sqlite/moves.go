package sqlite

import (
	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
)

// timeLayout is how the ledger writes times: UTC, readable by a person and by SQLite's date functions.
const timeLayout = "2006-01-02 15:04:05.000000"

// recorder makes moves and keeps what KeepCommits asks for.
//
// With merged commits a position's row carries its open run, so that the UPDATE of the compare-and-set records the
// commit too:
//
//	row   until 160  fence F   run_from 100, run_commits 2        moves: start -> 100
//	row   until 200  fence F   run_from 100, run_commits 3        the same
//	row   until  50  fence G   run_commits 0                      start -> 100; 3 commits 100 -> 200; rewind 200 -> 50
type recorder struct {
	*conn
	writer ledger.Actor
	keep   ledger.KeepCommits
	at     string
	bound  *sqlite.Stmt // the merging UPDATE, once what it shares with all partitions is bound
	topic  string       // that is bound to it
	id     fencepost.TopicID
}

// move makes one move; ok is false if the ledger does not hold what the mover holds.
func (r *recorder) move(m ledger.Move) (ok bool, err error) {
	if m.Cause != ledger.CauseCommit {
		return r.relocate(m)
	}
	// A commit that passes records, or says why, is told apart always (law 4).
	if r.keep == ledger.KeepMerged && m.AtMost == 0 && m.Why == "" {
		return r.merge(m)
	}
	return r.relocate(m)
}

// merge is the compare-and-set that counts the commit in the row's open run.
func (r *recorder) merge(m ledger.Move) (ok bool, err error) {
	if r.bound == nil {
		st, err := r.stmt(`UPDATE main.fencepost_ledger SET until = ?1, leader_epoch = ?2, topic_id = ?3,
  run_from = CASE run_commits WHEN 0 THEN until ELSE run_from END,
  run_epoch = CASE run_commits WHEN 0 THEN leader_epoch ELSE run_epoch END,
  run_commits = run_commits + 1, run_at = ?4, run_who = ?5
WHERE group_name = ?6 AND topic = ?7 AND partition = ?8 AND until = ?9 AND fence = ?10`)
		if err != nil {
			return false, err
		}
		st.BindText(4, r.at)
		st.BindText(5, r.writer.Who)
		st.BindText(6, string(r.writer.Group))
		st.BindText(7, m.Topic)
		st.BindText(3, m.Next.TopicID.String())
		r.bound, r.topic, r.id = st, m.Topic, m.Next.TopicID
	}
	st := r.bound
	if r.topic != m.Topic {
		r.topic = m.Topic
		st.BindText(7, m.Topic)
	}
	if r.id != m.Next.TopicID {
		r.id = m.Next.TopicID
		st.BindText(3, m.Next.TopicID.String())
	}
	st.BindInt64(1, int64(m.Next.Offset))
	st.BindInt64(2, int64(m.Next.LeaderEpoch))
	st.BindInt64(8, int64(m.Partition))
	st.BindInt64(9, int64(m.Held.Offset))
	st.BindInt64(10, int64(m.Held.Fence))
	if err := exhaust(st); err != nil {
		return false, err
	}
	return r.db.Changes() == 1, nil
}

// relocate is the compare-and-set of any other move: it ends the open run first, and records the move by itself.
func (r *recorder) relocate(m ledger.Move) (ok bool, err error) {
	if m.Held.Absent() {
		ok, err = r.insert(m)
	} else if err = r.endRun(m.TopicPartition); err == nil {
		ok, err = r.update(m)
	}
	if !ok || err != nil {
		return ok, err
	}
	if m.Cause == ledger.CauseCommit && r.keep == ledger.KeepNone && m.AtMost == 0 && m.Why == "" {
		return true, nil
	}
	return true, r.record(m)
}

// endRun writes a partition's open run to the moves. The row's own run ends with the UPDATE that follows.
func (r *recorder) endRun(tp fencepost.TopicPartition) error {
	st, err := r.stmt(`INSERT INTO main.fencepost_moves (group_name, topic, partition, cause, held_until, held_epoch, held_fence,
  held_topic_id, until, leader_epoch, fence, topic_id, at_most, partitions, commits, at, who, why)
SELECT group_name, topic, partition, 'commit', run_from, run_epoch, fence, topic_id, until, leader_epoch, fence, topic_id,
  0, 0, run_commits, run_at, run_who, ''
FROM main.fencepost_ledger WHERE group_name = ?1 AND topic = ?2 AND partition = ?3 AND run_commits > 0`)
	if err != nil {
		return err
	}
	bindKey(st, r.writer.Group, tp)
	return exhaust(st)
}

// insert is the compare-and-set of an absent position.
func (r *recorder) insert(m ledger.Move) (bool, error) {
	st, err := r.stmt(`INSERT INTO main.fencepost_ledger (group_name, topic, partition, until, leader_epoch, fence, topic_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING`)
	if err != nil {
		return false, err
	}
	bindKey(st, r.writer.Group, m.TopicPartition)
	bindPosition(st, 4, m.Next)
	if err := exhaust(st); err != nil {
		return false, err
	}
	return r.db.Changes() == 1, nil
}

// update is the compare-and-set of a held position.
func (r *recorder) update(m ledger.Move) (bool, error) {
	st, err := r.stmt(`UPDATE main.fencepost_ledger SET until = ?4, leader_epoch = ?5, fence = ?6, topic_id = ?7, run_commits = 0
WHERE group_name = ?1 AND topic = ?2 AND partition = ?3 AND until = ?8 AND fence = ?9`)
	if err != nil {
		return false, err
	}
	bindKey(st, r.writer.Group, m.TopicPartition)
	bindPosition(st, 4, m.Next)
	st.BindInt64(8, int64(m.Held.Offset))
	st.BindInt64(9, int64(m.Held.Fence))
	if err := exhaust(st); err != nil {
		return false, err
	}
	return r.db.Changes() == 1, nil
}

// record adds a row to the moves.
func (r *recorder) record(m ledger.Move) error {
	st, err := r.stmt(`INSERT INTO main.fencepost_moves (group_name, topic, partition, until, leader_epoch, fence, topic_id,
  held_until, held_epoch, held_fence, held_topic_id, cause, at_most, partitions, commits, at, who, why)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)`)
	if err != nil {
		return err
	}
	bindKey(st, r.writer.Group, m.TopicPartition)
	bindPosition(st, 4, m.Next)
	if m.Held.Absent() {
		for p := 8; p <= 11; p++ {
			st.BindNull(p)
		}
	} else {
		bindPosition(st, 8, m.Held)
	}
	st.BindText(12, m.Cause.String())
	st.BindInt64(13, m.AtMost)
	st.BindInt64(14, int64(m.Partitions))
	st.BindInt64(15, 0)
	if m.Cause == ledger.CauseCommit {
		st.BindInt64(15, 1)
	}
	st.BindText(16, r.at)
	st.BindText(17, r.writer.Who)
	st.BindText(18, m.Reason())
	return exhaust(st)
}

// bindPosition binds a Position to four parameters from first on.
func bindPosition(st *sqlite.Stmt, first int, p ledger.Position) {
	st.BindInt64(first, int64(p.Offset))
	st.BindInt64(first+1, int64(p.LeaderEpoch))
	st.BindInt64(first+2, int64(p.Fence))
	st.BindText(first+3, p.TopicID.String())
}
