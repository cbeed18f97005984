package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// Reports returns the group's reports. It makes no table.
func (l *Ledger[S]) Reports(ctx context.Context, g fencepost.Group) (texts map[string]string, err error) {
	if err := l.dialect.sendable("group", string(g)); err != nil {
		return nil, err
	}
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	err = l.dialect.attempt(l.session, ctx, func(ctx context.Context) error {
		table, err := l.findReports(ctx)
		if err != nil {
			return err
		}
		res, err := l.session.Exec(ctx, "select subject, report from "+table+" where group_name = "+l.dialect.Literal(string(g))+" and report <> ''")
		if err != nil {
			return l.forget(l.dialect.Blameless(l.dialect.failed(ctx, l.session, err)))
		}
		texts = make(map[string]string, len(res[0]))
		for _, r := range res[0] {
			texts[string(r[0])] = string(r[1])
		}
		return nil
	})
	return texts, err
}

// findReports returns the table of reports. A new connection may lead to another server than the last one. REQUIRES: the
// caller's turn.
//
// Errors: ledger.ErrNoReports.
func (l *Ledger[S]) findReports(ctx context.Context) (string, error) {
	fresh, err := l.session.Open(ctx)
	if err != nil {
		return "", err
	}
	if fresh {
		l.made = Tables{}
	}
	if l.made.Reports != "" {
		return l.made.Reports, nil
	}
	f, err := l.dialect.Find(ctx, l.session)
	if err == nil && f.Reports == "" {
		err = fmt.Errorf("%w: there is no table %s", ledger.ErrNoReports, ReportsName)
	}
	return f.Reports, err
}

// PutReports replaces the reports of these subjects, and makes the table where there is none and this user may.
func (l *Ledger[S]) PutReports(ctx context.Context, g fencepost.Group, texts map[string]string) error {
	if len(texts) == 0 {
		return nil
	}
	rows := make([]string, 0, len(texts))
	for _, subject := range slices.Sorted(maps.Keys(texts)) { // in the order in which every worker locks them
		row := []string{string(g), subject, texts[subject]}
		for i := range row {
			if err := l.dialect.sendable("report", row[i]); err != nil {
				return err
			}
			row[i] = l.dialect.Literal(row[i])
		}
		rows = append(rows, "("+strings.Join(row, ", ")+")")
	}
	return l.call(ctx, func(ctx context.Context) error {
		if err := l.makeReports(ctx); err != nil {
			return err
		}
		_, err := l.session.Exec(ctx, "insert into "+l.made.Reports+" (group_name, subject, report) values "+strings.Join(rows, ", ")+" "+l.dialect.Tables.PutReport)
		if err != nil {
			return l.dialect.failed(ctx, l.session, err)
		}
		return nil
	})
}

// makeReports has the table of reports at hand. REQUIRES: the caller's turn, and the ledger's tables.
//
// Errors: ledger.ErrNoReports where there is none, and this user may not make it.
func (l *Ledger[S]) makeReports(ctx context.Context) error {
	d := l.dialect
	if l.made.Reports != "" {
		return nil
	}
	f, err := d.Find(ctx, l.session)
	if err != nil || f.Reports != "" {
		l.made.Reports = f.Reports
		return err
	}
	place, err := d.Tables.Refused(l.session, ctx)
	switch {
	case err != nil:
		return d.failed(ctx, l.session, err)
	case place != "":
		return fmt.Errorf("%w: there is no table %s, and this user may not create it in %s", ledger.ErrNoReports, ReportsName, place)
	}
	if err := d.Tables.MakeLater(l.session, ctx); err != nil {
		return fmt.Errorf("%w: %w", ledger.ErrNoReports, d.failed(ctx, l.session, err))
	}
	f, err = d.Find(ctx, l.session)
	l.made.Reports = f.Reports
	if err == nil && f.Reports == "" {
		err = fmt.Errorf("%w: the table %s was made and is not found", ledger.ErrNoReports, ReportsName)
	}
	return err
}
