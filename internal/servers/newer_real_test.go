//go:build realservers

package servers_test

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fencepost/fencepost/internal/servers"
)

// What the variable names is what a test gets.
func TestNewerServersStandInForTheMachines(t *testing.T) {
	for name, least := range map[string]int{"mysql": 9, "mariadb": 11, "postgres": 18, "redis": 8, "valkey": 9} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(servers.EnvNewer, "none,"+name)
			got := ""
			switch name {
			case "mysql", "mariadb":
				server := servers.OwnMariaDB(t)
				if err := maria(t, server.MariaDBServer, "mysql").QueryRowContext(t.Context(), "select version()").Scan(&got); err != nil {
					t.Fatal(err)
				}
				if is := strings.Contains(got, "MariaDB"); is != (name == "mariadb") {
					t.Errorf("version() of %s is %s", name, got)
				}
			case "postgres":
				conn, err := pgx.Connect(t.Context(), servers.OwnPostgres(t).DSN("postgres"))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(t.Context())
				if err := conn.QueryRow(t.Context(), "show server_version").Scan(&got); err != nil {
					t.Fatal(err)
				}
			default:
				got = infoOf(t, servers.OwnRedis(t).Addr(), name+"_version")
			}
			major, _, _ := strings.Cut(got, ".")
			if n, err := strconv.Atoi(major); err != nil || n < least {
				t.Errorf("%s is %s, want %d or later", name, got, least)
			}
		})
	}
}

// infoOf reads one line of a Redis's INFO.
func infoOf(t *testing.T, addr, name string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nINFO server\r\nQUIT\r\n", servers.RedisPassword); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			return value
		}
	}
	t.Fatalf("INFO has no %s", name)
	return ""
}
