package sqlite

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
	"zombiezen.com/go/sqlite"
)

var (
	_ ledger.Letters       = (*sinkLedger)(nil)
	_ ledger.LetterChecker = (*sinkLedger)(nil)
)

// CheckLetters compiles what writes letters, where the file has a table of them: who may write the file may make one.
func (l *sinkLedger) CheckLetters(ctx context.Context, _ fencepost.Group) error {
	if _, err := os.Stat(l.cfg.Path); err != nil {
		return nil // the first run makes the file, if it may
	}
	c, err := dial(l.cfg.Path, sqlite.OpenReadWrite)
	if err != nil {
		return fault(l.cfg.Path, err)
	}
	defer c.close()
	has, err := c.hasLetters()
	if err == nil && has {
		_, err = c.stmt(writeLetterSQL)
	}
	if err != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultError {
		return &fencepost.UserError{Code: "dead-letters-missing", Err: fmt.Errorf("%s: the table fencepost_dead_letters is not ours: %s", filepath.Base(c.path), message(err)),
			Help: "ALTER TABLE fencepost_dead_letters RENAME TO ...;   the next run makes its own"}
	}
	return fault(c.path, err)
}

// PrepareLetters makes the table where there is none.
func (l *sinkLedger) PrepareLetters(ctx context.Context, _ fencepost.Group) error {
	return (*Sink)(l).with(ctx, func(c *conn) error {
		has, err := c.hasLetters()
		if err != nil || has {
			return fault(c.path, err)
		}
		return c.write(ctx, func() error { return c.run(lettersDDL) })
	})
}

// hasLetters reports whether there is a table of letters.
func (c *conn) hasLetters() (bool, error) {
	n, err := c.text("SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = 'fencepost_dead_letters'")
	return n == "1", err
}

// lettersPage is how many letters are read in one transaction.
const lettersPage = 50

// lettersSQL is a page of letters behind a place.
const lettersSQL = `SELECT topic, partition, record_offset, topic_id, record_time,
  CASE WHEN record_key IS NULL THEN NULL ELSE hex(record_key) END, CASE WHEN record_value IS NULL THEN NULL ELSE hex(record_value) END,
  record_headers, code, reason, CAST(strftime('%s', substr(at, 1, 19)) AS INTEGER) * 1000000 + CAST(substr(at, 21) AS INTEGER), who, discarded
FROM main.fencepost_dead_letters WHERE group_name = ?1 AND (topic, partition, record_offset, topic_id) > (?2, ?3, ?4, ?5)
ORDER BY topic, partition, record_offset, topic_id LIMIT ?6`

