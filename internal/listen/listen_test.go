package listen

import (
	"errors"
	"testing"
)

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:9464": "127.0.0.1:9464", "localhost:0": "127.0.0.1:0", "127.7.7.7:1": "127.7.7.7:1", "[::1]:80": "[::1]:80",
		"0.0.0.0:80": "", "10.0.0.1:80": "", "example.org:80": "", ":80": "", "80": "", "127.0.0.1": "", "127.0.0.1:http": "", "127.0.0.1:65536": "",
		"localhost.example.org:80": "", "[::]:80": "",
	} {
		got, err := Address(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Address(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := Address("10.0.0.1:80"); !errors.Is(err, ErrNotLoopback) {
		t.Errorf("another machine's address: %v, want ErrNotLoopback", err)
	}
}

func TestOpenTaken(t *testing.T) {
	l, err := Open("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Open("tcp", l.Addr().String()); !errors.Is(err, ErrInUse) {
		t.Errorf("an address that is taken: %v, want ErrInUse", err)
	}
	if _, err := Open("tcp", "192.0.2.1:1"); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("an address that is not this machine's: %v, want the system's own error", err)
	}
}
