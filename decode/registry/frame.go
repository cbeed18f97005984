package registry

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// Frame is a record's value or key, taken apart. Its slices are parts of the record or of the Framer: they are good until the
// record or the Framer is used again.
type Frame struct {
	ID ID // Kind NoID with the form Bare
	// Null says that there is nothing: a tombstone, or a record without a key. All else is zero then, and no registry need be asked.
	Null bool
	// Body is what the schema describes. It may be empty, and is not nil.
	Body     []byte
	Encoding Encoding
	Message  Message // with Protobuf
}

// Framer takes records apart. It allocates nothing for each of them. Used by one goroutine.
type Framer struct {
	framing Framing
	headers headerNames
	indexes []int
}

// headerNames are the headers of one part of a record.
type headerNames struct{ confluent, globalID, contentID, encoding string }

// Apicurio's headers of Protobuf. The first names the message, and is the same for keys and values. The second is there where the value is
// Protobuf; what it names is a class of Java, com.google.protobuf.DynamicMessage too.
const (
	protobufType    = "apicurio.protobuf.type"
	protobufOfValue = "apicurio.value.msgType"
)

// NewFramer makes a Framer.
func NewFramer(f Framing) *Framer {
	if f.IDs == NoID {
		f.IDs = SchemaID
		if f.Form == Apicurio || f.Form == ApicurioFour {
			f.IDs = GlobalID
		}
	}
	apicurio := "apicurio." + f.Part.String() + "."
	return &Framer{framing: f, indexes: make([]int, 0, 8), headers: headerNames{
		confluent: "__" + f.Part.String() + "_schema_id",
		globalID:  apicurio + "globalId", contentID: apicurio + "contentId",
		encoding: apicurio + "encoding",
	}}
}

// Frame takes the framed part of a record apart.
//
// Errors: *fencepost.BadRecord for bytes that have another form.
func (f *Framer) Frame(r *fencepost.Record) (Frame, error) {
	v := r.Value
	if f.framing.Part == Key {
		v = r.Key
	}
	if v == nil {
		return Frame{Null: true}, nil
	}
	switch f.framing.Form {
	case Confluent:
		if h, at := last(r.Headers, f.headers.confluent); at >= 0 {
			return f.confluentHeader(h, v)
		}
		return f.confluent(v)
	case Apicurio, ApicurioFour:
		if h, kind, ok := f.apicurioID(r.Headers); ok {
			return f.apicurioHeaders(r.Headers, h, kind, v)
		}
		return f.apicurio(v)
	case SingleObject:
		return f.singleObject(v)
	case Bare:
		return Frame{Body: v}, nil
	}
	panic("registry: no form " + f.framing.Form.String()) // law: a Framing has one of the forms
}

// last is the last header of a name: a program that copies headers adds its own behind those it found. at is negative if there is none.
func last(headers []fencepost.Header, name string) (value []byte, at int) {
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key == name {
			return headers[i].Value, i
		}
	}
	return nil, -1
}

// confluentHeader reads the id from a header; the body is all of the value.
func (f *Framer) confluentHeader(header, body []byte) (Frame, error) {
	id, rest, reason := f.confluentID(header)
	if reason != "" {
		return Frame{}, bad("header %s: %s", f.headers.confluent, reason)
	}
	frame := Frame{ID: id, Body: body}
	if f.framing.Type == Protobuf {
		if frame.Message.Indexes, rest, reason = f.readIndexes(rest); reason != "" {
			return Frame{}, bad("header %s: %s", f.headers.confluent, reason)
		}
	}
	if len(rest) > 0 {
		return Frame{}, bad("header %s: %d bytes too many, %s", f.headers.confluent, len(rest), shown(header))
	}
	return frame, nil
}

// confluent reads the id in front of the body.
func (f *Framer) confluent(v []byte) (Frame, error) {
	id, body, reason := f.confluentID(v)
	if reason == "" && f.framing.Type == Protobuf {
		frame := Frame{ID: id}
		if frame.Message.Indexes, frame.Body, reason = f.readIndexes(body); reason == "" {
			return frame, nil
		}
	}
	if reason != "" {
		return Frame{}, bad("%s: %s", f.framing.Part, reason)
	}
	return Frame{ID: id, Body: body}, nil
}

// confluentID takes 00 and an id of four bytes, or 01 and a GUID, off the front. Either may stand in the header and before the body.
func (f *Framer) confluentID(b []byte) (id ID, rest []byte, reason string) {
	switch {
	case len(b) >= 5 && b[0] == 0:
		n := binary.BigEndian.Uint32(b[1:])
		switch {
		case n == 0 && len(b) >= 9:
			return id, nil, fmt.Sprintf("schema id 0, which no registry gives: the bytes look like Apicurio's 8 bytes of an id (registry.form: apicurio): %s", shown(b))
		case n == 0 || n > math.MaxInt32:
			return id, nil, fmt.Sprintf("schema id %d, which no registry gives: %s", n, shown(b))
		}
		return ID{Kind: f.framing.IDs, Number: uint64(n)}, b[5:], ""
	case len(b) >= 17 && b[0] == 1:
		return ID{Kind: GUID, GUID: [16]byte(b[1:17])}, b[17:], ""
	}
	return id, nil, noPrefix(b, "00 and 4 bytes of a schema id, or 01 and 16 bytes of a GUID")
}

// apicurioID is the last header with an id.
func (f *Framer) apicurioID(headers []fencepost.Header) (value []byte, kind Kind, ok bool) {
	for i := len(headers) - 1; i >= 0; i-- {
		switch headers[i].Key {
		case f.headers.globalID:
			return headers[i].Value, GlobalID, true
		case f.headers.contentID:
			return headers[i].Value, ContentID, true
		}
	}
	return nil, NoID, false
}

