package listen

import (
	"net"
	"net/http"
)

// FromHere refuses requests that name another host than this machine: a browser on it sends them for a page of somewhere else whose name
// was made to lead here.
func FromHere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		host, _, err := net.SplitHostPort(in.Host)
		if err != nil {
			host = in.Host
		}
		if !Loopback(host) {
			http.Error(out, "ask 127.0.0.1: this is for this machine alone", http.StatusForbidden)
			return
		}
		next.ServeHTTP(out, in)
	})
}
