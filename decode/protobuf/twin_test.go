package protobuf_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
)

// twin is the decoder as slow and obvious as it can be: the record as a dynamicpb message, each column's value found in that by its path,
// and put into the column by way of decode.JSON. A row is a text for each column.
//
// protobuf-go 1.36.12 panics at a map's entry with a key and, behind it, a key of another wire type: errNoTwin.
func twin(m protoreflect.MessageDescriptor, fields []decode.Field, value []byte) (row []string, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			if !strings.Contains(fmt.Sprint(fault), "cannot convert nil to map key") {
				panic(fault)
			}
			err = errNoTwin
		}
	}()
	msg := dynamicpb.NewMessage(m)
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(value, msg); err != nil {
		return nil, errUndecodable
	}
	if !validTexts(msg) {
		return nil, errUndecodable
	}
	for _, f := range fields {
		v, err := twinField(msg, f)
		if err != nil {
			return nil, err
		}
		row = append(row, v)
	}
	return row, nil
}

// validTexts reports whether all texts of a message are UTF-8, as proto2 leaves it open.
func validTexts(m protoreflect.Message) (ok bool) {
	ok = true
	check := func(f protoreflect.FieldDescriptor, v protoreflect.Value) {
		switch {
		case f.Kind() == protoreflect.StringKind:
			ok = ok && utf8.ValidString(v.String())
		case f.Message() != nil:
			ok = ok && validTexts(v.Message())
		}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList():
			for i := range v.List().Len() {
				check(f, v.List().Get(i))
			}
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				check(f.MapKey(), k.Value())
				check(f.MapValue(), v)
				return ok
			})
		default:
			check(f, v)
		}
		return ok
	})
	return ok
}

// steps are the steps of a path that needs no quotes.
func steps(path string) (all []string) {
	for _, name := range strings.Split(path, ".") {
		parts := strings.Split(name, "[")
		all = append(all, parts[0])
		for _, index := range parts[1:] {
			all = append(all, "["+index)
		}
	}
	return all
}

// Outcomes that are no value.
var (
	errUndecodable = errors.New("undecodable")
	errMissing     = errors.New("missing")
	errMismatch    = errors.New("mismatch")
	errNoTwin      = errors.New("the twin panics")
)

// twinField is the text of a column.
func twinField(msg protoreflect.Message, f decode.Field) (string, error) {
	path := f.From
	if path == "" {
		path = f.Column
	}
	all := steps(path)
	for {
		fd := msg.Descriptor().Fields().ByName(protoreflect.Name(all[0]))
		if fd == nil {
			return ruled(f, errMissing)
		}
		more := all[1:]
		v := msg.Get(fd)
		switch {
		case len(more) == 0:
			if fd.HasPresence() && !msg.Has(fd) {
				if fd.Cardinality() == protoreflect.Required {
					return ruled(f, errMissing)
				}
				return allowedToLack(f)
			}
			if fd.IsList() || fd.IsMap() {
				if f.Type != fencepost.JSON {
					return ruled(f, errMismatch)
				}
				return inJSON(f, fd, v)
			}
			return inColumn(f, fd, v)
		case fd.IsList() && more[0][0] == '[':
			i, _ := strconv.Atoi(strings.Trim(more[0], "[]"))
			inner := more[1:]
			if len(inner) > 0 && (fd.Message() == nil || inner[0][0] == '[' || astray(fd.Message(), inner)) {
				return ruled(f, errMismatch)
			}
			if i >= v.List().Len() {
				return ruled(f, errMissing)
			}
			if len(inner) == 0 {
				return inColumn(f, fd, v.List().Get(i))
			}
			msg, all = v.List().Get(i).Message(), inner
		case fd.IsMap() && more[0][0] != '[':
			key, ok := keyOf(fd.MapKey(), more[0])
			inner := more[1:]
			if !ok || len(inner) > 0 && (fd.MapValue().Message() == nil || inner[0][0] == '[' || astray(fd.MapValue().Message(), inner)) {
				return ruled(f, errMismatch)
			}
			if !v.Map().Has(key) {
				return ruled(f, errMissing)
			}
			if len(inner) == 0 {
				return inColumn(f, fd.MapValue(), v.Map().Get(key))
			}
			msg, all = v.Map().Get(key).Message(), inner
		case fd.Message() != nil && !fd.IsList() && !fd.IsMap() && more[0][0] != '[':
			if !msg.Has(fd) {
				if astray(fd.Message(), more) {
					return ruled(f, errMismatch)
				}
				return allowedToLack(f)
			}
			msg, all = v.Message(), more
		default:
			return ruled(f, errMismatch)
		}
	}
}

