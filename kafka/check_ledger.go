package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

var _ fencepost.Checker = (*Ledger)(nil)

// Check looks for the ledger's topic and reads it, or asks whether it could be made; it changes nothing.
func (l *Ledger) Check(ctx context.Context, _ []fencepost.ColumnSpec) []fencepost.Finding {
	there, err := l.Exists(ctx, "")
	if err == nil && !there {
		if err = l.mayCreate(ctx); err == nil {
			return []fencepost.Finding{{Subject: "ledger", OK: true, Text: "none yet; the first start makes it: topic " + l.cfg.Topic}}
		}
	}
	var h home
	if err == nil {
		h, err = l.home(ctx)
	}
	if err == nil {
		err = l.watching(ctx, func(*view) {})
	}
	if err != nil {
		return []fencepost.Finding{l.finding(ctx, l.fault(ctx, err, ""))}
	}
	return []fencepost.Finding{{Subject: "ledger", OK: true, Text: fmt.Sprintf("identity %s, topic %s", h.identity().Short(), l.cfg.Topic)}}
}

// mayCreate asks whether this user may create the topic.
func (l *Ledger) mayCreate(ctx context.Context) error {
	rs, err := kadm.NewClient(l.source.client).ValidateCreateTopics(ctx, 1, -1, nil, l.cfg.Topic)
	if err == nil {
		err = rs[l.cfg.Topic].Err
	}
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed), errors.Is(err, kerr.PolicyViolation):
		return l.denied(fmt.Sprintf("CREATE topic %s, which holds the ledger", l.cfg.Topic), "")
	case errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	}
	return err
}

// finding is an error as a line of check.
func (l *Ledger) finding(ctx context.Context, err error) fencepost.Finding {
	f := fencepost.Finding{Subject: "ledger", Text: err.Error(), Code: "broker-silent", Silent: ctx.Err() != nil}
	if e, ok := errors.AsType[*fencepost.Fault](err); ok {
		f.Code, f.Help, f.Silent = e.Code, e.Help, e.Passing
	}
	if errors.Is(err, fencepost.ErrNewer) {
		f.Code, f.Help, f.Silent = "ledger-newer", "run the newer program; there is no way back", false
	}
	return f
}