// Letters yields the group's letters, page by page.
func (l *sinkLedger) Letters(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Letter, error] {
	return sqlstore.Pages(lettersPage, func(last ledger.LetterID) (page []ledger.Letter, err error) {
		err = l.reading(ctx, func(c *conn) error {
			st, err := c.stmt(lettersSQL)
			if err != nil {
				return err
			}
			defer st.Reset()
			bindKey(st, g, last.TopicPartition)
			st.BindInt64(4, int64(last.Offset))
			st.BindText(5, last.TopicID.String())
			st.BindInt64(6, lettersPage)
			if last == sqlstore.BeforeLetters {
				st.BindText(5, "")
			}
			for {
				has, err := st.Step()
				if err != nil || !has {
					return err
				}
				p := sqlstore.Parser{}
				one, err := p.Letter(textRow(st))
				if err != nil {
					return err
				}
				page = append(page, one)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("read dead letters of group %s: %w", g, err)
		}
		return page, nil
	})
}

// reading runs f in a transaction that sees one moment, if there is a table of letters.
func (l *sinkLedger) reading(ctx context.Context, f func(*conn) error) error {
	return (*Sink)(l).with(ctx, func(c *conn) error {
		return c.read(ctx, func() error {
			if has, err := c.hasLetters(); err != nil || !has {
				return err
			}
			return f(c)
		})
	})
}

// LetterCounts counts the letters that wait.
func (l *sinkLedger) LetterCounts(ctx context.Context, g fencepost.Group) (counts map[fencepost.TopicPartition]int64, err error) {
	var rows sqlstore.Rows
	err = l.reading(ctx, func(c *conn) (err error) {
		rows, err = c.rows(`SELECT topic, partition, count(*) FROM main.fencepost_dead_letters WHERE group_name = ?1 AND discarded = '' GROUP BY 1, 2`, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count dead letters of group %s: %w", g, err)
	}
	p := sqlstore.Parser{}
	return p.Counts(rows)
}

// LettersFrom names the letters at or past these offsets.
func (l *sinkLedger) LettersFrom(ctx context.Context, g fencepost.Group, from map[fencepost.TopicPartition]fencepost.Offset) ([]ledger.LetterID, error) {
	least, any := sqlstore.Least(from)
	if !any {
		return nil, nil
	}
	var rows sqlstore.Rows
	err := l.reading(ctx, func(c *conn) (err error) {
		rows, err = c.rows(`SELECT topic, partition, record_offset, topic_id FROM main.fencepost_dead_letters WHERE group_name = ?1 AND record_offset >= ?2`, g, int64(least))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read dead letters of group %s: %w", g, err)
	}
	p := sqlstore.Parser{}
	return p.LetterIDs(rows, from)
}

// Discard empties letters, all of them or none.
func (l *sinkLedger) Discard(ctx context.Context, w ledger.Actor, ids []ledger.LetterID, why string) error {
	err := (*Sink)(l).with(ctx, func(c *conn) error {
		return c.write(ctx, func() error {
			return c.eachLetter(w.Group, ids, true, `UPDATE main.fencepost_dead_letters SET record_key = NULL, record_value = NULL, record_headers = '[]', discarded = ?6
WHERE group_name = ?1 AND topic = ?2 AND partition = ?3 AND record_offset = ?4 AND topic_id = ?5 AND discarded = ''`, why)
		})
	})
	if err != nil {
		return fmt.Errorf("discard dead letters of group %s: %w", w.Group, err)
	}
	return nil
}

// eachLetter runs a statement for each letter. strict: one that changes no row is ErrLetterGone. REQUIRES: the write lock.
func (c *conn) eachLetter(g fencepost.Group, ids []ledger.LetterID, strict bool, query string, more ...string) error {
	if has, err := c.hasLetters(); err != nil || !has {
		if strict && err == nil && len(ids) > 0 {
			return sqlstore.Gone(ids[0])
		}
		return err
	}
	st, err := c.stmt(query)
	if err != nil {
		return err
	}
	for _, id := range ids {
		bindLetter(st, g, id)
		for i, text := range more {
			st.BindText(6+i, text)
		}
		if err := exhaust(st); err != nil {
			return err
		}
		if strict && c.db.Changes() != 1 {
			return sqlstore.Gone(id)
		}
	}
	return nil
}

// bindLetter binds a letter's key to the first five parameters.
func bindLetter(st *sqlite.Stmt, g fencepost.Group, id ledger.LetterID) {
	bindKey(st, g, id.TopicPartition)
	st.BindInt64(4, int64(id.Offset))
	st.BindText(5, id.TopicID.String())
}

const writeLetterSQL = `INSERT OR REPLACE INTO main.fencepost_dead_letters (group_name, ` + sqlstore.LetterColumns + `, at, who)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`

// letters removes the letters that a commit removes, and writes those that it keeps. A replay's must be there. REQUIRES: the
// write lock.
func (c *conn) letters(w ledger.Actor, commit sink.Commit) error {
	if len(commit.Removed) > 0 {
		query := `DELETE FROM main.fencepost_dead_letters WHERE group_name = ?1 AND topic = ?2 AND partition = ?3 AND record_offset = ?4 AND topic_id = ?5`
		if commit.Replays() {
			query += ` AND discarded = ''`
		}
		if err := c.eachLetter(w.Group, commit.Removed, commit.Replays(), query); err != nil {
			return err
		}
	}
	if len(commit.Dead) == 0 {
		return nil
	}
	st, err := c.stmt(writeLetterSQL)
	if err != nil {
		return err
	}
	at := time.Now().UTC().Format(timeLayout)
	for _, d := range commit.Dead {
		d = d.Bounded()
		bindLetter(st, w.Group, d.LetterID)
		st.BindInt64(6, d.Timestamp)
		bindBlob(st, 7, d.Key)
		bindBlob(st, 8, d.Value)
		for i, text := range []string{sqlstore.Headers(d.Headers), d.Code, d.Reason, at, w.Who} {
			st.BindText(9+i, text)
		}
		if err := exhaust(st); err != nil {
			return err
		}
	}
	return nil
}

// bindBlob binds bytes, or null.
func bindBlob(st *sqlite.Stmt, p int, b []byte) {
	switch {
	case b == nil:
		st.BindNull(p)
	case len(b) == 0:
		st.BindZeroBlob(p, 0)
	default:
		st.BindBytes(p, b)
	}
}
