package zookeeper

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// What one Move records is one sequential node with a line a move:
//
//	at | cause | topic | partition | held's until, fence, epoch, topic ID | next's | at most | partitions | commits | who | why
//
// An empty `at` is the node's own time; an absent Held has four empty fields. More than a few lines are packed by gzip,
// since they share one request with the positions.
const (
	fieldsMove = 17
	packAbove  = 1 << 10 // bytes
)

// line appends a move.
func line(b []byte, r ledger.Recorded) []byte {
	if !r.At.IsZero() {
		b = strconv.AppendInt(b, r.At.UnixMilli(), 10)
	}
	b = append(append(b, '|'), r.Cause.String()...)
	b = append(append(b, '|'), escaped(r.Topic)...)
	b = strconv.AppendInt(append(b, '|'), int64(r.Partition), 10)
	b = appendPosition(b, r.Held)
	b = appendPosition(b, r.Next)
	for _, n := range []int64{r.AtMost, int64(r.Partitions), r.Commits} {
		b = strconv.AppendInt(append(b, '|'), n, 10)
	}
	b = append(append(b, '|'), escaped(r.Who)...)
	b = append(append(b, '|'), escaped(r.Reason())...)
	return append(b, '\n')
}

func appendPosition(b []byte, p ledger.Position) []byte {
	if p.Absent() {
		return append(b, "||||"...)
	}
	b = strconv.AppendInt(append(b, '|'), int64(p.Offset), 10)
	b = append(b, '|')
	if p.Fence != 0 {
		b = appendFence(b, p.Fence)
	}
	b = strconv.AppendInt(append(b, '|'), int64(p.LeaderEpoch), 10)
	return append(append(b, '|'), p.TopicID.String()...)
}

// pack is what the node holds.
func pack(lines []byte) ([]byte, error) {
	if len(lines) <= packAbove {
		return lines, nil
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(lines); err != nil {
		return nil, fmt.Errorf("pack moves: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack moves: %w", err)
	}
	return b.Bytes(), nil
}

// unpack undoes pack.
func unpack(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpack moves: %w", err)
	}
	lines, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack moves: %w", err)
	}
	return lines, nil
}

// parseMoves reads a node of moves.
func parseMoves(data []byte, at time.Time) (moves []ledger.Recorded, err error) {
	lines, err := unpack(data)
	if err != nil {
		return nil, err
	}
	for l := range strings.Lines(string(lines)) {
		f := strings.Split(strings.TrimSuffix(l, "\n"), "|")
		if len(f) != fieldsMove {
			return nil, fmt.Errorf("recorded move %q: %d fields", l, len(f))
		}
		r, err := parseMove(f, at)
		if err != nil {
			return nil, fmt.Errorf("recorded move %q: %w", l, err)
		}
		moves = append(moves, r)
	}
	return moves, nil
}

// parseMove reads a move's fields.
func parseMove(f []string, at time.Time) (r ledger.Recorded, err error) {
	r.At = at
	if f[0] != "" {
		ms, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			return r, err
		}
		r.At = instant(ms)
	}
	if r.Cause, err = ledger.ParseCause(f[1]); err != nil {
		return r, err
	}
	r.Topic, r.Who = unescaped(f[2]), unescaped(f[15])
	r.SetReason(unescaped(f[16]))
	if r.Held, err = parsePosition(f[4:8]); err != nil {
		return r, err
	}
	if r.Next, err = parsePosition(f[8:12]); err != nil {
		return r, err
	}
	var n [4]int64 // partition, at most, partitions, commits
	bits := [4]int{32, 64, 32, 64}
	for i, s := range []string{f[3], f[12], f[13], f[14]} {
		if n[i], err = strconv.ParseInt(s, 10, bits[i]); err != nil {
			return r, err
		}
	}
	r.Partition, r.AtMost, r.Partitions, r.Commits = int32(n[0]), n[1], int32(n[2]), n[3]
	return r, nil
}

func parsePosition(f []string) (p ledger.Position, err error) {
	if f[0] == "" {
		return p, nil
	}
	if p.Offset, err = parseOffset(f[0]); err != nil {
		return p, err
	}
	if f[1] != "" {
		if p.Fence, err = parseFence(f[1]); err != nil {
			return p, err
		}
	}
	if p.LeaderEpoch, err = parseEpoch(f[2]); err != nil {
		return p, err
	}
	p.TopicID, err = fencepost.ParseTopicID(f[3])
	return p, err
}
