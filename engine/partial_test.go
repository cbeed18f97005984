package engine

import (
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/decode"
)

// A sink that would make a null of what a record does not hold is refused before the first record.
func TestSinksThatLeaveNothingAlone(t *testing.T) {
	decoder, err := decode.JSON(decode.Config{Fields: []decode.Field{{Column: "n", Type: fencepost.Int, Missing: decode.Unchanged()}}})
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
		w.produce(tp(0), 1)
		wk := w.run(s, func(c *Config) { c.Decoder, c.Until.End = decoder, true })
		<-wk.done
		if wk.err == nil || !strings.Contains(wk.err.Error(), "memory cannot leave columns of a row alone") {
			t.Errorf("got %v", wk.err)
		}
		if rows := s.Rows(); len(rows) > 0 {
			t.Errorf("rows were written: %v", rows)
		}
	})
}
