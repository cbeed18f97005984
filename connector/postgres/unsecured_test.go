package postgres

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// A server that answers and cannot be trusted is not said to be silent: starting it mends nothing. The server here answers
// the question for TLS, which is all that it is asked.
func TestAServerThatIsNotTrusted(t *testing.T) {
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.StartTLS()
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host, answer, dsn, code, says, help string
	}{
		"authority": {"127.0.0.1", "S", "sslmode=verify-full", "tls-unknown-authority", "signed by an authority unknown here", "sslrootcert=PATH"},
		"name":      {"127.0.0.2", "S", "sslmode=verify-full&sslrootcert=" + ca, "tls-mismatch", "for another name", "sslmode=verify-ca"},
		"plain":     {"127.0.0.1", "N", "sslmode=require", "tls-mismatch", "speaks no TLS", "ssl = on"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", c.host+":0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go answerTLS(l, c.answer, web.TLS)
			store, err := OpenLedger("postgres://app@"+l.Addr().String()+"/shop?"+c.dsn, ledger.KeepMerged)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			_, err = store.Read(t.Context(), "g")
			f, ok := errors.AsType[*fencepost.UserError](err)
			if !ok || f.Code != c.code || f.Passing || !strings.Contains(f.Error(), c.says) || !strings.Contains(f.Help, c.help) {
				t.Errorf("got %v, want %s that says %q, with the help %q", err, c.code, c.says, c.help)
			}
		})
	}
}

// answerTLS answers each client's question for TLS (S: yes, N: no) and shows the certificate.
func answerTLS(l net.Listener, answer string, config *tls.Config) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := io.ReadFull(conn, make([]byte, 8)); err == nil {
			_, err = io.WriteString(conn, answer)
			if err == nil && answer == "S" {
				_ = tls.Server(conn, config).Handshake() // the client ends it: it trusts nothing here
			}
		}
		conn.Close()
	}
}
