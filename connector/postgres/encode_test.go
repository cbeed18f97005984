package postgres

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/sqlstore"
)

// someBatch is n rows of text in three segments, with rows between them that belong to none, and the fields to write it.
func someBatch(n int) (*fencepost.Batch, []field) {
	b := &fencepost.Batch{Columns: []fencepost.Column{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}}
	for i := range n {
		b.Offsets, b.Times = append(b.Offsets, fencepost.Offset(i)), append(b.Times, int64(i))
		b.Columns[0].AppendBytes(bytes.Repeat([]byte{'x'}, i%300))
		if i%3 == 0 {
			b.Columns[1].AppendNull()
		} else {
			b.Columns[1].AppendInt(int64(i))
		}
	}
	for p, cut := range [][2]int{{0, n / 3}, {n / 3, n / 3}, {n / 2, n}} {
		b.Segments = append(b.Segments, fencepost.Segment{Lo: cut[0], Hi: cut[1],
			TopicPartition: fencepost.TopicPartition{Topic: "t", Partition: int32(p)}})
	}
	specs := []fencepost.ColumnSpec{{Name: "v", Type: fencepost.Text}, {Name: "n", Type: fencepost.Int}}
	return b, planSQL(sqlstore.Job{SQL: "select _topic, _partition, _offset, _timestamp from batch"}, specs).fields
}

// However it is read, in whatever pieces, the bytes are the same, and hold the rows of the segments.
func TestCopyDataInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 2000).Draw(t, "rows")
		b, fields := someBatch(n)
		whole, err := io.ReadAll(newEncoder(fields, b, nil))
		if err != nil {
			t.Fatal(err)
		}
		var pieces []byte
		for e := newEncoder(fields, b, nil); ; {
			p := make([]byte, rapid.IntRange(1, 1<<rapid.IntRange(0, 17).Draw(t, "log")).Draw(t, "size"))
			k, err := e.Read(p)
			pieces = append(pieces, p[:k]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(whole, pieces) {
			t.Fatalf("%d rows read in pieces differ from the whole", n)
		}
		rows, rest := 0, whole[len(copyHead):]
		for ; len(rest) > 2; rows++ {
			rest = rest[2:]
			for range fields {
				size := int(int32(uint32(rest[0])<<24 | uint32(rest[1])<<16 | uint32(rest[2])<<8 | uint32(rest[3])))
				rest = rest[4+max(0, size):]
			}
		}
		if rows != b.Rows() {
			t.Fatalf("got %d rows, want the %d of the segments", rows, b.Rows())
		}
	})
	b, fields := someBatch(1000)
	whole, err := io.ReadAll(newEncoder(fields, b, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(newEncoder(fields, b, nil), whole); err != nil {
		t.Error(err)
	}
}

// The driver's writer may read on after the lane has let the batch go: it must not get at it.
func TestAStoppedEncoderLeavesTheBatchAlone(t *testing.T) {
	b, fields := someBatch(5000)
	e := newEncoder(fields, b, nil)
	p := make([]byte, 1000)
	if _, err := e.Read(p); err != nil {
		t.Fatal(err)
	}
	if e.stop() {
		t.Error("it says that everything was read")
	}
	b.Reset()
	if n, err := e.Read(p); n != 0 || !errors.Is(err, errStopped) {
		t.Errorf("read after stop: got %d, %v; want errStopped", n, err)
	}
	b, fields = someBatch(5)
	e = newEncoder(fields, b, nil)
	if _, err := io.ReadAll(e); err != nil {
		t.Fatal(err)
	}
	if !e.stop() {
		t.Error("everything was read, and it says that it was not")
	}
}
