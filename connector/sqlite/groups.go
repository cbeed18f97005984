package sqlite

import (
	"context"
	"errors"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
	"zombiezen.com/go/sqlite"
)

var _ ledger.Groups = (*sinkLedger)(nil)

// Groups lists the groups of both tables: one whose header row was deleted has positions all the same.
func (l *sinkLedger) Groups(ctx context.Context) (all []fencepost.Group, err error) {
	there, err := l.Exists(ctx, "")
	if err != nil || !there {
		return nil, err
	}
	c, err := dial(l.cfg.Path, sqlite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	defer c.close()
	err = c.retry(ctx, func() error {
		all, err = c.groups()
		return err
	})
	if errors.Is(err, errNoLedger) {
		return nil, nil
	}
	return all, fault(c.path, err)
}

func (c *conn) groups() (all []fencepost.Group, err error) {
	st, err := c.stmt("SELECT group_name FROM main.fencepost_groups WHERE group_name <> '' UNION SELECT group_name FROM main.fencepost_ledger")
	if err != nil {
		return nil, err
	}
	defer st.Reset()
	for {
		has, err := st.Step()
		if err != nil || !has {
			slices.Sort(all)
			return all, err
		}
		all = append(all, fencepost.Group(st.ColumnText(0)))
	}
}
