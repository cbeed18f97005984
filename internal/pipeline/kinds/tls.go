package kinds

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// TLS is a part of a file for TLS, below source and below the technologies that use it. CA, Cert and Key are paths.
type TLS struct {
	Enabled                   bool
	CA, Cert, Key, ServerName string
}

// ReadTLS takes the keys below a path.
func ReadTLS(r *keys.Reader, at string) TLS {
	t := readTLSFiles(r, at)
	t.Enabled = keys.Get[bool](r, at+".enabled")
	return t
}

// readTLSFiles takes the keys below a path where something else says whether TLS is enabled.
func readTLSFiles(r *keys.Reader, at string) TLS {
	return TLS{
		CA:         keys.Get[string](r, at+".ca"),
		Cert:       keys.Get[string](r, at+".cert"),
		Key:        keys.Get[string](r, at+".key"),
		ServerName: keys.Get[string](r, at+".server_name"),
	}
}

// Rules are about the part as a whole; at is its path.
func (t TLS) Rules(r *keys.Reader, at string) {
	for _, name := range []string{"ca", "cert", "key", "server_name"} {
		path := keys.Join(at, name)
		if r.Has(path) && keys.Get[string](r, path) != "" && !t.Enabled {
			r.Find("bad-value", r.KeyAt(path), at+".enabled: true", "%s is set, and TLS is not enabled", keys.Called(path))
			break
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		set, other := at+".cert", "key"
		if t.Key != "" {
			set, other = at+".key", "cert"
		}
		r.Missing(set, other+": PATH", "%s is set, and tls.%s is not: mutual TLS needs both", keys.Called(set), other)
	}
}

// config reads the certificates that the file names. Our own is read again for each connection.
// at is the path of the part.
func (t TLS) config(at string, p Pipeline) (*tls.Config, error) {
	fault := func(name, path, format string, args ...any) error {
		return &fencepost.UserError{Code: "bad-value", Exit: 2, Err: fmt.Errorf("%s: %s: %w", p.At(keys.Join(at, name)), path, fmt.Errorf(format, args...)),
			Help: "mend " + keys.Join(at, name)}
	}
	c := &tls.Config{ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fault("ca", t.CA, "%s", strings.TrimPrefix(keys.PlainPathError(t.CA, err), t.CA+": "))
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault("ca", t.CA, "no certificate in PEM")
		}
	}
	if t.Cert == "" {
		return c, nil
	}
	read := func() (*tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		return &cert, err
	}
	if _, err := read(); err != nil {
		return nil, fault("cert", t.Cert, "%w", err)
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	return c, nil
}
