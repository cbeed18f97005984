package dash

import (
	"net/http"
	"time"
)

// policy lets a page load what this server has, and nothing else: no inline script, no inline style, no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pageFor is how long an answer may take. A stream sets a time of its own for each message.
const pageFor = time.Minute

// secured sets the headers that every answer has, and refuses methods but GET and HEAD, and POST where somebody can sign in.
func (d *Dashboard) secured(next http.Handler) http.Handler {
	allow, says := "GET, HEAD", "this dashboard only looks: GET"
	if d.access.tokens != nil {
		allow, says = "GET, HEAD, POST", "GET, or a page's form"
	}
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		h := out.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if in.Method != http.MethodGet && in.Method != http.MethodHead && (in.Method != http.MethodPost || d.access.tokens == nil) {
			h.Set("Allow", allow)
			http.Error(out, says, http.StatusMethodNotAllowed)
			return
		}
		_ = http.NewResponseController(out).SetWriteDeadline(time.Now().Add(pageFor)) // a writer without one is a test's
		next.ServeHTTP(out, in)
	})
}
