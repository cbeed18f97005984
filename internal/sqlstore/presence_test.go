package sqlstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// A session that watches breaks: the one that holds the own sign may have gone with it, and is asked at once. A watch that ends because
// nobody wants it any more is no reason to ask.
func TestABrokenWatchDoubtsTheOwnSign(t *testing.T) {
	lost := errors.New("the server has gone away")
	d := fakeDialect()
	d.Presence = PresenceSQL[*fake]{
		Hold: func(*fake, context.Context, fencepost.Group, string) error { return nil },
		Hear: func(_ *fake, ctx context.Context, doubt <-chan struct{}) (string, error) {
			select {
			case <-doubt:
				return "", lost
			case <-ctx.Done():
				return "", ctx.Err()
			}
		},
		Await: func(_ *fake, ctx context.Context, _ bool, sign string) (bool, error) {
			if sign == "dead" {
				return false, lost
			}
			<-ctx.Done()
			return false, ctx.Err()
		},
	}
	l := NewLedger(d, &fake{}, ledger.KeepMerged)
	sign, err := l.Appear(t.Context(), "g", "own")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sign.End(context.Background()) }()

	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := sign.Watch(ctx, []string{"other"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a watch that was ended: %v", err)
	}
	while, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	if err := sign.Lost(while); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the own session was asked though nothing broke: %v", err)
	}
	if ended, err := sign.Watch(t.Context(), []string{"dead"}); err == nil { // either it broke, or the own sign was lost by then
		t.Errorf("a watch that broke was told of %v", ended)
	}
	within, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := sign.Lost(within); err != nil {
		t.Errorf("the own sign is not lost: %v", err)
	}
}
