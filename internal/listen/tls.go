package listen

import (
	"crypto/tls"
	"net"
)

// TLS encrypts what a listener accepts, by a certificate and its key of PEM files. They are read again once one of them has changed, as those
// that tools renew do; a pair that does not fit, or cannot be read, leaves the one before.
//
// Errors: what is wrong with the pair now.
func TLS(l net.Listener, cert, key string) (net.Listener, error) {
	pair := &changing[*tls.Certificate]{paths: []string{cert, key}, read: func(paths []string) (*tls.Certificate, error) {
		c, err := tls.LoadX509KeyPair(paths[0], paths[1])
		return &c, err
	}}
	if _, err := pair.now(); err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		c, err := pair.now()
		if c != nil {
			err = nil
		}
		return c, err
	}}), nil
}
