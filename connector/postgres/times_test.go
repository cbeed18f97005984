package postgres

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/sink"
)

// A record's timestamp is written as it is, or refused: never as what is left of it in 64 bits of microseconds.
func TestV14TimestampsAreWholeOrRefused(t *testing.T) {
	const since2000 = 946_684_800_000_000
	fields := []field{{Name: fencepost.MetaTimestamp, From: sqlstore.FromTime, Kind: kindTimestamp}}
	for ms, fits := range map[int64]bool{1_709_208_000_123: true, 253_402_300_800_000: true, 1_709_208_000_000_000: true,
		1_709_208_000_000_000_000: false, math.MaxInt64: false, math.MinInt64: false} {
		b := &fencepost.Batch{Offsets: []fencepost.Offset{0}, Times: []int64{ms}, Segments: []fencepost.Segment{{Hi: 1}}}
		data, err := io.ReadAll(newEncoder(fields, b, nil))
		if !fits {
			if _, ok := errors.AsType[*sink.Rejected](err); !ok {
				t.Errorf("%d ms: got %v, want it refused", ms, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d ms: %v", ms, err)
			continue
		}
		at := len(copyHead) + 2 + 4 // behind the count of fields and the length
		if got := int64(binary.BigEndian.Uint64(data[at:])); got != ms*1000-since2000 {
			t.Errorf("%d ms: got %d, want %d", ms, got, ms*1000-since2000)
		}
	}
}
