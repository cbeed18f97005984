//go:build realservers

package postgres

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/ledger"
)

// A ledger of an earlier release has no table of reports, and its worker may not make one: it goes on as ever, says so, and
// uses the table once the owner has run the DDL, without a restart. A worker that may make it makes it.
func TestO1LedgerWithoutTheTableOfReports(t *testing.T) {
	s := newStore(t)
	role := strings.ToLower(servers.Name(t))
	s.exec(t, "create role "+role+" login; revoke create on schema public from public")
	defer s.exec(t, "drop owned by "+role+"; drop role "+role)
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	s.exec(t, DDL(Config{DSN: u.String()}, nil))
	s.exec(t, "drop table fencepost_reports")
	l, err := OpenLedger(u.String(), ledger.KeepMerged)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Reports(t.Context(), "g"); !errors.Is(err, ledger.ErrNoReports) {
		t.Errorf("read: %v", err)
	}
	put := func() error { return l.PutReports(t.Context(), "g", map[string]string{"t:0": "x"}) }
	if err := put(); !errors.Is(err, ledger.ErrNoReports) || !strings.Contains(err.Error(), "may not create it in public") {
		t.Errorf("write: %v", err)
	}
	if _, err := l.Read(t.Context(), "g"); err != nil {
		t.Errorf("the ledger: %v", err)
	}
	found := strings.Join(show(l.Check(t.Context(), nil)), "\n")
	if !strings.Contains(found, "| ok |") || !strings.Contains(found, "without fencepost_reports") {
		t.Errorf("check: %s", found)
	}
	s.exec(t, DDL(Config{DSN: u.String()}, nil))
	if err := put(); err != nil {
		t.Errorf("after the DDL: %v", err)
	}
	if got, err := l.Reports(t.Context(), "g"); err != nil || got["t:0"] != "x" {
		t.Errorf("after the DDL: %v, %v", got, err)
	}

	s.exec(t, "drop table fencepost_reports; grant create on schema public to "+role)
	other, err := OpenLedger(u.String(), ledger.KeepMerged)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.PutReports(t.Context(), "g", map[string]string{"t:0": "y"}); err != nil {
		t.Errorf("a worker that may: %v", err)
	}
}
