package flights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/klauspost/compress/zstd"
)

// MaxBody is the most that a file may hold uncompressed, in bytes; 3,000,000 flights take 13 MB.
const MaxBody = 64 << 20

// ErrDamaged is wrapped by the errors of Decode when the bytes are not a whole file of flights.
var ErrDamaged = errors.New("not a whole file of flights")

const (
	magic       = "FPFLIGHT"
	version     = 1
	headerBytes = 32
	crcAt       = 28
	routeBytes  = 8

	maxRows    = 1 << 24
	maxRoutes  = 1 << 16
	maxMinutes = 199 * 365 * 24 * 60 // from 2001: below the year 2200, and a time.Duration holds it
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is bytes 8..31 of a file. Invariant after parseHeader: rows <= maxRows, routes <= maxRoutes,
// bodyBytes() <= MaxBody.
type header struct {
	rows, routes          int
	dateBytes, delayBytes int
	crc                   uint32
}

func (h header) bodyBytes() int { return h.routes*routeBytes + h.dateBytes + h.delayBytes + 2*h.rows }

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Decode reads the bytes of a file, such as testdata/flights-3m.fpz, and checks them whole. Every error wraps ErrDamaged.
// The table does not hold on to data.
func Decode(data []byte) (*Table, error) {
	h, err := parseHeader(data)
	if err != nil {
		return nil, err
	}
	body, err := inflate(data[headerBytes:], h.bodyBytes())
	if err != nil {
		return nil, err
	}
	crc := crc32.Update(crc32.Checksum(data[:crcAt], castagnoli), castagnoli, body)
	if crc != h.crc {
		return nil, damaged("checksum %08x, the header says %08x", crc, h.crc)
	}
	return parseBody(h, body)
}

func parseHeader(data []byte) (header, error) {
	if len(data) < headerBytes {
		return header{}, damaged("%d bytes, the header alone has %d", len(data), headerBytes)
	}
	if string(data[:len(magic)]) != magic {
		return header{}, damaged("begins with %q, not %q", data[:len(magic)], magic)
	}
	var n [6]uint32
	for i := range n {
		n[i] = binary.LittleEndian.Uint32(data[len(magic)+4*i:])
	}
	if n[0] != version {
		return header{}, damaged("version %d, this program knows %d", n[0], version)
	}
	if n[1] > maxRows || n[2] > maxRoutes || n[3] > MaxBody || n[4] > MaxBody {
		return header{}, damaged("%d rows, %d routes, columns of %d and %d bytes are too many", n[1], n[2], n[3], n[4])
	}
	h := header{rows: int(n[1]), routes: int(n[2]), dateBytes: int(n[3]), delayBytes: int(n[4]), crc: n[5]}
	if h.bodyBytes() > MaxBody {
		return header{}, damaged("%d bytes of body, at most %d are read", h.bodyBytes(), MaxBody)
	}
	return h, nil
}

// inflate returns exactly size bytes; a frame that would grow far beyond them is refused before it does.
func inflate(frame []byte, size int) ([]byte, error) {
	// The bound may not be 0, and is also held against the frame's window, which may be larger than a small body.
	zd, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(size)+MaxBody/8))
	if err != nil {
		return nil, fmt.Errorf("open zstd: %w", err)
	}
	defer zd.Close()
	body, err := zd.DecodeAll(frame, make([]byte, 0, min(size, 64*len(frame)+1024)))
	if err != nil {
		return nil, damaged("zstd: %v", err)
	}
	if len(body) != size {
		return nil, damaged("body of %d bytes, the header says %d", len(body), size)
	}
	return body, nil
}

// parseBody cuts the columns and checks the guarantees of Table.
//
// REQUIRES: len(body) == h.bodyBytes()
func parseBody(h header, body []byte) (*Table, error) {
	cut := func(n int) []byte {
		column := body[:n:n]
		body = body[n:]
		return column
	}
	routes, err := parseRoutes(cut(h.routes * routeBytes))
	if err != nil {
		return nil, err
	}
	t := &Table{rows: h.rows, routes: routes, dates: cut(h.dateBytes), delays: cut(h.delayBytes), routeLo: cut(h.rows), routeHi: cut(h.rows)}
	if err := checkDates(t.dates, t.rows); err != nil {
		return nil, err
	}
	if err := checkDelays(t.delays, t.rows); err != nil {
		return nil, err
	}
	for row := range t.rows {
		if r := t.route(row); r >= len(routes) {
			return nil, damaged("row %d has route %d of %d", row, r, len(routes))
		}
	}
	return t, nil
}

func parseRoutes(column []byte) ([]route, error) {
	routes := make([]route, len(column)/routeBytes)
	codes := make(map[string]string) // :: code -> the one string that all its routes share
	code := func(b []byte) string {
		if _, ok := codes[string(b)]; !ok {
			codes[string(b)] = string(b)
		}
		return codes[string(b)]
	}
	for i := range routes {
		b := column[i*routeBytes:][:routeBytes]
		if !isCode(b[:3]) || !isCode(b[3:6]) {
			return nil, damaged("route %d is %q, not two codes of three capital letters", i, b[:6])
		}
		routes[i] = route{origin: code(b[:3]), destination: code(b[3:6]), distance: binary.LittleEndian.Uint16(b[6:])}
	}
	return routes, nil
}

func isCode[T string | []byte](s T) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

func checkDates(column []byte, rows int) error {
	var minutes uint64
	for row := range rows {
		since, n := binary.Uvarint(column)
		if n <= 0 {
			return damaged("the dates end or break at row %d of %d", row, rows)
		}
		if since > maxMinutes || minutes+since > maxMinutes {
			return damaged("row %d is beyond the year 2200", row)
		}
		minutes += since
		column = column[n:]
	}
	if len(column) > 0 {
		return damaged("%d bytes of dates are left over", len(column))
	}
	return nil
}

func checkDelays(column []byte, rows int) error {
	for row := range rows {
		delay, n := binary.Varint(column)
		if n <= 0 {
			return damaged("the delays end or break at row %d of %d", row, rows)
		}
		if delay < math.MinInt32 || delay > math.MaxInt32 {
			return damaged("row %d has a delay of %d minutes", row, delay)
		}
		column = column[n:]
	}
	if len(column) > 0 {
		return damaged("%d bytes of delays are left over", len(column))
	}
	return nil
}
