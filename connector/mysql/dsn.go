package mysql

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/internal/text"
)

// parseDSN reads a connection string of either form. Its errors say nothing of the text: what cannot be parsed may
// be, or hold, a password in the wrong place.
func parseDSN(dsn string) (*mysql.Config, error) {
	if text.UnencodedPassword(dsn) {
		return nil, sqlstore.UnencodedPassword("MySQL")
	}
	c, err := parseForm(dsn)
	if err != nil || c.DBName == "" {
		return nil, &fencepost.UserError{Code: "dsn-invalid", Exit: 2,
			Err:  errors.New("the MySQL dsn can not be read, or names no database (not shown: it may hold a password)"),
			Help: "mysql://USER:PASSWORD@HOST:3306/DATABASE, the password percent-encoded (# is %23); or USER:PASSWORD@tcp(HOST:3306)/DATABASE"}
	}
	c.MultiStatements = true // one flush is one packet
	c.ClientFoundRows = true
	c.MaxAllowedPacket = 1 << 30 // the server's own bound is read, and kept by us
	c.Logger = &mysql.NopLogger{}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.ConnectionAttributes == "" {
		c.ConnectionAttributes = "program_name:fencepost"
	}
	return c, nil
}

// Address is the database of a dsn as people name it, without a password: mysql://app@localhost:3306/shop.
//
// Errors: *fencepost.UserError dsn-invalid.
func Address(dsn string) (string, error) {
	c, err := parseDSN(dsn)
	if err != nil {
		return "", err
	}
	return "mysql://" + c.User + "@" + c.Addr + "/" + c.DBName, nil
}

// parseForm distinguishes the URL from the driver's own form.
func parseForm(dsn string) (*mysql.Config, error) {
	scheme, _, isURL := strings.Cut(dsn, "://")
	if !isURL || strings.ContainsAny(scheme, "@/(:") {
		return mysql.ParseDSN(dsn)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, err
	}
	if u.Fragment != "" {
		return nil, errors.New("a # cuts off what follows it")
	}
	if u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Hostname() == "" {
		return nil, errors.New("not a URL of MySQL")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	c, err := mysql.ParseDSN("tcp(" + net.JoinHostPort(u.Hostname(), port) + ")/?" + u.RawQuery)
	if err != nil {
		return nil, err
	}
	c.User, c.DBName = u.User.Username(), strings.TrimPrefix(u.Path, "/")
	c.Passwd, _ = u.User.Password()
	return c, nil
}
