package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// ErrNotLoopback is returned by Address for a host that is not this machine alone.
var ErrNotLoopback = errors.New("not an address of this machine alone: HOST:PORT, HOST in 127.0.0.0/8")

// ErrInUse is returned by Open for a port that another program has.
var ErrInUse = errors.New("another program listens there")

// Address checks HOST:PORT, whose host has to be localhost or a loopback address.
//
// Errors: ErrNotLoopback; any other is about the form.
func Address(text string) (string, error) {
	host, port, err := split(text)
	if err != nil {
		return "", err
	}
	if !Loopback(host) {
		return "", ErrNotLoopback
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// split is host and port of a text, the port being a number of TCP's.
func split(text string) (host, port string, err error) {
	if host, port, err = net.SplitHostPort(text); err != nil {
		return "", "", err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fmt.Errorf("port %q: %w", port, err)
	}
	return host, port, nil
}

// Loopback reports whether a host, without a port, is this machine as it names itself: localhost, 127.0.0.1, ::1.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Open listens at an address.
//
// Errors: ErrInUse, wrapped; the system's own, wrapped, of which none is about a program that could be stopped.
func Open(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil && inUse(err) {
		err = fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return l, err
}