// apicurioHeaders reads id, encoding and message from headers; the body is all of the value.
func (f *Framer) apicurioHeaders(headers []fencepost.Header, id []byte, kind Kind, body []byte) (Frame, error) {
	if len(id) != 8 {
		return Frame{}, bad("header apicurio.%s: %s has %d bytes, want 8 of a %s", f.framing.Part, shown(id), len(id), kind)
	}
	frame := Frame{ID: ID{Kind: kind, Number: binary.BigEndian.Uint64(id)}, Body: body}
	if frame.ID.Number == 0 || frame.ID.Number > math.MaxInt64 {
		return Frame{}, bad("header apicurio.%s: %s, which no registry gives", f.framing.Part, frame.ID)
	}
	if encoding, at := last(headers, f.headers.encoding); at >= 0 {
		switch string(encoding) {
		case "BINARY":
		case "JSON":
			frame.Encoding = AvroJSON
		default:
			return Frame{}, bad("header %s: %q is no encoding, want BINARY or JSON", f.headers.encoding, encoding)
		}
	}
	if f.framing.Type == Protobuf {
		if frame.Message.Name = f.apicurioMessage(headers); len(frame.Message.Name) == 0 {
			return Frame{}, bad("no header %s: it is not known which message of the schema the %s is", protobufType, f.framing.Part)
		}
	}
	return frame, nil
}

// apicurioMessage is the name of the message in the headers. A producer serializes the key before the value: where both are Protobuf, the last
// name is the value's and the one before it the key's.
func (f *Framer) apicurioMessage(headers []fencepost.Header) []byte {
	name, at := last(headers, protobufType)
	if f.framing.Part == Key {
		if _, both := last(headers, protobufOfValue); both >= 0 {
			name, _ = last(headers[:max(at, 0)], protobufType)
		}
	}
	return name
}

// apicurio reads an id of eight or four bytes in front of the body. Behind it stands a Ref with Protobuf, in each form of Apicurio's.
func (f *Framer) apicurio(v []byte) (Frame, error) {
	var frame Frame
	wide := f.framing.Form == Apicurio
	switch {
	case wide && len(v) >= 9 && v[0] == 0:
		frame.ID, frame.Body = ID{Kind: f.framing.IDs, Number: binary.BigEndian.Uint64(v[1:])}, v[9:]
	case !wide && len(v) >= 5 && v[0] == 0:
		frame.ID, frame.Body = ID{Kind: f.framing.IDs, Number: uint64(binary.BigEndian.Uint32(v[1:]))}, v[5:]
	case wide:
		return Frame{}, bad("%s: %s", f.framing.Part, noPrefix(v, "00 and 8 bytes of an id, and no header "+f.headers.globalID+" or "+f.headers.contentID))
	default:
		return Frame{}, bad("%s: %s", f.framing.Part, noPrefix(v, "00 and 4 bytes of an id, and no header "+f.headers.globalID+" or "+f.headers.contentID))
	}
	switch n := frame.ID.Number; {
	case n == 0 && !wide && len(v) >= 9:
		return Frame{}, bad("%s: %s, which no registry gives: the bytes look like Apicurio's 8 bytes of an id (registry.form: apicurio): %s", f.framing.Part, frame.ID, shown(v))
	case n == 0 || !wide && n > math.MaxInt32 || n > math.MaxInt64:
		return Frame{}, bad("%s: %s, which no registry gives: %s", f.framing.Part, frame.ID, shown(v))
	case n > math.MaxUint32:
		return Frame{}, bad("%s: %s, which no registry gives: the bytes look like an id of 4 bytes (registry.form: confluent or apicurio_4_bytes): %s", f.framing.Part, frame.ID, shown(v))
	}
	if f.framing.Type == Protobuf {
		var reason string
		if frame.Message.Name, frame.Body, reason = readRef(frame.Body); reason != "" {
			return Frame{}, bad("%s: %s", f.framing.Part, reason)
		}
	}
	return frame, nil
}

// singleObject reads c3 01 and a fingerprint, little-endian.
func (f *Framer) singleObject(v []byte) (Frame, error) {
	if len(v) < 10 || v[0] != 0xc3 || v[1] != 1 {
		return Frame{}, bad("%s: %s", f.framing.Part, noPrefix(v, "c3 01 and 8 bytes of a fingerprint"))
	}
	return Frame{ID: ID{Kind: Fingerprint, Number: binary.LittleEndian.Uint64(v[2:])}, Body: v[10:]}, nil
}

// noPrefix says what stands where want should, and what that looks like.
func noPrefix(b []byte, want string) string {
	looks := ""
	switch {
	case len(b) == 0:
		return "it is empty, want " + want
	case len(b) >= 2 && b[0] == 0xc3 && b[1] == 1:
		looks = ", which look like Avro's single-object encoding (registry.form: single_object)"
	case b[0] == '{' || b[0] == '[':
		looks = ", which look like plain JSON (decode: json)"
	case len(b) >= 18 && b[0] == 3 && (b[1] == 0 || b[1] == 5):
		looks = ", which look like the form of AWS Glue, which is not read"
	}
	return fmt.Sprintf("it begins with %s%s, want %s", shown(b), looks, want)
}

// shown is the beginning of bytes for people.
func shown(b []byte) string {
	if len(b) == 0 {
		return "no bytes"
	}
	if len(b) > 12 {
		return fmt.Sprintf("% x ...", b[:12])
	}
	return fmt.Sprintf("% x", b)
}

// bad makes a *fencepost.BadRecord.
func bad(format string, args ...any) error {
	return &fencepost.BadRecord{Code: decode.Undecodable, Reason: fmt.Sprintf(format, args...)}
}
