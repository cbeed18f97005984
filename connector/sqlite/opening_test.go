package sqlite

import (
	"path/filepath"
	"testing"
	"time"
)

// No connection is opened or closed while another one is: the driver would take its authorizer for that of the one that was closed.
func TestOpeningWaitsForClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	first, err := dial(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"opened": func() error {
			c, err := dial(path, 0)
			if err != nil {
				return err
			}
			return c.close()
		},
		"closed": first.close,
	} {
		opening.Lock()
		done := make(chan error, 1)
		go func() { done <- do() }()
		select {
		case err := <-done:
			t.Errorf("it was %s beside another one: %v", what, err)
			done <- err
		case <-time.After(50 * time.Millisecond):
		}
		opening.Unlock()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
