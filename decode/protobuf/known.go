package protobuf

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// known is which of the messages of google.protobuf a message is, of those whose JSON is not that of their fields.
type known uint8

const (
	ordinary known = iota
	timestamp
	duration
	wrapper
	structure // an object of any JSON values
	value     // any JSON value
	values    // an array of them
	anything  // a message of another type
	fieldMask
)

// knownShapes are the names of these messages, and the kinds of their fields in the order of their numbers: a message that is called
// so and has other fields is an ordinary one.
var knownShapes = map[protoreflect.FullName]struct {
	known known
	kinds []protoreflect.Kind
}{
	"google.protobuf.Timestamp":   {timestamp, []protoreflect.Kind{protoreflect.Int64Kind, protoreflect.Int32Kind}},
	"google.protobuf.Duration":    {duration, []protoreflect.Kind{protoreflect.Int64Kind, protoreflect.Int32Kind}},
	"google.protobuf.DoubleValue": {wrapper, []protoreflect.Kind{protoreflect.DoubleKind}},
	"google.protobuf.FloatValue":  {wrapper, []protoreflect.Kind{protoreflect.FloatKind}},
	"google.protobuf.Int64Value":  {wrapper, []protoreflect.Kind{protoreflect.Int64Kind}},
	"google.protobuf.UInt64Value": {wrapper, []protoreflect.Kind{protoreflect.Uint64Kind}},
	"google.protobuf.Int32Value":  {wrapper, []protoreflect.Kind{protoreflect.Int32Kind}},
	"google.protobuf.UInt32Value": {wrapper, []protoreflect.Kind{protoreflect.Uint32Kind}},
	"google.protobuf.BoolValue":   {wrapper, []protoreflect.Kind{protoreflect.BoolKind}},
	"google.protobuf.StringValue": {wrapper, []protoreflect.Kind{protoreflect.StringKind}},
	"google.protobuf.BytesValue":  {wrapper, []protoreflect.Kind{protoreflect.BytesKind}},
	"google.protobuf.Struct":      {structure, []protoreflect.Kind{protoreflect.MessageKind}},
	"google.protobuf.Value": {value, []protoreflect.Kind{protoreflect.EnumKind, protoreflect.DoubleKind, protoreflect.StringKind,
		protoreflect.BoolKind, protoreflect.MessageKind, protoreflect.MessageKind}},
	"google.protobuf.ListValue": {values, []protoreflect.Kind{protoreflect.MessageKind}},
	"google.protobuf.Any":       {anything, []protoreflect.Kind{protoreflect.StringKind, protoreflect.BytesKind}},
	"google.protobuf.FieldMask": {fieldMask, []protoreflect.Kind{protoreflect.StringKind}},
}

// knownOf is which message m is.
func knownOf(m protoreflect.MessageDescriptor) known {
	k, ok := knownShapes[m.FullName()]
	if !ok || m.Fields().Len() != len(k.kinds) {
		return ordinary
	}
	for i, kind := range k.kinds {
		f := m.Fields().Get(i)
		isMany := k.known == structure || k.known == values || k.known == fieldMask
		if int(f.Number()) != i+1 || f.Kind() != kind || f.IsMap() != (k.known == structure) || (f.Cardinality() == protoreflect.Repeated) != isMany {
			return ordinary
		}
	}
	return k.known
}

// The seconds of years 0001 to 9999, and how far a Duration goes.
const (
	firstSecond = -62_135_596_800
	lastSecond  = 253_402_300_799
	mostSeconds = 315_576_000_000
	perSecond   = 1_000_000_000
)

// isInstant reports whether a Timestamp is one.
func isInstant(nanos int32) bool { return nanos >= 0 && nanos < perSecond }

// micros is a Timestamp in microseconds. What is less than one is cut off towards the past. ok: it is a Timestamp, and fits.
func micros(seconds int64, nanos int32) (us int64, ok bool) {
	const most = math.MaxInt64/1_000_000 - 1
	if !isInstant(nanos) || seconds > most || seconds < -most {
		return 0, false
	}
	return seconds*1_000_000 + int64(nanos/1000), true
}

// appendInstant appends a Timestamp as protobuf's JSON has it, without quotes. ok: it is of the years 0001 to 9999.
func appendInstant(dst []byte, seconds int64, nanos int32) (_ []byte, ok bool) {
	if !isInstant(nanos) || seconds < firstSecond || seconds > lastSecond {
		return dst, false
	}
	dst = time.Unix(seconds, 0).UTC().AppendFormat(dst, "2006-01-02T15:04:05")
	return append(appendNanos(dst, nanos), 'Z'), true
}

// appendSeconds appends a Duration as decimal digits of seconds. ok: it is one.
func appendSeconds(dst []byte, seconds int64, nanos int32) (_ []byte, ok bool) {
	if seconds < -mostSeconds || seconds > mostSeconds || nanos <= -perSecond || nanos >= perSecond || seconds < 0 && nanos > 0 || seconds > 0 && nanos < 0 {
		return dst, false
	}
	if seconds < 0 || nanos < 0 {
		dst = append(dst, '-')
		seconds, nanos = -seconds, -nanos
	}
	return appendNanos(strconv.AppendInt(dst, seconds, 10), nanos), true
}

// appendNanos appends a fraction of a second: nothing, or 3, 6 or 9 digits.
func appendNanos(dst []byte, nanos int32) []byte {
	if nanos == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int32(perSecond / 10); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+nanos/unit%10))
	}
	for bytes.HasSuffix(dst, []byte("000")) {
		dst = dst[:len(dst)-3]
	}
	return dst
}
