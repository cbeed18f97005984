package mysql

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// Another program's table may be on a server that is too old for a ledger, but not on a replica.
func TestMeetForeign(t *testing.T) {
	for _, c := range []struct {
		version, readOnly string
		foreign           bool
		want              string // code; empty: taken
	}{
		{"5.7.44-log", "0", true, ""}, {"5.7.44-log", "0", false, "database-too-old"}, {"10.3.39-MariaDB", "0", true, ""},
		{"8.0.40", "0", false, ""}, {"5.7.44", "1", true, "database-read-only"}, {"8.0.40", "ON", false, "database-read-only"},
	} {
		s := session{config: &mysql.Config{Addr: "h:3306"}, foreign: c.foreign}
		err := s.meet([]sqlstore.Rows{{{[]byte(c.version), []byte("16777216"), []byte("28800"), []byte("utf8mb4_general_ci"), []byte(c.readOnly), []byte("7")}}})
		var f *fencepost.UserError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &f) || f.Code != c.want) {
			t.Errorf("%s, read_only %s, foreign %v: %v, want %q", c.version, c.readOnly, c.foreign, err, c.want)
		}
	}
}
