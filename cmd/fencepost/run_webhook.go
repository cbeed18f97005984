package main

import (
	"fmt"

	"github.com/fencepost/fencepost/internal/webhook"
)

// hook has the runs whose file names a webhook tell it.
func (s *spokesman) hook(runs []*oneRun) {
	for _, r := range runs {
		w := r.file.Webhook
		if w.URL.Empty() {
			continue
		}
		h := webhook.New(webhook.Config{URL: w.URL.Reveal, Secret: w.Secret.Reveal, On: w.On, Lag: int64(w.Lag), Timeout: w.Timeout,
			Group: r.file.Group, Worker: r.who, Failed: func(err error) { r.hears.HookFailed(fmt.Errorf("webhook: %w", err)) }})
		s.hooks = append(s.hooks, h)
		r.followers = append(r.followers, subscribed(h.Event))
	}
}
