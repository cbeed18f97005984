package wire

import (
	"math/rand/v2"
	"net"
	"time"
)

// Way is a direction, or both of them.
type Way uint8

// The directions.
const (
	Requests Way = 1 << iota // from clients to the server
	Answers                  // from the server to clients
	Both     = Requests | Answers
)

// Fault is what a wire does to its connections. Fields go together; the zero Fault passes everything on.
type Fault struct {
	Refuse bool          // closes every connection, and each new one
	Mute   Way           // bytes of these directions are swallowed; Mend closes the connections that lost some
	Hang   Way           // bytes of these directions wait for the next Set
	Delay  time.Duration // each piece of an answer waits between half of it and all of it
	Drip   Drip
	Cut    Cut
	// Only says which connections it happens to, by the address of the client; nil: to all. It is asked once for each connection.
	Only func(client net.Addr) bool
}

// Drip lets few bytes pass at a time. The zero Drip does nothing.
type Drip struct {
	Way   Way
	Bytes int           // at most at a time: between one and this many, by the seed
	Every time.Duration // the pause in front of them
}

// Cut closes a connection at a byte. The zero Cut does nothing.
type Cut struct {
	Way   Way // the direction whose bytes are counted
	After int // how many of them still pass
	// Since is where counting begins on a connection: at the first piece of a request for which it is true. Nil: at once. It is called
	// with bytes that it must not keep.
	Since func(request []byte) bool
	Once  bool // the wire is whole after the first connection that was cut
}

// step is what becomes of the first bytes of a piece.
type step struct {
	bytes   int           // how many of them this is about
	pause   time.Duration // in front of them
	swallow bool          // they are lost
	hold    bool          // none of them passes before the next Set
	cut     bool          // the connection ends behind them
}

// decide is what becomes of the first bytes of a piece of n > 0 bytes. counted is how many bytes the connection has carried since its
// cut began to count; below zero: it does not count.
func (f Fault) decide(way Way, n, counted int, rng *rand.Rand) step {
	switch {
	case f.Refuse:
		return step{cut: true}
	case f.Hang&way != 0:
		return step{hold: true}
	case f.Mute&way != 0:
		return step{bytes: n, swallow: true}
	}
	s := step{bytes: n}
	if f.Delay > 0 && way == Answers {
		s.pause = f.Delay/2 + time.Duration(rng.Int64N(int64(f.Delay/2)+1))
	}
	if f.Drip.Way&way != 0 {
		s.pause += f.Drip.Every
		s.bytes = min(n, 1+rng.IntN(max(f.Drip.Bytes, 1)))
	}
	if f.Cut.Way&way != 0 && counted >= 0 {
		if left := f.Cut.After - counted; left <= s.bytes {
			s.bytes, s.cut = max(left, 0), true
		}
	}
	return s
}
