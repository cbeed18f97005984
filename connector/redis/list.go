package redis

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/fencepost/fencepost"
)

// list is the script's long arguments as one: an array of MessagePack, which the script unpacks with cmsgpack. As
// arguments of their own, of which a commit of 10,000 partitions has 30,000, each would be parsed by the server, made a
// value of its own, and copied into Lua: two thirds of the commit's time.
//
//	0xdd | how many, 4 bytes | item ...        item: 0xda | length, 2 bytes | text
//	                                                 0xdb | length, 4 bytes | text
type list struct {
	buf   []byte
	items uint32
	at    int // where the open item begins
}

// reset begins an empty list, and keeps its memory.
func (l *list) reset() {
	l.buf = append(l.buf[:0], 0xdd, 0, 0, 0, 0)
	l.items = 0
}

// text adds an item.
func (l *list) text(s string) {
	l.items++
	if len(s) > 1<<16-1 {
		l.buf = binary.BigEndian.AppendUint32(append(l.buf, 0xdb), uint32(len(s)))
	} else {
		l.buf = append(l.buf, 0xda, byte(len(s)>>8), byte(len(s)))
	}
	l.buf = append(l.buf, s...)
}

// number adds a number as its digits: as one of MessagePack it would be a double in Lua.
func (l *list) number(n int64) {
	l.open()
	l.buf = strconv.AppendInt(l.buf, n, 10)
	l.end()
}

// open begins an item, which the caller appends to l.buf before it calls end.
func (l *list) open() {
	l.items++
	l.at = len(l.buf)
	l.buf = append(l.buf, 0xda, 0, 0)
}

// end ends the item. A length of more than two bytes gets four; topics and positions are shorter.
func (l *list) end() {
	n := len(l.buf) - l.at - 3
	if n > 1<<16-1 {
		l.buf = slices.Insert(l.buf, l.at+3, 0, 0)
		l.buf[l.at] = 0xdb
		binary.BigEndian.PutUint32(l.buf[l.at+1:], uint32(n))
		return
	}
	binary.BigEndian.PutUint16(l.buf[l.at+1:], uint16(n))
}

// field adds a partition's field.
func (l *list) field(tp fencepost.TopicPartition) {
	l.open()
	l.buf = append(append(l.buf, tp.Topic...), '|')
	l.buf = strconv.AppendInt(l.buf, int64(tp.Partition), 10)
	l.end()
}

// bytes is the whole list.
func (l *list) bytes() []byte {
	binary.BigEndian.PutUint32(l.buf[1:], l.items)
	return l.buf
}
