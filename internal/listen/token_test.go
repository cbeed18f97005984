package listen

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const older, newer = "older-token-0123456789", "newer-token-0123456789"

// write puts a file there whose time is another than that of the one before.
func write(t *testing.T, path, text string) {
	t.Helper()
	at := time.Now()
	if info, err := os.Stat(path); err == nil {
		at = info.ModTime().Add(time.Second)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestTokens: each line is a token, also after the file has changed; a file that is none, or is gone, leaves those of before.
func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, older+"\n")
	tokens, err := OpenTokens(path)
	if err != nil {
		t.Fatal(err)
	}
	want := func(when, token string, holds bool) {
		t.Helper()
		if got := tokens.holds(token); got != holds {
			t.Errorf("%s: %q holds: %t, want %t", when, token, got, holds)
		}
	}
	want("at first", older, true)
	for _, wrong := range []string{"", older[1:], older + "x", older + "\n", newer, strings.ToUpper(older)} {
		want("at first", wrong, false)
	}
	write(t, path, older+"\r\n  "+newer+"  \n\n")
	want("both", older, true)
	want("both", newer, true)
	want("both", "", false)
	write(t, path, newer)
	want("the new one", older, false)
	want("the new one", newer, true)
	write(t, path, "")
	want("an empty file", newer, true)
	want("an empty file", "", false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	want("no file", newer, true)
}

// TestTokensThatAreNone: what is wrong is said by file and line, without what stands there.
func TestTokensThatAreNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	for _, text := range []string{"", "\n", "short", newer + "\nsecret", "a secret with spaces in it", newer + "\n\n" + older} {
		write(t, path, text)
		_, err := OpenTokens(path)
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got the error %v, want one that names the file alone", text, err)
		}
	}
	for _, path := range []string{"", filepath.Join(t.TempDir(), "none")} {
		if _, err := OpenTokens(path); err == nil {
			t.Errorf("%q: no error, want one", path)
		}
	}
}

// asked is a request with this Authorization, or with none.
func asked(h http.Handler, authorization string) *httptest.ResponseRecorder {
	in, out := httptest.NewRequest("GET", "/metrics", nil), httptest.NewRecorder()
	if authorization != "" {
		in.Header.Set("Authorization", authorization)
	}
	h.ServeHTTP(out, in)
	return out
}

// TestWhoIsLetThrough: a token lets through at once; what is none waits a second, and many of them at a time are refused unseen, which keeps
// nobody waiting who has one.
func TestWhoIsLetThrough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write(t, path, newer)
	synctest.Test(t, func(t *testing.T) {
		tokens, err := OpenTokens(path)
		if err != nil {
			t.Fatal(err)
		}
		h := tokens.Asked(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusTeapot) }))
		basic := func(user, password string) string {
			in := httptest.NewRequest("GET", "/", nil)
			in.SetBasicAuth(user, password)
			return in.Header.Get("Authorization")
		}
		for _, c := range []struct {
			authorization string
			status        int
			took          time.Duration
		}{
			{"Bearer " + newer, http.StatusTeapot, 0}, {"bearer  " + newer, http.StatusTeapot, 0}, {basic("prometheus", newer), http.StatusTeapot, 0}, {basic("", newer), http.StatusTeapot, 0},
			{"", http.StatusUnauthorized, refuseAfter}, {"Bearer " + older, http.StatusUnauthorized, refuseAfter}, {"Bearer ", http.StatusUnauthorized, refuseAfter}, {"Bearer", http.StatusUnauthorized, refuseAfter},
			{newer, http.StatusUnauthorized, refuseAfter}, {basic(newer, ""), http.StatusUnauthorized, refuseAfter}, {"Digest " + newer, http.StatusUnauthorized, refuseAfter},
		} {
			began := time.Now()
			out := asked(h, c.authorization)
			if took := time.Since(began); out.Code != c.status || took != c.took {
				t.Errorf("%q: %d after %s, want %d after %s", c.authorization, out.Code, took, c.status, c.took)
			}
			if out.Code == http.StatusUnauthorized && len(out.Header().Values("WWW-Authenticate")) != 2 {
				t.Errorf("%q: the answer does not say how to sign in", c.authorization)
			}
			if strings.Contains(out.Body.String(), newer) {
				t.Errorf("%q: the answer has the token", c.authorization)
			}
		}
		var guesses sync.WaitGroup
		for range mostRefusing {
			guesses.Go(func() { asked(h, "Bearer "+older) })
		}
		synctest.Wait()
		began := time.Now()
		if out := asked(h, "Bearer "+older); out.Code != http.StatusTooManyRequests {
			t.Errorf("one guess more: %d, want %d", out.Code, http.StatusTooManyRequests)
		}
		if out := asked(h, "Bearer "+newer); out.Code != http.StatusTeapot || time.Since(began) > 0 {
			t.Errorf("who has a token beside guesses: %d after %s", out.Code, time.Since(began))
		}
		guesses.Wait()
		if out := asked(h, "Bearer "+older); out.Code != http.StatusUnauthorized {
			t.Errorf("a guess later: %d, want %d", out.Code, http.StatusUnauthorized)
		}
	})
}
