package sqlstore

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"github.com/fencepost/fencepost/sink"
)

// lettersMissing is the error of a ledger without a table of letters.
func (y System) lettersMissing(why string) error {
	return &fencepost.UserError{Code: "dead-letters-missing", Err: fmt.Errorf("%s: there is no table %s%s", y.Name, LettersName, why)}
}

var _ ledger.LetterChecker = (*Ledger[Session])(nil)

// CheckLetters looks for the table, and tries this user's rights on it for no row.
func (l *Ledger[S]) CheckLetters(ctx context.Context, _ fencepost.Group) error {
	if err := l.turn.take(ctx); err != nil {
		return err
	}
	defer l.turn.give()
	return l.dialect.attempt(l.session, ctx, func(ctx context.Context) error {
		if _, err := l.session.Open(ctx); err != nil {
			return err
		}
		f, err := l.dialect.Find(ctx, l.session)
		switch {
		case err != nil:
			return err
		case f.Letters == "":
			return l.mayMakeLetters(ctx)
		}
		return l.tryLetters(ctx, f.Letters)
	})
}

// mayMakeLetters is the error of a user that may not make the table of letters.
func (l *Ledger[S]) mayMakeLetters(ctx context.Context) error {
	d := l.dialect
	place, err := d.Tables.Refused(l.session, ctx)
	switch {
	case err != nil:
		return d.failed(ctx, l.session, err)
	case place != "":
		return d.lettersMissing(", and this user may not create it in " + place)
	}
	return nil
}

// tryLetters tries this user's rights on the table of letters, for no row and in a transaction that is rolled back.
func (l *Ledger[S]) tryLetters(ctx context.Context, table string) error {
	d, key := l.dialect, "group_name, "+strings.Replace(LetterColumns, "partition", l.dialect.Plain("partition"), 1)
	_, err := l.session.Exec(ctx, d.Ledger.Begin+Fill(`delete from @t where 1 = 0; update @t set who = who where 1 = 0;
insert into @t (@key, at, who) select @key, at, who from @t where 1 = 0; rollback`, "@t", table, "@key", key))
	if err != nil {
		return d.failed(ctx, l.session, err)
	}
	return nil
}

// PrepareLetters makes the table where there is none, and tries this user's rights on it for no row.
func (l *Ledger[S]) PrepareLetters(ctx context.Context, _ fencepost.Group) error {
	return l.call(ctx, func(ctx context.Context) error {
		if err := l.makeLetters(ctx); err != nil {
			return err
		}
		return l.tryLetters(ctx, l.made.Letters)
	})
}

// makeLetters has the table of letters at hand. REQUIRES: the caller's turn, and the ledger's tables.
func (l *Ledger[S]) makeLetters(ctx context.Context) error {
	d := l.dialect
	f, err := d.Find(ctx, l.session)
	if err != nil || f.Letters != "" {
		l.made.Letters = f.Letters
		return err
	}
	if err := l.mayMakeLetters(ctx); err != nil {
		return err
	}
	if err := d.Tables.MakeLater(l.session, ctx); err != nil {
		return d.failed(ctx, l.session, err)
	}
	f, err = d.Find(ctx, l.session)
	if l.made.Letters = f.Letters; err == nil && f.Letters == "" {
		err = d.lettersMissing(", though it was made")
	}
	return err
}

