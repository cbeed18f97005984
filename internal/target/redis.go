package target

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/codes"
)

// redisScheme takes redis:// and, with TLS, rediss://. ca is a PEM file of authorities, in place of the system's.
var redisScheme = scheme{params: []string{"key", "ca"}, layouts: redisLayouts,
	native: func(_ context.Context, l *location) (*Target, error) {
		g, err := l.group()
		if err != nil {
			return nil, err
		}
		c, err := l.redis()
		if err != nil {
			return nil, err
		}
		c.Key = l.params.Get("key")
		ledger, err := redis.OpenLedger(c)
		if err != nil {
			return nil, err
		}
		t := ofLedger(g, ledger, ledger.Close)
		t.detail = redisDetail(g, c.Key)
		return t, nil
	}}

func redisDetail(g fencepost.Group, key string) string {
	if key == "" {
		return "group " + string(g)
	}
	return "group " + string(g) + " key " + key
}

// redisLayouts are what other programs keep in Redis.
var redisLayouts = func() map[string]layout {
	all := map[string]layout{}
	for _, name := range redis.LayoutNames() {
		all[name] = layout{params: []string{"key", "topic", "ca"}, open: func(_ context.Context, l *location) (*Target, error) {
			c, err := l.redis()
			if err != nil {
				return nil, err
			}
			as := redis.LayoutConfig{Name: name, Key: l.params.Get("key"), Group: fencepost.Group(l.params.Get("group")), Topic: l.params.Get("topic")}
			lay, err := redis.OpenLayout(c, as)
			if err != nil {
				return nil, err
			}
			t := ofLayout(lay, "")
			if as.Key != "" {
				t.detail, t.Subject = "key "+as.Key, "key "+as.Key
			}
			if name == "pattern-a" {
				t.Subject = "hash " + as.Key
			}
			return t, nil
		}}
	}
	return all
}()

// redis is the server that the URL leads to.
func (l *location) redis() (c redis.Config, err error) {
	c.Addr = l.url.Host
	if l.url.User != nil {
		c.User = l.url.User.Username()
		c.Password, _ = l.url.User.Password()
	}
	if db := strings.Trim(l.url.Path, "/"); db != "" {
		if c.DB, err = strconv.Atoi(db); err != nil || c.DB < 0 {
			return c, codes.Usage(examples[l.scheme], "/%s is no number of a database", db)
		}
	}
	ca := l.params.Get("ca")
	if l.scheme != "rediss" {
		if ca != "" {
			return c, codes.Usage(examples["rediss"], "ca is about TLS, and redis:// has none")
		}
		return c, nil
	}
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if ca == "" {
		return c, nil
	}
	pem, err := os.ReadFile(ca)
	c.TLS.RootCAs = x509.NewCertPool()
	if err == nil && !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
		err = errors.New("no PEM certificate in it")
	}
	if err != nil {
		return c, &fencepost.UserError{Code: "file-not-readable", Exit: 2, Err: fmt.Errorf("ca: %w", err), Help: "ca=PATH of the authorities' certificates"}
	}
	return c, nil
}