// astray reports whether a path can never lead to a value.
func astray(m protoreflect.MessageDescriptor, all []string) bool {
	for {
		fd := m.Fields().ByName(protoreflect.Name(all[0]))
		more := all[1:]
		if fd == nil || len(more) == 0 {
			return false
		}
		switch {
		case fd.IsList() && more[0][0] == '[', fd.IsMap() && more[0][0] != '[':
			if fd.IsMap() {
				if _, ok := keyOf(fd.MapKey(), more[0]); !ok {
					return true
				}
				fd = fd.MapValue()
			}
			if len(more) == 1 {
				return false
			}
			if fd.Message() == nil || more[1][0] == '[' {
				return true
			}
			m, all = fd.Message(), more[1:]
		case fd.Message() != nil && !fd.IsList() && !fd.IsMap() && more[0][0] != '[':
			m, all = fd.Message(), more
		default:
			return true
		}
	}
}

func keyOf(fd protoreflect.FieldDescriptor, text string) (k protoreflect.MapKey, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	u, uerr := strconv.ParseUint(text, 10, 64)
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text).MapKey(), true
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(text == "true").MapKey(), text == "true" || text == "false"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n)).MapKey(), err == nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(u)).MapKey(), uerr == nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(u).MapKey(), uerr == nil
	}
	return protoreflect.ValueOfInt64(n).MapKey(), err == nil
}

// ruled is what a field's rule makes of an outcome.
func ruled(f decode.Field, err error) (string, error) {
	rule := f.Missing
	if err == errMismatch {
		rule = f.Mismatch
	}
	if rule == decode.Null() {
		return "null", nil
	}
	return "", err
}

// allowedToLack is a null for a field that may be absent.
func allowedToLack(f decode.Field) (string, error) { return "null", nil }

const (
	numbers = "int float decimal json"
	texts   = "text json timestamp decimal bytes date time uuid"
)

// columnsFor are the types of columns that a value may go into.
func columnsFor(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return "bool json"
	case protoreflect.StringKind:
		return texts
	case protoreflect.BytesKind:
		return "bytes json uuid"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "float decimal json timestamp date time"
	case protoreflect.EnumKind:
		return "text " + numbers
	case protoreflect.MessageKind, protoreflect.GroupKind:
		switch fd.Message().FullName() {
		case "google.protobuf.Timestamp":
			return "timestamp json"
		case "google.protobuf.Duration":
			return "text " + numbers
		case "google.protobuf.FieldMask":
			return "text json"
		}
		return "json"
	}
	return numbers + " timestamp date time"
}

