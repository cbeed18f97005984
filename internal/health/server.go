package health

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// Pages answers all questions: /live, /ready and /status. Who may ask is the caller's to say.
func (p Process) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(out http.ResponseWriter, _ *http.Request) {
		l := p.liveness()
		answer(out, l.Live, l)
	})
	mux.HandleFunc("GET /ready", func(out http.ResponseWriter, _ *http.Request) {
		r := p.readiness()
		answer(out, r.Ready, r)
	})
	mux.HandleFunc("GET /status", func(out http.ResponseWriter, _ *http.Request) { answer(out, true, p.status()) })
	return mux
}

// Probes answers /live and /ready alone, with codes and without data: for whoever asks.
func (p Process) Probes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(out http.ResponseWriter, _ *http.Request) {
		l := p.liveness()
		answer(out, l.Live, map[string]bool{"live": l.Live})
	})
	mux.HandleFunc("GET /ready", func(out http.ResponseWriter, _ *http.Request) {
		r := p.readiness()
		answer(out, r.Ready, r.Codes())
	})
	return mux
}

// answer writes one object: with 200 where all is well, else with 503.
func answer(out http.ResponseWriter, well bool, v any) {
	h := out.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if !well {
		out.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	_ = e.Encode(v) // structs of ours; who asks may be gone
}

// Server serves one address until it is closed.
type Server struct {
	http http.Server
	done chan error
}

// Serve begins to answer. The caller closes it, and the listener with it.
func Serve(l net.Listener, h http.Handler) *Server {
	s := &Server{done: make(chan error, 1), http: http.Server{Handler: h, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(notable{}, "", log.LstdFlags)}}
	go func() { s.done <- s.http.Serve(l) }()
	return s
}

// notable is where a server says what goes wrong in it: not that somebody spoke no TLS to it, or did not trust it, which everybody can make it say.
type notable struct{}

func (notable) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("TLS handshake error")) {
		return len(p), nil
	}
	return os.Stderr.Write(p)
}

// closeGrace is how long answers under way may take once a Server is closed.
const closeGrace = time.Second

// Close ends the server: answers under way get a second. Its error is also that of an address that could not be served any more.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
