package listen

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// leastToken is how many characters a token has to have: below that it can be guessed, however slowly.
const leastToken = 16

// Tokens are those of a file, one a line, so that an old one and a new one hold at the same time. The file is read again once it has changed; one
// that cannot be read, or has a line that is no token, leaves those of before. Those of NewToken are one, which no file has.
type Tokens struct {
	file *changing[[]Digest] // nil: made is the only one
	made Digest

	refusing chan struct{} // a place for each refusal that is held back
}

// mostRefusing is how many refusals are held back at a time; more are refused at once, unseen. So a guesser has so many tries a refuseAfter.
const mostRefusing = 8

// refuseAfter is how long a wrong token waits for its answer.
const refuseAfter = time.Second

// Digest is by what a token is known: it says nothing of the token.
type Digest [sha256.Size]byte

// DigestOf is the digest of a token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// ErrWrongToken and ErrTooManyWrong are returned by Tokens.Try.
var (
	ErrWrongToken   = errors.New("that is no token")
	ErrTooManyWrong = errors.New("too many wrong tokens at a time")
)

// NewToken makes a token that holds as long as the program runs, for who can read what it prints.
func NewToken() (t *Tokens, token string) {
	token = rand.Text()
	return &Tokens{refusing: make(chan struct{}, mostRefusing), made: DigestOf(token)}, token
}

// OpenTokens reads a file of tokens.
//
// Errors: what is wrong with the file; no error has a token in it.
func OpenTokens(path string) (*Tokens, error) {
	t := &Tokens{refusing: make(chan struct{}, mostRefusing), file: &changing[[]Digest]{paths: []string{path}, read: readTokens}}
	_, err := t.file.now()
	return t, err
}

func readTokens(paths []string) (tokens []Digest, err error) {
	text, err := os.ReadFile(paths[0])
	if err != nil {
		return nil, err
	}
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if line = strings.TrimSpace(line); len(line) < leastToken || strings.ContainsAny(line, " \t") {
			return nil, fmt.Errorf("%s:%d: not a token: a line of at least %d characters without a space", paths[0], n+1, leastToken)
		}
		tokens = append(tokens, DigestOf(line))
	}
	return tokens, nil
}

// holds reports whether a token is one of the file's, in a time that says nothing of them.
func (t *Tokens) holds(token string) bool { return t.Has(DigestOf(token)) }

// Has reports whether a token of this digest holds now, in a time that says nothing of the others.
func (t *Tokens) Has(sum Digest) bool {
	all := []Digest{t.made}
	if t.file != nil {
		all, _ = t.file.now() // where the file cannot be read, those of before
	}
	found := 0
	for i := range all {
		found |= subtle.ConstantTimeCompare(sum[:], all[i][:])
	}
	return found == 1
}

// Try reports whether a token holds. What is none is answered a second later, and where many wait for that, at once and unseen; who has a
// token waits for nobody.
//
// Errors: ErrWrongToken, ErrTooManyWrong, that of ctx.
func (t *Tokens) Try(ctx context.Context, token string) error {
	if t.holds(token) {
		return nil
	}
	select {
	case t.refusing <- struct{}{}:
		defer func() { <-t.refusing }()
	default:
		return ErrTooManyWrong
	}
	late := time.NewTimer(refuseAfter)
	defer late.Stop()
	select {
	case <-late.C:
		return ErrWrongToken
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Asked lets requests through that have a token, as `Authorization: Bearer TOKEN`, or as the password of basic authentication under any
// name. Others get 401 a second later, and many of them at a time 429 at once; who has a token does not wait for them.
func (t *Tokens) Asked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		switch err := t.Try(in.Context(), TokenOf(in)); {
		case err == nil:
			next.ServeHTTP(out, in)
		case errors.Is(err, ErrTooManyWrong):
			http.Error(out, err.Error(), http.StatusTooManyRequests)
		case errors.Is(err, ErrWrongToken):
			out.Header().Add("WWW-Authenticate", `Bearer realm="fencepost"`)
			out.Header().Add("WWW-Authenticate", `Basic realm="fencepost"`)
			http.Error(out, "a token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
		}
	})
}

// TokenOf is the token that a request has; empty: none.
func TokenOf(in *http.Request) string {
	if _, password, ok := in.BasicAuth(); ok {
		return password
	}
	const scheme = "Bearer "
	if value := in.Header.Get("Authorization"); len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) {
		return strings.TrimSpace(value[len(scheme):])
	}
	return ""
}
