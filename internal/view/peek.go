package view

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/screen"
	"github.com/fencepost/fencepost/internal/text"
)

// Peek is the answer of offsets peek: records as the topic has them.
type Peek struct {
	fine
	Head
	Records []Record `json:"records"`
}

// Record is one record.
type Record struct {
	Topic     string           `json:"topic"`
	Partition int32            `json:"partition"`
	Offset    fencepost.Offset `json:"offset"`
	Timestamp Instant          `json:"timestamp"`
	Key       Bytes            `json:"key"`
	Value     Bytes            `json:"value"`
	Headers   []Header         `json:"headers" csv:"-"`
	Columns   []Cell           `json:"columns" csv:"-"` // what the file's decoder makes of it, as far as it goes
	Error     Word             `json:"error"`           // why it does not go further
}

// Bytes are those of a key or a value. Both forms are null where there is none, and the text where it is none.
type Bytes struct {
	Text   *string `json:"text"`
	Base64 *string `json:"base64"`
}

// Header is one header of a record.
type Header struct {
	Name  string `json:"name"`
	Value Bytes  `json:"value"`
}

// Cell is one column with its value; null: the decoder did not get there, or it is null, or left to the table.
type Cell struct {
	Column string  `json:"column"`
	Type   string  `json:"type"`
	Value  *string `json:"value"`

	Shown string `json:"-"` // for people, who see which of these it is
}

// NewPeek makes the answer.
func NewPeek(all []admin.Peeked) Peek {
	p := Peek{Head: head("offsets peek"), Records: []Record{}}
	for _, one := range all {
		p.Records = append(p.Records, record(one))
	}
	return p
}

// Rows are the records.
func (p Peek) Rows() any { return p.Records }

func record(p admin.Peeked) Record {
	r := Record{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Timestamp: Instant{time.UnixMilli(p.Timestamp)}, Key: bytesOf(p.Key), Value: bytesOf(p.Value),
		Headers: []Header{}, Columns: []Cell{}}
	for _, h := range p.Headers {
		r.Headers = append(r.Headers, Header{h.Key, bytesOf(h.Value)})
	}
	for i := range p.Columns {
		c := &p.Columns[i]
		cell := Cell{Column: c.Name, Type: c.Type.String(), Shown: admin.Shown(c, 0)}
		if c.Len() > 0 && !c.Null(0) {
			cell.Value = &cell.Shown
		}
		r.Columns = append(r.Columns, cell)
	}
	if p.Bad != nil {
		r.Error = Word(p.Bad.Error())
	}
	return r
}

func bytesOf(b []byte) (out Bytes) {
	if b == nil {
		return out
	}
	coded := base64.StdEncoding.EncodeToString(b)
	out.Base64 = &coded
	if utf8.Valid(b) {
		plain := string(b)
		out.Text = &plain
	}
	return out
}

// mostShown is how many bytes of a key or a value a screen shows.
const mostShown = 200

// String is the beginning for people: null, `{"id":2}`, or base64 of what is no text.
func (b Bytes) String() string {
	said := ""
	switch {
	case b.Base64 == nil:
		return "null"
	case b.Text != nil:
		said = screen.Printable(*b.Text)
	default:
		said = "base64 " + *b.Base64
	}
	if len(said) > mostShown {
		bare := strings.TrimRight(*b.Base64, "=") // what pads it stands for no byte
		said = fmt.Sprintf("%s… (%s)", strings.ToValidUTF8(said[:mostShown], ""), text.Plural(base64.RawStdEncoding.DecodedLen(len(bare)), "byte"))
	}
	return said
}

// Lines are the record for people: a name and what it is.
func (r Record) Lines() (lines []Explained) {
	lines = append(lines, Explained{r.Name(), "record at " + text.Count(r.Offset) + " of " + r.Timestamp.String()},
		Explained{"key", r.Key.String()}, Explained{"value", r.Value.String()})
	for _, h := range r.Headers {
		lines = append(lines, Explained{"header", h.Name + ": " + h.Value.String()})
	}
	for _, c := range r.Columns {
		lines = append(lines, Explained{"column", c.Column + " " + c.Type + ": " + screen.Printable(c.Shown)})
	}
	if r.Error != "" {
		lines = append(lines, Explained{"error", string(r.Error)})
	}
	return lines
}

// Name is the partition.
func (r Record) Name() string { return partition(r.Topic, r.Partition) }

// Line is the record in one line, with the columns as far as they were decoded: at 1  key k1  {"id":2}  id 2.
func (r Record) Line() string {
	line := fmt.Sprintf("at %s  key %s  %s", text.Count(r.Offset), r.Key, r.Value)
	var cells []string
	for _, c := range r.Columns {
		if c.Value != nil {
			cells = append(cells, c.Column+" "+screen.Printable(c.Shown))
		}
	}
	if len(cells) > 0 {
		line += "  " + strings.Join(cells, ", ")
	}
	return line
}
