package flights

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"math"
	"time"

	"github.com/klauspost/compress/zstd"
)

// encode makes a file of the flights, in the layout of the package's documentation.
//
// It refuses rows which that layout cannot hold, naming the row: not ascending by date, not on a whole minute, before
// 2001, a code that is not three capital letters, a route with two distances, a number out of bounds.
func encode(all iter.Seq[Flight]) ([]byte, error) {
	c := columns{ids: make(map[[2]string]int), last: epoch}
	for f := range all {
		if err := c.add(f); err != nil {
			return nil, fmt.Errorf("encode row %d: %w", c.rows, err)
		}
	}
	return c.file()
}

// columns collects rows. Invariant: len(routeLo) == len(routeHi) == rows.
type columns struct {
	rows             int
	ids              map[[2]string]int // :: origin, destination -> index into routes
	distances        []int64           // :: index into routes -> miles
	last             time.Time
	routes           []byte
	dates, delays    []byte
	routeLo, routeHi []byte
}

func (c *columns) add(f Flight) error {
	since := f.Date.Sub(c.last)
	switch {
	case c.rows == maxRows:
		return fmt.Errorf("more than %d rows", maxRows)
	case since < 0:
		return fmt.Errorf("date %v is before %v", f.Date, c.last)
	case since%time.Minute != 0:
		return fmt.Errorf("date %v is not a whole minute", f.Date)
	case f.Date.Sub(epoch) > maxMinutes*time.Minute:
		return fmt.Errorf("date %v is beyond the year 2200", f.Date)
	case f.Delay < math.MinInt32 || f.Delay > math.MaxInt32:
		return fmt.Errorf("delay of %d minutes", f.Delay)
	}
	id, err := c.route(f)
	if err != nil {
		return err
	}
	c.last = f.Date
	c.dates = binary.AppendUvarint(c.dates, uint64(since/time.Minute))
	c.delays = binary.AppendVarint(c.delays, f.Delay)
	c.routeLo = append(c.routeLo, byte(id))
	c.routeHi = append(c.routeHi, byte(id>>8))
	c.rows++
	return nil
}

func (c *columns) route(f Flight) (int, error) {
	key := [2]string{f.Origin, f.Destination}
	id, known := c.ids[key]
	if known {
		if c.distances[id] != f.Distance {
			return 0, fmt.Errorf("%s to %s is %d miles, and %d before", f.Origin, f.Destination, f.Distance, c.distances[id])
		}
		return id, nil
	}
	id = len(c.distances)
	switch {
	case !isCode(f.Origin) || !isCode(f.Destination):
		return 0, fmt.Errorf("%q to %q: not codes of three capital letters", f.Origin, f.Destination)
	case f.Distance < 0 || f.Distance > math.MaxUint16:
		return 0, fmt.Errorf("distance of %d miles", f.Distance)
	case id == maxRoutes:
		return 0, fmt.Errorf("more than %d routes", maxRoutes)
	}
	c.ids[key] = id
	c.distances = append(c.distances, f.Distance)
	c.routes = append(c.routes, f.Origin...)
	c.routes = append(c.routes, f.Destination...)
	c.routes = binary.LittleEndian.AppendUint16(c.routes, uint16(f.Distance))
	return id, nil
}

func (c *columns) file() ([]byte, error) {
	h := header{rows: c.rows, routes: len(c.distances), dateBytes: len(c.dates), delayBytes: len(c.delays)}
	if h.bodyBytes() > MaxBody {
		return nil, fmt.Errorf("encode %d rows: %d bytes of body, at most %d are read again", c.rows, h.bodyBytes(), MaxBody)
	}
	body := make([]byte, 0, h.bodyBytes())
	for _, column := range [][]byte{c.routes, c.dates, c.delays, c.routeLo, c.routeHi} {
		body = append(body, column...)
	}
	return seal(h, body)
}

func (h header) append(b []byte) []byte {
	b = append(b, magic...)
	for _, n := range []int{version, h.rows, h.routes, h.dateBytes, h.delayBytes} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return binary.LittleEndian.AppendUint32(b, h.crc)
}

// seal puts header, checksum and compressed body together.
func seal(h header, body []byte) ([]byte, error) {
	ze, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("open zstd: %w", err)
	}
	defer ze.Close()
	h.crc = crc32.Update(crc32.Checksum(h.append(nil)[:crcAt], castagnoli), castagnoli, body)
	return ze.EncodeAll(body, h.append(nil)), nil
}
