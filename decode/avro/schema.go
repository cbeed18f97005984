package avro

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	twmb "github.com/twmb/avro"

	"github.com/fencepost/fencepost/decode/registry"
)

// Schema is what records were written with.
type Schema struct {
	root *node
	// fingerprint is the CRC-64-AVRO of the parsing canonical form.
	fingerprint uint64
}

// Parse reads a schema. The texts that it refers to stand before it, each behind those that it refers to itself.
func Parse(text string, references ...string) (*Schema, error) {
	var cache twmb.SchemaCache
	b := builder{names: map[string]*node{}}
	for _, r := range references {
		if _, err := b.parse(&cache, r); err != nil {
			return nil, fmt.Errorf("parse Avro schema that another one refers to: %w", err)
		}
	}
	s, err := b.parse(&cache, text)
	if err != nil {
		return nil, fmt.Errorf("parse Avro schema: %w", err)
	}
	return s, nil
}

// OfRegistry parses a schema of a registry with what it refers to.
func OfRegistry(s *registry.Schema) (*Schema, error) {
	if s.Type != registry.Avro && s.Type != registry.AnyType {
		return nil, fmt.Errorf("it is a schema of type %s, not AVRO", s.Type)
	}
	var references []string
	seen := map[*registry.Schema]bool{}
	var gather func(*registry.Schema)
	gather = func(s *registry.Schema) {
		for _, r := range s.References {
			if !seen[r.Schema] {
				seen[r.Schema] = true
				gather(r.Schema)
				references = append(references, r.Schema.Text)
			}
		}
	}
	gather(s)
	return Parse(s.Text, references...)
}

// anyName takes names that the specification does not: old writers did, and a column takes a field by any.
var anyName = twmb.WithLaxNames(func(string) error { return nil })

// builder makes nodes of parsed schemas.
type builder struct {
	names map[string]*node // :: full name -> record, enum or fixed
}

func (b *builder) parse(cache *twmb.SchemaCache, text string) (*Schema, error) {
	mended, err := mend(text)
	if err != nil {
		return nil, err
	}
	parsed, err := cache.Parse(mended, anyName)
	if err != nil {
		return nil, err
	}
	root, err := b.node(parsed.Root(), "")
	if err != nil {
		return nil, err
	}
	return &Schema{root, binary.BigEndian.Uint64(parsed.Fingerprint(twmb.NewRabin()))}, nil
}

// mend takes out of a schema's text what readers ignore and the parser refuses. By the specification a decimal that is not valid is
// plain bytes, and Debezium writes such ones: precision 5, scale 2046. A field's default is a matter of who reads, and Java took any before
// Avro 1.9. A lone primitive may stand without quotes in the answers of registries.
func mend(text string) (string, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var schema any
	if err := d.Decode(&schema); err != nil {
		if _, primitive := kinds[text]; primitive {
			return `"` + text + `"`, nil
		}
		return "", fmt.Errorf("it is not JSON: %w", err)
	}
	if d.More() {
		return "", fmt.Errorf("it is not JSON: something stands behind it, at byte %d", d.InputOffset())
	}
	mendValue(schema)
	mended, err := json.Marshal(schema)
	return string(mended), err
}

func mendValue(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			mendValue(item)
		}
	case map[string]any:
		if _, ok := v["type"]; ok {
			delete(v, "default")
		}
		if v["logicalType"] == "decimal" && !isDecimal(v) {
			delete(v, "logicalType")
		}
		for _, item := range v {
			mendValue(item)
		}
	}
}

// isDecimal reports whether a type with the logical type decimal is one.
func isDecimal(v map[string]any) bool {
	precision, ok := whole(v["precision"])
	scale := int64(0)
	if s, there := v["scale"]; there && ok {
		scale, ok = whole(s)
	}
	if !ok || precision < 1 || scale < 0 || scale > precision {
		return false
	}
	if v["type"] == "fixed" {
		size, ok := whole(v["size"])
		return ok && float64(precision) <= math.Floor(math.Log10(2)*float64(8*size-1))
	}
	return v["type"] == "bytes"
}

func whole(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	x, err := n.Int64()
	return x, err == nil
}
