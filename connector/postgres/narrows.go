package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// narrows is sqlstore.TargetSQL.Narrows. The modifiers of a domain are not in its name, and are not looked at.
func (*session) narrows(from fencepost.Type, col *sqlstore.Column) string {
	digits := sqlstore.Modifiers(col.SQL)
	switch {
	case col.Type == "numeric" && len(digits) == 2 && (from != fencepost.Int || digits[1] < 0):
		return sqlstore.Rounded(digits[1])
	case col.Type == "float4":
		return "rounded to 24 bits"
	case col.Type == "date":
		return "cut to the day (UTC)"
	case (col.Type == "timestamp" || col.Type == "timestamptz") && len(digits) == 1 && digits[0] < 6:
		return sqlstore.Seconds("rounded", digits[0])
	case col.Type == "bpchar":
		return "padded with blanks"
	}
	return ""
}

// exactly is sqlstore.Column.Exact for what narrows finds.
func exactly(j sqlstore.Job, col sqlstore.Column) string {
	to := map[string]string{"numeric": "numeric", "float4": "double precision", "date": "timestamptz", "timestamp": "timestamp", "timestamptz": "timestamptz", "bpchar": "text"}[col.Type]
	if to == "" {
		return ""
	}
	return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s;", j.Table, plain(col.Name), to)
}

// nullKeys is sqlstore.TargetSQL.NullKeys. To a unique index each null is a key of its own, unless it says NULLS
// NOT DISTINCT (Postgres 15); the DISTINCT ON of an upsert takes those of one commit for one key.
func (s *session) nullKeys(ctx context.Context, j sqlstore.Job, t *sqlstore.Target) error {
	var null []*sqlstore.Column
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Nullable && slices.Contains(j.Key, c.Name) {
			null = append(null, c)
		}
	}
	if len(null) == 0 {
		return nil
	}
	res, err := s.Exec(ctx, sqlstore.Fill(`select exists (select from pg_index i where i.indrelid = to_regclass(@table) and i.indisunique
  and to_jsonb(i) @> '{"indnullsnotdistinct": true}')`, "@table", quote(t.SQL)))
	if err != nil {
		s.Rollback(ctx, err)
		return s.edge(ctx, err)
	}
	t.NullKeys = "replace each other (NULLS NOT DISTINCT)"
	if string(res[0][0][0]) != "t" {
		for _, c := range null {
			c.Merges, c.Exact = "the nulls of one commit", fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;", j.Table, plain(c.Name))
		}
	}
	return nil
}