// inColumn puts one value into its column.
func inColumn(f decode.Field, fd protoreflect.FieldDescriptor, v protoreflect.Value) (string, error) {
	if fd.Message() != nil && isWrapper(fd.Message()) {
		inner := fd.Message().Fields().Get(0)
		return inColumn(f, inner, v.Message().Get(inner))
	}
	if !slices.Contains(strings.Fields(columnsFor(fd)), f.Type.String()) {
		return ruled(f, errMismatch)
	}
	isMessage := fd.Message() != nil
	switch {
	case f.Type == fencepost.JSON && isMessage && fd.Message().FullName() == "google.protobuf.Value" && v.Message().Has(fd.Message().Fields().ByNumber(1)):
		return "null", nil
	case isMessage && fd.Message().FullName() == "google.protobuf.Timestamp" && f.Type == fencepost.Timestamp:
		s, n := secondsAndNanos(v.Message())
		us := new(big.Int).Add(new(big.Int).Mul(big.NewInt(s), big.NewInt(1e6)), big.NewInt(int64(n/1000)))
		if n < 0 || n > 999_999_999 || !us.IsInt64() {
			return ruled(f, errMismatch)
		}
		return us.String(), nil
	case fd.Kind() == protoreflect.FloatKind && f.Type == fencepost.Float && v.Float()-v.Float() == 0:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), nil // as it is; where digits are wanted they are those of 32 bits
	case fd.Kind() == protoreflect.EnumKind && f.Type == fencepost.Text:
		if fd.Enum().Values().ByNumber(v.Enum()) == nil {
			return ruled(f, errMismatch)
		}
	case fd.Kind() == protoreflect.EnumKind && f.Type != fencepost.JSON:
		return throughJSON(f, []byte(strconv.Itoa(int(v.Enum()))))
	case fd.Kind() == protoreflect.BytesKind && f.Type == fencepost.UUID:
		if len(v.Bytes()) != 16 {
			return ruled(f, errMismatch)
		}
		return throughJSON(f, fmt.Appendf(nil, "%q", hex.EncodeToString(v.Bytes())))
	}
	x, err := asJSON(fd, v)
	if err != nil {
		return ruled(f, errMismatch)
	}
	if f.Type == fencepost.JSON {
		text, err := json.Marshal(x)
		return canonical(text), err
	}
	if s, ok := x.(string); ok && isMessage && fd.Message().FullName() == "google.protobuf.Duration" && f.Type != fencepost.Text {
		x = json.Number(strings.TrimSuffix(s, "s"))
	}
	text, err := json.Marshal(x)
	if err != nil {
		return "", err
	}
	return throughJSON(f, text)
}

func isWrapper(m protoreflect.MessageDescriptor) bool {
	return m.ParentFile().Path() == "google/protobuf/wrappers.proto"
}

// throughJSON is what decode.JSON makes of a value.
func throughJSON(f decode.Field, text []byte) (string, error) {
	asked := f
	f.Column, f.From, f.Mismatch, f.Missing = "x", "", decode.Rule{}, decode.Rule{}
	factory, err := decode.JSON(decode.Config{Fields: []decode.Field{f}})
	if err != nil {
		return "", err
	}
	d := factory()
	columns := columnsOf(d)
	if err := d.Decode(&fencepost.Record{Value: fmt.Appendf(nil, `{"x":%s}`, text)}, columns); err != nil {
		return ruled(asked, errMismatch)
	}
	return cellText(&columns[0]), nil
}

// cellText is the last row of a column.
func cellText(c *fencepost.Column) string {
	i := c.Len() - 1
	switch {
	case c.Null(i):
		return "null"
	case c.Type == fencepost.Int || c.Type == fencepost.Timestamp:
		return strconv.FormatInt(c.Int(i), 10)
	case c.Type == fencepost.Bool:
		return strconv.FormatBool(c.Bool(i))
	case c.Type == fencepost.Float:
		return strconv.FormatFloat(c.Float(i), 'g', -1, 64)
	case c.Type == fencepost.JSON:
		return canonical(c.Bytes(i))
	}
	return strconv.Quote(string(c.Bytes(i)))
}

// canonical is JSON in one way of writing it.
func canonical(text []byte) string {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return "not JSON: " + string(text)
	}
	out, err := json.Marshal(exact(v))
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(string(v))
		if !ok {
			return "no number: " + string(v)
		}
		return "number " + r.RatString()
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(v[k])
		}
	}
	return v
}

func inJSON(f decode.Field, fd protoreflect.FieldDescriptor, v protoreflect.Value) (string, error) {
	x, err := anyJSON(fd, v)
	if err != nil {
		return ruled(f, errMismatch)
	}
	text, err := json.Marshal(x)
	if err != nil {
		return "", err
	}
	return canonical(text), nil
}

