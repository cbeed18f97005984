package engine

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/memory"
	"github.com/fencepost/fencepost/sink"
)

// A batch that was cut while the one in front of it was refused goes in by parts, each a batch of its own: what is left out of one moves no
// row of another, and a part behind one whose partition has parked is not committed.
func TestABatchCutBeforeARefusalIsRecut(t *testing.T) {
	const batch, spacing = 4000, 1000
	for name, store := range map[string]func(*memory.Store) sink.Sink{
		"table":     func(s *memory.Store) sink.Sink { return naming{s, 0} },
		"statement": func(s *memory.Store) sink.Sink { return naming{trying{s}, 0} },
	} {
		for _, parks := range []bool{false, true} {
			t.Run(name+" parks "+strconv.FormatBool(parks), func(t *testing.T) {
				inBubble(t, 1, func(t *testing.T, w *world, s *memory.Store) {
					s.SetReject(refuseNegative)
					values, bad := make([]string, 2*batch), []fencepost.Offset(nil)
					for i := range values {
						values[i] = strconv.Itoa(i)
						if i%spacing == spacing/2 {
							values[i] = "-1"
							bad = append(bad, fencepost.Offset(i))
						}
					}
					most := len(bad)
					if parks {
						most = len(bad) - 2
					}
					w.produced(tp(0), values...)
					wk := w.run(store(s), passing(DeadLetter, func(c *Config) {
						c.Batch.Records, c.Batch.MinRows, c.Batch.MaxWait, c.OnError.Max, c.OnError.Per = batch, batch, time.Minute, most, time.Hour
					}))
					synctest.Wait()
					wk.source.most = 2 * batch
					wk.source.assign(tp(0))
					time.Sleep(time.Second)
					wantLetters(t, s, map[fencepost.TopicPartition][]fencepost.Offset{tp(0): bad[:most]})
					until := fencepost.Offset(len(values))
					if parks {
						until = bad[most]
					}
					var want []fencepost.Offset
					for at := range until {
						if at%spacing != spacing/2 {
							want = append(want, at)
						}
					}
					wantRows(t, s, tp(0), want)
					for _, e := range seen[Committed](wk) {
						if from := e.Segments[0].Range.From; from >= batch && e.Rows > spacing/piecesSpread {
							t.Errorf("a commit from %d on has %d rows, want at most %d", from, e.Rows, spacing/piecesSpread)
						}
					}
					if err := wk.end(); err != nil {
						t.Errorf("run: %v", err)
					}
				})
			})
		}
	}
}
