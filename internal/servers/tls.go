package servers

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TLS names the files a client needs for TLS with every server of this
// package. A server's certificate carries its own address and "localhost", so
// that ordinary verification succeeds.
type TLS struct {
	CA   string // the authority's certificate, PEM
	Cert string // a client's certificate, subject CN=client, PEM
	Key  string // that client's key, PKCS#8 PEM
}

func (k kit) tls() TLS {
	return TLS{
		CA:   k.path("tls", "ca.crt"),
		Cert: k.path("tls", "client.crt"),
		Key:  k.path("tls", "client.key"),
	}
}

// Config trusts the authority and shows no certificate of its own.
func (f TLS) Config() (*tls.Config, error) {
	ca, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("read authority %s: no certificate in it", f.CA)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// MutualConfig trusts the authority and shows the client's certificate.
func (f TLS) MutualConfig() (*tls.Config, error) {
	config, err := f.Config()
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("load client certificate: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// makeTLS makes the authority and the client's pair.
func (k kit) makeTLS(context.Context) error {
	dir := k.path("tls")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	authority := certificate("fencepost-test-ca")
	authority.IsCA = true
	authority.BasicConstraintsValid = true
	authority.KeyUsage = x509.KeyUsageCertSign
	if err := sign(authority, nil, filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")); err != nil {
		return err
	}
	pair, err := k.authority()
	if err != nil {
		return err
	}
	client := certificate("client")
	client.KeyUsage = x509.KeyUsageDigitalSignature
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return sign(client, pair, k.tls().Cert, k.tls().Key)
}

func (k kit) authority() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(k.path("tls", "ca.crt"), k.path("tls", "ca.key"))
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	return &pair, nil
}

// serverCertificate writes a pair for the server at host.
func (k kit) serverCertificate(host, certFile, keyFile string) error {
	pair, err := k.authority()
	if err != nil {
		return err
	}
	server := certificate("localhost")
	server.KeyUsage = x509.KeyUsageDigitalSignature
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.DNSNames = []string{"localhost"}
	server.IPAddresses = []net.IP{net.ParseIP(host), net.IPv4(127, 0, 0, 1)}
	return sign(server, pair, certFile, keyFile)
}

func certificate(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().AddDate(10, 0, 0),
	}
}

// sign writes a certificate and its new key; by a nil authority, signed by itself.
func sign(c *x509.Certificate, authority *tls.Certificate, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key of %s: %w", c.Subject.CommonName, err)
	}
	parent, signer := c, any(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		return fmt.Errorf("sign certificate of %s: %w", c.Subject.CommonName, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key of %s: %w", c.Subject.CommonName, err)
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}
