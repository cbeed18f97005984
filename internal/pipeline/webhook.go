package pipeline

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"github.com/fencepost/fencepost/internal/listen"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/webhook/news"
)

// Webhook is the part webhook of a file. Without a URL nothing is told.
type Webhook struct {
	URL, Secret keys.Secret
	On          []news.Kind
	Lag         int
	Timeout     time.Duration
}

func readWebhook(r *keys.Reader) Webhook {
	w := Webhook{URL: keys.Get[keys.Secret](r, "webhook.url"), Secret: keys.Get[keys.Secret](r, "webhook.secret"), Lag: keys.Get[int](r, "webhook.lag"),
		Timeout: keys.Get[time.Duration](r, "webhook.timeout")}
	for i, word := range keys.Get[[]string](r, "webhook.on") {
		k, err := news.ParseKind(word)
		if err != nil {
			r.Find("bad-value", r.ItemAt("webhook.on", i), cmp.Or(text.Nearest(word, news.Kinds()), strings.Join(news.Kinds(), ", ")), "webhook.on: %s is no news", keys.Shown(word))
			continue
		}
		w.On = append(w.On, k)
	}
	if len(w.On) == 0 {
		for _, word := range news.Kinds() {
			w.On = append(w.On, news.Kind(word))
		}
	}
	return w
}

// rules refuse a place that news may not go to. The URL is not shown: it may hold a secret.
func (w Webhook) rules(r *keys.Reader) {
	if w.URL.Empty() {
		if !w.Secret.Empty() || w.Lag != 0 {
			r.Missing("webhook", `url: "${WEBHOOK_URL}"`, "webhook has no url: nothing is told")
		}
		return
	}
	where, err := w.URL.Reveal()
	if err != nil {
		return // the reference was reported
	}
	u, err := url.Parse(where)
	at := r.ValueAt("webhook.url")
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		r.Find("bad-value", at, "https://HOST/PATH", "webhook.url is no URL of a receiver")
	case u.Scheme == "http" && !listen.Loopback(u.Hostname()):
		r.Find("bad-value", at, "https://, or a receiver on this machine", "webhook.url: without TLS nothing is sent beyond this machine")
	}
	if secret, err := w.Secret.Reveal(); err == nil {
		if _, err := news.Key(secret); err != nil {
			r.Find("bad-value", r.ValueAt("webhook.secret"), "whsec_ and base64, or any other text", "webhook.secret: %s", err)
		}
	}
	if w.Timeout <= 0 {
		r.Find("bad-value", r.ValueAt("webhook.timeout"), "10s", "webhook.timeout: a POST needs some time")
	}
}
