package listen

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// leastToken is how many characters a token has to have: below that it can be guessed, however slowly.
const leastToken = 16

// Tokens are those of a file, one a line, so that an old one and a new one hold at the same time. The file is read again once it has changed; one
// that cannot be read, or has a line that is no token, leaves those of before.
type Tokens struct {
	file changing[[][sha256.Size]byte]

	refusing chan struct{} // a place for each refusal that is held back
}

// mostRefusing is how many refusals are held back at a time; more are refused at once, unseen. So a guesser has so many tries a refuseAfter.
const mostRefusing = 8

// refuseAfter is how long a wrong token waits for its answer.
const refuseAfter = time.Second

// OpenTokens reads a file of tokens.
//
// Errors: what is wrong with the file; no error has a token in it.
func OpenTokens(path string) (*Tokens, error) {
	t := &Tokens{refusing: make(chan struct{}, mostRefusing)}
	t.file.read, t.file.paths = readTokens, []string{path}
	_, err := t.file.now()
	return t, err
}

func readTokens(paths []string) (tokens [][sha256.Size]byte, err error) {
	text, err := os.ReadFile(paths[0])
	if err != nil {
		return nil, err
	}
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if line = strings.TrimSpace(line); len(line) < leastToken || strings.ContainsAny(line, " \t") {
			return nil, fmt.Errorf("%s:%d: not a token: a line of at least %d characters without a space", paths[0], n+1, leastToken)
		}
		tokens = append(tokens, sha256.Sum256([]byte(line)))
	}
	return tokens, nil
}

// holds reports whether a token is one of the file's, in a time that says nothing of them.
func (t *Tokens) holds(token string) bool {
	all, _ := t.file.now() // where the file cannot be read, those of before
	sum, found := sha256.Sum256([]byte(token)), 0
	for i := range all {
		found |= subtle.ConstantTimeCompare(sum[:], all[i][:])
	}
	return found == 1
}

// Asked lets requests through that have a token, as `Authorization: Bearer TOKEN`, or as the password of basic authentication under any
// name. Others get 401 a second later, and many of them at a time 429 at once; who has a token does not wait for them.
func (t *Tokens) Asked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if t.holds(tokenOf(in)) {
			next.ServeHTTP(out, in)
			return
		}
		select {
		case t.refusing <- struct{}{}:
			defer func() { <-t.refusing }()
		default:
			http.Error(out, "too many wrong tokens at a time", http.StatusTooManyRequests)
			return
		}
		late := time.NewTimer(refuseAfter)
		defer late.Stop()
		select {
		case <-late.C:
		case <-in.Context().Done():
			return
		}
		out.Header().Add("WWW-Authenticate", `Bearer realm="fencepost"`)
		out.Header().Add("WWW-Authenticate", `Basic realm="fencepost"`)
		http.Error(out, "a token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
	})
}

// tokenOf is the token that a request has; empty: none.
func tokenOf(in *http.Request) string {
	if _, password, ok := in.BasicAuth(); ok {
		return password
	}
	const scheme = "Bearer "
	if value := in.Header.Get("Authorization"); len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) {
		return strings.TrimSpace(value[len(scheme):])
	}
	return ""
}
