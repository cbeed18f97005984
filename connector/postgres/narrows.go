package postgres

import (
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// narrows is sqlstore.TargetSQL.Narrows. The modifiers of a domain are not in its name, and are not looked at.
func (*session) narrows(from fencepost.Type, col *sqlstore.Column) string {
	digits := sqlstore.Modifiers(col.SQL)
	switch {
	case (col.Type == "numeric" || col.Type == "numeric[]") && len(digits) == 2 && (from != fencepost.Int || digits[1] < 0):
		return sqlstore.Rounded(digits[1])
	case col.Type == "float4":
		return "rounded to 24 bits"
	case col.Type == "date" && from == fencepost.Timestamp:
		return "cut to the day (UTC)"
	case (col.Type == "timestamp" || col.Type == "timestamptz" || col.Type == "time") && len(digits) == 1 && digits[0] < 6:
		return sqlstore.Seconds("rounded", digits[0])
	case col.Type == "bpchar":
		return "padded with blanks"
	}
	return ""
}

// exactly is sqlstore.Column.Exact for what narrows finds.
func exactly(j sqlstore.Job, col sqlstore.Column) string {
	to := map[string]string{"numeric": "numeric", "float4": "double precision", "date": "timestamptz", "timestamp": "timestamp", "time": "time", "timestamptz": "timestamptz", "bpchar": "text"}[col.Type]
	if to == "" {
		return ""
	}
	return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s;", sqlstore.Qualified(j.Table, plain), plain(col.Name), to)
}
