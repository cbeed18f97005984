package sqlstore

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// LettersName is the table of ledger.Letters. A ledger of an earlier release has none, and is complete without it.
const LettersName = "fencepost_dead_letters"

// LetterColumns are the columns of the table of letters, in the order in which Parser.Letter reads them behind the key.
const LetterColumns = "topic, partition, record_offset, topic_id, record_time, record_key, record_value, record_headers, code, reason"

// LetterSQL is what differs from one database to the other of the statements on letters.
type LetterSQL[S Session] struct {
	Bytes func([]byte) string        // a literal of bytes; nil is null
	Hex   func(column string) string // a column of bytes as hexadecimal digits
	Now   string
	// Replace is the end of an INSERT into the table of letters: it replaces the rows that are there.
	Replace string
	// Strict runs a DELETE or an UPDATE, and fails by itself, with the word gone and the session's secret, unless it changes n
	// rows. It ends with a semicolon.
	Strict func(s S, change string, n int) string
	// Undo fails by itself always, with the word tried. It ends with a semicolon.
	Undo func(S) string
}

// Headers writes a record's headers for the table of letters: [["key","base64 of the value or null"], ...]. A key that is no
// UTF-8 is written as base64 too, and says so: ["base64 of the key","...","base64"]. A record without headers has [].
func Headers(headers []fencepost.Header) string {
	list := make([][]any, 0, len(headers))
	for _, h := range headers {
		one := []any{h.Key, nil}
		if h.Value != nil {
			one[1] = base64.StdEncoding.EncodeToString(h.Value)
		}
		if !utf8.ValidString(h.Key) {
			one[0] = base64.StdEncoding.EncodeToString([]byte(h.Key))
			one = append(one, "base64")
		}
		list = append(list, one)
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic("sqlstore: headers are not JSON: " + err.Error()) // texts and nulls always are
	}
	return string(text)
}

// ParseHeaders reads what Headers writes.
func ParseHeaders(text []byte) (headers []fencepost.Header, err error) {
	var list [][]*string
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	for _, one := range list {
		if len(one) < 2 || one[0] == nil {
			return nil, fmt.Errorf("headers: an element has no key and value: %s", text)
		}
		h := fencepost.Header{Key: *one[0]}
		if len(one) > 2 {
			key, err := base64.StdEncoding.DecodeString(h.Key)
			if err != nil {
				return nil, fmt.Errorf("headers: key: %w", err)
			}
			h.Key = string(key)
		}
		if one[1] != nil {
			if h.Value, err = base64.StdEncoding.DecodeString(*one[1]); err != nil {
				return nil, fmt.Errorf("headers: value: %w", err)
			}
		}
		headers = append(headers, h)
	}
	return headers, nil
}

// Letter reads a row of LetterColumns, then the time in microseconds, the writer, and who discarded it. Key and value are
// hexadecimal digits, in any case.
func (p *Parser) Letter(v [][]byte) (l ledger.Letter, err error) {
	l.Topic, l.Partition, l.Offset = string(v[0]), int32(p.int(v[1])), fencepost.Offset(p.int(v[2]))
	l.Timestamp, l.Code, l.Reason = p.int(v[4]), string(v[8]), string(v[9])
	l.At, l.Who, l.Discarded = time.UnixMicro(p.int(v[10])).UTC(), string(v[11]), string(v[12])
	if l.TopicID, err = fencepost.ParseTopicID(string(v[3])); err != nil {
		return l, err
	}
	for i, to := range map[int]*[]byte{5: &l.Key, 6: &l.Value} {
		if v[i] == nil {
			continue
		}
		if *to, err = hex.DecodeString(string(v[i])); err != nil {
			return l, fmt.Errorf("letter %s@%d: %w", l.TopicPartition, l.Offset, err)
		}
		if *to == nil {
			*to = []byte{}
		}
	}
	if l.Headers, err = ParseHeaders(v[7]); err != nil {
		return l, err
	}
	return l, p.err
}

// BeforeLetters is a name in front of all letters.
var BeforeLetters = ledger.LetterID{TopicPartition: fencepost.TopicPartition{Partition: -1}, Offset: -1}

// Pages yields letters that are read in pages behind the last one. A page of fewer than size is the last.
func Pages(size int, read func(behind ledger.LetterID) ([]ledger.Letter, error)) iter.Seq2[ledger.Letter, error] {
	return func(yield func(ledger.Letter, error) bool) {
		for last := BeforeLetters; ; {
			page, err := read(last)
			if err != nil {
				yield(ledger.Letter{}, err)
				return
			}
			for _, l := range page {
				if !yield(l, nil) {
					return
				}
				last = l.LetterID
			}
			if len(page) < size {
				return
			}
		}
	}
}

// Counts reads rows of topic, partition, count.
func (p *Parser) Counts(rows Rows) (map[fencepost.TopicPartition]int64, error) {
	counts := map[fencepost.TopicPartition]int64{}
	for _, r := range rows {
		counts[p.partition(r)] = p.int(r[2])
	}
	return counts, p.err
}

// LetterIDs reads rows of topic, partition, offset and topic ID, and keeps those at or past an offset of their partition.
func (p *Parser) LetterIDs(rows Rows, from map[fencepost.TopicPartition]fencepost.Offset) (ids []ledger.LetterID, err error) {
	for _, r := range rows {
		id := ledger.LetterID{TopicPartition: p.partition(r), Offset: fencepost.Offset(p.int(r[2]))}
		if id.TopicID, err = fencepost.ParseTopicID(string(r[3])); err != nil {
			return nil, err
		}
		if at, asked := from[id.TopicPartition]; asked && id.Offset >= at {
			ids = append(ids, id)
		}
	}
	return ids, p.err
}

// Least is the least of the offsets. ok: there is one.
func Least(from map[fencepost.TopicPartition]fencepost.Offset) (least fencepost.Offset, ok bool) {
	for _, at := range from {
		if !ok || at < least {
			least, ok = at, true
		}
	}
	return least, ok
}

// Gone is the error of a letter that is not there.
func Gone(id ledger.LetterID) error {
	return fmt.Errorf("%w: %s@%d", ledger.ErrLetterGone, id.TopicPartition, id.Offset)
}