// anyJSON is a field's value as encoding/json takes it: of a list and a map too.
func anyJSON(fd protoreflect.FieldDescriptor, v protoreflect.Value) (any, error) {
	switch {
	case fd.IsList():
		list := []any{}
		for i := range v.List().Len() {
			x, err := asJSON(fd, v.List().Get(i))
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	case fd.IsMap():
		object, fault := map[string]any{}, error(nil)
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			object[k.String()], fault = asJSON(fd.MapValue(), v)
			return fault == nil
		})
		return object, fault
	}
	return asJSON(fd, v)
}

func asJSON(fd protoreflect.FieldDescriptor, v protoreflect.Value) (any, error) {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return v.Bool(), nil
	case protoreflect.StringKind:
		return v.String(), nil
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes()), nil
	case protoreflect.EnumKind:
		if e := fd.Enum().Values().ByNumber(v.Enum()); e != nil {
			return string(e.Name()), nil
		}
		return int32(v.Enum()), nil
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return nil, errMismatch
		}
		bits := 64
		if fd.Kind() == protoreflect.FloatKind {
			bits = 32
		}
		return json.Number(strconv.FormatFloat(v.Float(), 'e', -1, bits)), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageJSON(v.Message())
	}
	return json.Number(v.String()), nil
}

func secondsAndNanos(m protoreflect.Message) (int64, int32) {
	f := m.Descriptor().Fields()
	return m.Get(f.ByNumber(1)).Int(), int32(m.Get(f.ByNumber(2)).Int())
}

func messageJSON(m protoreflect.Message) (any, error) {
	fields := m.Descriptor().Fields()
	first := func() (any, error) { return anyJSON(fields.Get(0), m.Get(fields.Get(0))) }
	switch name := m.Descriptor().FullName(); name {
	case "google.protobuf.Timestamp":
		s, n := secondsAndNanos(m)
		at := time.Unix(s, int64(n)).UTC()
		if n < 0 || n > 999_999_999 || s < -62_135_596_800 || s > 253_402_300_799 {
			return nil, errMismatch
		}
		text := at.Format("2006-01-02T15:04:05.000000000")
		for strings.HasSuffix(text, "000") && strings.Contains(text, ".") {
			text = strings.TrimSuffix(strings.TrimSuffix(text, "000"), ".")
		}
		return text + "Z", nil
	case "google.protobuf.Duration":
		s, n := secondsAndNanos(m)
		if s < -315_576_000_000 || s > 315_576_000_000 || n < -999_999_999 || n > 999_999_999 || s > 0 && n < 0 || s < 0 && n > 0 {
			return nil, errMismatch
		}
		total := new(big.Int).Add(new(big.Int).Mul(big.NewInt(s), big.NewInt(1e9)), big.NewInt(int64(n)))
		text := new(big.Rat).SetFrac(total, big.NewInt(1e9)).FloatString(9)
		for strings.HasSuffix(text, "000") && strings.Contains(text, ".") {
			text = strings.TrimSuffix(strings.TrimSuffix(text, "000"), ".")
		}
		return text + "s", nil
	case "google.protobuf.Struct", "google.protobuf.ListValue":
		return first()
	case "google.protobuf.Value":
		set := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
		if set == nil {
			return nil, errMismatch
		}
		if set.Number() == 1 {
			return nil, nil
		}
		return anyJSON(set, m.Get(set))
	case "google.protobuf.Any":
		return map[string]any{"@type": m.Get(fields.Get(0)).String(), "value": base64.StdEncoding.EncodeToString(m.Get(fields.Get(1)).Bytes())}, nil
	case "google.protobuf.FieldMask":
		var paths []string
		for i := range m.Get(fields.Get(0)).List().Len() {
			paths = append(paths, m.Get(fields.Get(0)).List().Get(i).String())
		}
		return strings.Join(paths, ","), nil
	default:
		if isWrapper(m.Descriptor()) {
			return first()
		}
	}
	object := map[string]any{}
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.HasPresence() && !m.Has(f) {
			continue
		}
		x, err := anyJSON(f, m.Get(f))
		if err != nil {
			return nil, err
		}
		object[string(f.Name())] = x
	}
	return object, nil
}
