package redis

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// memo is what the merged commits of one lane or ledger left in the hash, value by value. The next commit of a partition
// then sends the next value complete, for the script to write if the hash holds the remembered one; without it, the script takes the value apart and
// finds out how far the open run has come, which takes several times as long. It is a hint: where the hash holds another
// value, the script compares by offset and fence, as without it.
type memo struct {
	mu struct {
		sync.Mutex
		group fencepost.Group // of the commit before: one is remembered
		of    map[fencepost.TopicPartition]*past
		last  []*past // of the commit before, which was mostly of the same partitions
	}
}

// past is what the last merged commit left of one partition.
type past struct {
	tp     fencepost.TopicPartition
	value  []byte // as the hash holds it; empty: not known
	offset fencepost.Offset
	fence  ledger.Fence
	run    span // of value: `run from|run epoch|`
	seal   int  // where in value its end begins: `time|who`
	count  int64
}

// span is a part of some bytes.
type span struct{ lo, hi int }

// part is one merged move of a commit that is under way.
type part struct {
	past  *past
	whole bool // its value is known, and the next one complete
	next  span // of the list's bytes: the new value up to its time, if whole
	run   span // of next
}

// packed is the long arguments of one commit, and what to learn from its success.
type packed struct {
	list
	parts []part // :: place in the moves -> its part; past is nil where it is not merged
	prior []byte // how all values end, if all are known and end alike
}

var packs = sync.Pool{New: func() any { return new(packed) }}

// longest bounds what is sent whole, far above any value.
const longest = 32 << 10

// pack adds the moves' expected and new values.
func (m *memo) pack(p *packed, g fencepost.Group, moves []ledger.Move, keep ledger.KeepCommits) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.group != g || m.mu.of == nil {
		m.mu.group, m.mu.of, m.mu.last = g, map[fencepost.TopicPartition]*past{}, m.mu.last[:0]
	}
	p.parts, p.prior = p.parts[:0], p.prior[:0]
	alike := true
	for i, mv := range moves {
		t := part{}
		if merges(mv, keep) {
			t.past = m.find(i, mv.TopicPartition)
			v := t.past
			t.whole = len(v.value) > 0 && v.offset == mv.Held.Offset && v.fence == mv.Held.Fence
		}
		if t.whole && i == 0 {
			p.prior = append(p.prior, t.past.value[t.past.seal:]...)
		}
		alike = alike && t.whole && bytes.Equal(p.prior, t.past.value[t.past.seal:])
		p.parts = append(p.parts, t)
	}
	if !alike {
		p.prior = p.prior[:0]
	}
	for i, t := range p.parts {
		p.open()
		if t.whole && !alike {
			p.buf = append(p.buf, t.past.value...)
		} else {
			p.buf = appendExpected(p.buf, moves[i].Held)
		}
		p.end()
	}
	for i, mv := range moves {
		p.open()
		t := &p.parts[i]
		t.next.lo = len(p.buf)
		p.buf = appendValue(p.buf, mv)
		if t.whole {
			p.buf = append(p.buf, '|')
			t.run.lo = len(p.buf) - t.next.lo
			p.buf = append(p.buf, t.past.value[t.past.run.lo:t.past.run.hi]...)
			t.run.hi = len(p.buf) - t.next.lo
			p.buf = append(strconv.AppendInt(p.buf, t.past.count+1, 10), '|')
			t.next.hi = len(p.buf)
		}
		p.end()
	}
}

// find is the memo of a partition, a new one where there is none. REQUIRES: mu is held.
func (m *memo) find(i int, tp fencepost.TopicPartition) *past {
	if i < len(m.mu.last) && m.mu.last[i] != nil && m.mu.last[i].tp == tp {
		return m.mu.last[i]
	}
	p := m.mu.of[tp]
	if p == nil {
		p = &past{tp: tp}
		m.mu.of[tp] = p
	}
	return p
}

// learn takes note of a success: now is the script's time, and rest are the moves whose values it took apart, each as its
// place from 1 and the value it wrote.
func (m *memo) learn(p *packed, g fencepost.Group, moves []ledger.Move, who, now string, rest []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.group != g {
		return
	}
	m.mu.last = m.mu.last[:0]
	for i, t := range p.parts {
		m.mu.last = append(m.mu.last, t.past)
		if t.past == nil {
			continue
		}
		v := t.past
		v.offset, v.fence = moves[i].Next.Offset, moves[i].Next.Fence
		v.value = v.value[:0]
		if t.whole {
			v.value = append(v.value, p.buf[t.next.lo:t.next.hi]...)
			v.seal = len(v.value)
			v.value = append(append(append(v.value, now...), '|'), who...)
			v.run, v.count = t.run, v.count+1
		}
	}
	for i := 0; i+1 < len(rest); i += 2 {
		if n, err := strconv.Atoi(rest[i]); err == nil && 0 < n && n <= len(p.parts) && p.parts[n-1].past != nil {
			p.parts[n-1].past.read(rest[i+1])
		}
	}
}

// read takes a value that has an open run; any other one is not known.
func (v *past) read(value string) {
	v.value = v.value[:0]
	f := strings.SplitN(value, "|", fieldsRun)
	if len(f) < fieldsRun || len(value) > longest {
		return
	}
	count, err := strconv.ParseInt(f[7], 10, 64)
	if err != nil {
		return
	}
	v.value = append(v.value, value...)
	v.run.lo = len(strings.Join(f[:fieldsPlain], "|")) + 1
	v.run.hi = v.run.lo + len(f[5]) + len(f[6]) + 2
	v.seal = len(value) - len(f[8]) - 1 - len(f[9])
	v.count = count
}