// reading runs a query on the table of letters, if there is one. It makes nothing.
func (l *Ledger[S]) reading(ctx context.Context, g fencepost.Group, query string) (rows Rows, err error) {
	if err := l.dialect.sendable("group", string(g)); err != nil {
		return nil, err
	}
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	err = l.dialect.attempt(l.session, ctx, func(ctx context.Context) error {
		rows = nil
		fresh, err := l.session.Open(ctx)
		if err != nil {
			return err
		}
		table := l.made.Letters
		if fresh || table == "" {
			f, err := l.dialect.Find(ctx, l.session)
			if err != nil || f.Letters == "" {
				return err
			}
			table = f.Letters
		}
		res, err := l.session.Exec(ctx, Fill(query, "@letters", table, "@group", l.dialect.Literal(string(g)), "@partition", l.dialect.Plain("partition")))
		if err != nil {
			return l.forget(l.dialect.Blameless(l.dialect.failed(ctx, l.session, err)))
		}
		rows = res[0]
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return rows, nil
}

// lettersPage is how many letters are read at once.
const lettersPage = 50

// Letters yields the group's letters, page by page.
func (l *Ledger[S]) Letters(ctx context.Context, g fencepost.Group) iter.Seq2[ledger.Letter, error] {
	sql := &l.dialect.Ledger.Letters
	return Pages(lettersPage, func(last ledger.LetterID) (page []ledger.Letter, err error) {
		id := last.TopicID.String()
		if last == BeforeLetters {
			id = ""
		}
		rows, err := l.reading(ctx, g, Fill(`select topic, @partition, record_offset, topic_id, record_time, @key, @value, record_headers, code, reason, @at, who, discarded
 from @letters where group_name = @group and (topic, @partition, record_offset, topic_id) > (@behind)
 order by topic, @partition, record_offset, topic_id limit @page`, "@key", sql.Hex("record_key"), "@value", sql.Hex("record_value"),
			"@at", l.dialect.Ledger.Micros("at"), "@page", strconv.Itoa(lettersPage), "@behind", strings.Join([]string{l.dialect.Literal(last.Topic),
				strconv.Itoa(int(last.Partition)), strconv.FormatInt(int64(last.Offset), 10), l.dialect.Literal(id)}, ", ")))
		for _, r := range rows {
			p := Parser{}
			one, err := p.Letter(r)
			if err != nil {
				return nil, err
			}
			page = append(page, one)
		}
		return page, err
	})
}

// LetterCounts counts the letters that wait.
func (l *Ledger[S]) LetterCounts(ctx context.Context, g fencepost.Group) (map[fencepost.TopicPartition]int64, error) {
	rows, err := l.reading(ctx, g, "select topic, @partition, count(*) from @letters where group_name = @group and discarded = '' group by 1, 2")
	if err != nil {
		return nil, err
	}
	p := Parser{}
	return p.Counts(rows)
}

// LettersFrom names the letters at or past these offsets.
func (l *Ledger[S]) LettersFrom(ctx context.Context, g fencepost.Group, from map[fencepost.TopicPartition]fencepost.Offset) ([]ledger.LetterID, error) {
	least, asked := Least(from)
	if !asked {
		return nil, nil
	}
	rows, err := l.reading(ctx, g, "select topic, @partition, record_offset, topic_id from @letters where group_name = @group and record_offset >= "+
		strconv.FormatInt(int64(least), 10))
	if err != nil {
		return nil, err
	}
	p := Parser{}
	return p.LetterIDs(rows, from)
}

// Discard empties letters in one flush, all of them or none.
func (l *Ledger[S]) Discard(ctx context.Context, w ledger.Actor, ids []ledger.LetterID, why string) error {
	if len(ids) == 0 {
		return nil
	}
	err := l.call(ctx, func(ctx context.Context) error {
		d := l.dialect
		if f, err := d.Find(ctx, l.session); err != nil || f.Letters == "" {
			if err == nil {
				err = Gone(ids[0])
			}
			return err
		} else {
			l.made.Letters = f.Letters
		}
		change := "update " + l.made.Letters + " set record_key = null, record_value = null, record_headers = '[]', discarded = " + d.Literal(why) +
			" where " + d.letters(w.Group, ids) + " and discarded = ''"
		err := l.session.Flush(ctx, d.Ledger.Begin+d.Ledger.Letters.Strict(l.session, change, len(ids))+"commit")
		if err != nil {
			return d.Refusal(ctx, l.session, l.made, w.Group, nil, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("discard dead letters: %w", err)
	}
	return nil
}

// letters is the condition of these letters.
func (d *Dialect[S]) letters(g fencepost.Group, ids []ledger.LetterID) string {
	var b strings.Builder
	b.WriteString("group_name = " + d.Literal(string(g)) + " and (")
	for i, id := range ids {
		if i > 0 {
			b.WriteString(" or ")
		}
		fmt.Fprintf(&b, "topic = %s and %s = %d and record_offset = %d and topic_id = %s", d.Literal(id.Topic), d.Plain("partition"), id.Partition, id.Offset, d.Literal(id.TopicID.String()))
	}
	return b.String() + ")"
}

// deadSQL removes and writes the letters of a commit, as part of its flush; empty: it has none. REQUIRES: t has a table of
// letters, or the commit neither writes nor replays any.
func (d *Dialect[S]) deadSQL(s S, t Tables, w ledger.Actor, c sink.Commit) string {
	if t.Letters == "" {
		return ""
	}
	sql, text := &d.Ledger.Letters, ""
	if len(c.Removed) > 0 {
		text = "delete from " + t.Letters + " where " + d.letters(w.Group, c.Removed)
		if c.Replays() {
			text = sql.Strict(s, text+" and discarded = ''", len(c.Removed))
		} else {
			text += "; "
		}
	}
	if len(c.Dead) == 0 {
		return text
	}
	rows := make([]string, len(c.Dead))
	for i, l := range c.Dead {
		l = l.Bounded()
		rows[i] = "(" + strings.Join([]string{d.Literal(string(w.Group)), d.Literal(l.Topic), strconv.Itoa(int(l.Partition)), strconv.FormatInt(int64(l.Offset), 10),
			d.Literal(l.TopicID.String()), strconv.FormatInt(l.Timestamp, 10), sql.Bytes(l.Key), sql.Bytes(l.Value), d.Literal(Headers(l.Headers)), d.Literal(l.Code),
			d.Literal(l.Reason), sql.Now, d.Literal(w.Who)}, ", ") + ")"
	}
	return text + "insert into " + t.Letters + " (group_name, " + strings.Replace(LetterColumns, "partition", d.Plain("partition"), 1) + ", at, who) values " +
		strings.Join(rows, ", ") + " " + sql.Replace + "; "
}
