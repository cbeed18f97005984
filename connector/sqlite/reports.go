package sqlite

import (
	"context"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

var _ ledger.Reports = (*sinkLedger)(nil)

// Reports returns the group's reports. It makes no table.
func (l *sinkLedger) Reports(ctx context.Context, g fencepost.Group) (texts map[string]string, err error) {
	err = (*Sink)(l).with(ctx, func(c *conn) error {
		return c.read(ctx, func() (err error) {
			texts, err = c.reports(g)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read reports of group %s: %w", g, err)
	}
	return texts, nil
}

// reports reads a group's reports. REQUIRES: a transaction.
func (c *conn) reports(g fencepost.Group) (map[string]string, error) {
	n, err := c.text("SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = 'fencepost_reports'")
	if err != nil {
		return nil, err
	}
	if n == "0" {
		return nil, fmt.Errorf("%w: there is no table fencepost_reports", ledger.ErrNoReports)
	}
	rows, err := c.rows("SELECT subject, report FROM main.fencepost_reports WHERE group_name = ?1 AND report <> ''", g)
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(rows))
	for _, r := range rows {
		texts[string(r[0])] = string(r[1])
	}
	return texts, nil
}

// PutReports replaces the reports of these subjects, and makes the table where there is none.
func (l *sinkLedger) PutReports(ctx context.Context, g fencepost.Group, texts map[string]string) error {
	if len(texts) == 0 {
		return nil
	}
	err := (*Sink)(l).with(ctx, func(c *conn) error {
		return c.write(ctx, func() error { return c.putReports(g, texts) })
	})
	if err != nil {
		return fmt.Errorf("write reports of group %s: %w", g, err)
	}
	return nil
}

// putReports writes reports. REQUIRES: the write lock.
func (c *conn) putReports(g fencepost.Group, texts map[string]string) error {
	if _, err := c.header(); err != nil {
		return err
	}
	if err := c.run(reportsDDL); err != nil {
		return err
	}
	st, err := c.stmt(`INSERT INTO main.fencepost_reports (group_name, subject, report) VALUES (?1, ?2, ?3)
  ON CONFLICT DO UPDATE SET report = excluded.report`)
	if err != nil {
		return err
	}
	for subject, text := range texts {
		st.BindText(1, string(g))
		st.BindText(2, subject)
		st.BindText(3, text)
		if err := exhaust(st); err != nil {
			return err
		}
	}
	return nil
}
