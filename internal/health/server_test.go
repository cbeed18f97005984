package health

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// TestAServerEndsOnce: it answers until it is closed, and the address is free then.
func TestAServerEndsOnce(t *testing.T) {
	w := New(Config{})[0]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, Process{w}.Pages())
	resp, err := http.Get("http://" + l.Addr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if resp.Body.Close(); err != nil || resp.StatusCode != 200 {
		t.Errorf("%d %s: %v", resp.StatusCode, body, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	again, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("the address is not free: %v", err)
	}
	again.Close()
}

// TestAServerSaysThatItCannotServe: an address that is taken away is an error of Close.
func TestAServerSaysThatItCannotServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := Serve(l, New(Config{}).Pages())
	served := <-s.done
	s.done <- served
	if err := s.Close(); err == nil {
		t.Error("a server that could not accept ended without an error")
	}
}
