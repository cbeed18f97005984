package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/fencepost/fencepost/internal/webhook/news"
)

// poster sends one POST after the other.
type poster struct {
	cfg     Config
	client  *http.Client
	failing bool // reported
	gone    bool // the receiver wants no more
}

func newPoster(cfg Config) poster {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.IdleConnTimeout = 1, time.Minute
	return poster{cfg: cfg, client: &http.Client{Transport: transport, Timeout: cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

const (
	firstPause, longestPause = time.Second, 5 * time.Minute
	// keeps is how long one POST is tried.
	keeps = time.Hour
)

// send tries a POST until it is answered by 2xx, or for an hour. Once over is closed it is tried once more at most.
func (p *poster) send(ctx context.Context, b *Body, over <-chan struct{}) {
	if p.gone {
		return
	}
	body, err := json.Marshal(b)
	if err != nil {
		p.fails(err) // structs of ours
		return
	}
	id, began := "msg_"+rand.Text(), time.Now()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		again, err := p.try(ctx, id, body)
		if err == nil {
			p.failing = false
			return
		}
		p.fails(err)
		if p.gone || closed(over) || time.Since(began) > keeps {
			return
		}
		rest(over, max(pause, again))
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// rest waits, but no longer than until over is closed.
func rest(over <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-over:
	}
}

// fails reports the first of failures that follow each other.
func (p *poster) fails(err error) {
	if !p.failing {
		p.failing = true
		p.cfg.Failed(err)
	}
}

// try sends it once. again is how long the receiver asks to be left alone.
func (p *poster) try(ctx context.Context, id string, body []byte) (again time.Duration, err error) {
	where, err1 := p.cfg.URL()
	secret, err2 := p.cfg.Secret()
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return 0, plain(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "fencepost")
	if err := sign(req.Header, id, time.Now(), secret, body); err != nil {
		return 0, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, plain(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	switch {
	case resp.StatusCode/100 == 2:
		return 0, nil
	case resp.StatusCode == http.StatusGone:
		p.gone = true
		return 0, errors.New("the receiver answers 410 Gone: it is told nothing more")
	}
	return retryAfter(resp.Header.Get("Retry-After"), time.Now()), fmt.Errorf("the receiver answers %s", resp.Status)
}

// plain is an error of the client without the URL, which may hold a secret.
func plain(err error) error {
	if at, is := errors.AsType[*url.Error](err); is {
		return at.Err
	}
	return err
}

// retryAfter reads how long a receiver asks to be left alone, at most the longest pause.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return min(time.Duration(seconds)*time.Second, longestPause)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), longestPause)
	}
	return 0
}

// sign sets the headers of Standard Webhooks 1.0: the signature is of id, time and body.
//
// Errors: the secret is none.
func sign(h http.Header, id string, at time.Time, secret string, body []byte) error {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	if secret == "" {
		return nil
	}
	k, err := news.Key(secret)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, k)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}
