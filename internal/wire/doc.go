// Package wire is a TCP connection's middle: a proxy that does to the bytes of its clients what networks do, by value and
// from a seed.
//
//	w, err := wire.Listen("127.77.9.1:5432", "127.77.9.2:5432", seed)
//	w.Set(wire.Fault{Hang: wire.Answers})               // what the server says does not arrive, and is not lost
//	w.Set(wire.Fault{Cut: wire.Cut{Way: wire.Answers, After: 17, Since: commit}})
//	w.Mend()                                            // as before
//	w.Close()
//
//	client --requests--> [ decide: now, later, never, how much ] --requests--> server
//	       <--answers---                                         <--answers---
//
// # Why
//
// "The answer was lost" is not one fault: it is lost before its first byte, in the middle of a message, behind its last byte
// but in front of the next. A sweep over all bytes needs a cut at an exact one, which proxies by rate and probability do not have.
//
// # Laws
//
//  1. What becomes of bytes is decided by one pure function of the fault, of what the connection carried since, and of the
//     seed; a short loop does it.
//  2. A fault holds from [Wire.Set] on, for connections that are open and for new ones, until the next Set.
//  3. Bytes are never changed, and never pass each other: they arrive, arrive late, or are lost with all behind them.
//
// # How it fails
//
// An upstream that refuses closes the client's connection. Listen reports an address that cannot be listened at.
//
// # What it does not do
//
// It knows no protocol, and closes both directions of a connection where one of them ends. Pauses are by the clock of the machine.
package wire
