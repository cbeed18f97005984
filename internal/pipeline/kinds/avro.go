package kinds

import (
	"os"

	"github.com/fencepost/fencepost/decode/avro"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// Avro is the part of a file under avro.
type Avro struct {
	Schemas []string // files; empty: the registry has the schemas
	Form    registry.Form
}

// AvroKeys are the rows of the table of keys.
func AvroKeys() []keys.Row {
	forms := []string{registry.Bare.String(), registry.SingleObject.String()}
	return []keys.Row{
		{Path: "avro", Form: keys.FormMap, Like: "{schema: FILE.avsc}", Doc: "for decode: avro without a registry"},
		{Path: "avro.schema", Form: keys.FormTexts, Def: "[]", Like: "FILE.avsc", Doc: "file of the records' schema"},
		{Path: "avro.form", Form: keys.FormWord, Words: forms, Def: forms[0], Doc: "or single_object, of several schemas"},
	}
}

// ReadAvro takes the keys under avro.
func ReadAvro(r *keys.Reader) Avro {
	a := Avro{Schemas: keys.Get[[]string](r, "avro.schema")}
	a.Form, _ = registry.ParseForm(keys.Get[string](r, "avro.form"))
	return a
}

// Rules are about the part as a whole. reads: the file's decoder is avro.
func (a Avro) Rules(r *keys.Reader, reads bool) {
	switch {
	case !r.Named("avro"):
	case !reads:
		r.Find("bad-value", r.KeyAt("avro"), "decode: avro; or leave it out", "avro is for decode: avro")
	case len(a.Schemas) == 0 && a.Form != registry.Bare:
		r.Missing("avro", "schema: [FILE.avsc]", "avro.form: %s needs the schemas that records may have", a.Form)
	case len(a.Schemas) > 1 && a.Form == registry.Bare:
		r.Find("bad-value", r.ValueAt("avro.schema"), "one file; or form: single_object", "avro.schema has %d files, and a bare record does not say which is its own", len(a.Schemas))
	}
}

// Texts reads the files.
func (a Avro) Texts() (texts []string, err error) {
	for _, name := range a.Schemas {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// Open reads the schemas.
func (a Avro) Open() (registry.Schemas, error) {
	texts, err := a.Texts()
	if err != nil {
		return nil, err
	}
	if a.Form == registry.Bare {
		return avro.Fixed(texts[0])
	}
	return avro.Known(texts...)
}
