package pipeline

import (
	"encoding/json"

	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// JSONSchema is the JSON Schema (draft 2020-12) of a pipeline file, for editors. It is printed from the table of
// keys. What it cannot say (one sink, table or sql) `fencepost check` says.
func JSONSchema() []byte {
	root := objectSchema("")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Fencepost pipeline"
	root["description"] = "Topics into one sink, exactly once. Any value may be ${NAME} or ${file:PATH}."
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("pipeline: the JSON Schema does not marshal: " + err.Error()) // maps of strings, numbers and lists
	}
	return append(b, '\n')
}

// objectSchema describes the mapping at a path.
func objectSchema(path string) keys.Object {
	properties := keys.Object{}
	var must []string
	for _, k := range fileKeys.Under(path) {
		properties[k.Name()] = keySchema(k)
		if k.Must {
			must = append(must, k.Name())
		}
	}
	out := keys.Object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(must) > 0 {
		out["required"] = must
	}
	if path == "sink" {
		out["minProperties"], out["maxProperties"] = 1, 1
	}
	return out
}

// anyReference is a value that the environment gives, which no type can describe beforehand.
var anyReference = keys.Object{"type": "string", "pattern": `\$\{[^}]+\}`}

func keySchema(k *keys.Row) keys.Object {
	s := valueSchema(k)
	if k.Doc != "" {
		s["description"] = k.Doc
	}
	if k.Def != "" && k.Def != `""` && k.Def != "[]" {
		s["default"] = defaultOf(k)
	}
	return s
}

// defaultOf is a default as JSON: numbers and booleans as such, all else as text.
func defaultOf(k *keys.Row) any {
	switch k.Form {
	case keys.FormCount, keys.FormBool:
		v, _ := keys.Parse(k, k.Def)
		return v
	case keys.FormStore:
		if k.Def == "{}" {
			return keys.Object{}
		}
	}
	return k.Default()
}

func valueSchema(k *keys.Row) keys.Object {
	switch k.Form {
	case keys.FormMap:
		return objectSchema(k.Path)
	case keys.FormBool:
		return keys.Object{"anyOf": []any{keys.Object{"type": "boolean"}, anyReference}}
	case keys.FormCount:
		return keys.Object{"anyOf": []any{keys.Object{"type": "integer", "minimum": 0}, anyReference}}
	case keys.FormWord:
		return keys.Object{"anyOf": []any{keys.Object{"enum": k.Words}, anyReference}}
	case keys.FormSize:
		return keys.Object{"type": []string{"string", "integer"}, "examples": []string{k.Def}}
	case keys.FormDuration:
		return keys.Object{"type": "string", "examples": []string{k.Def}}
	case keys.FormTexts:
		list := textsSchema()
		if k.Words != nil {
			list["items"] = keys.Object{"enum": k.Words}
		}
		return keys.Object{"anyOf": []any{list, keys.Object{"type": "string"}}}
	case keys.FormLanes:
		return keys.Object{"anyOf": []any{keys.Object{"const": "auto"}, keys.Object{"type": "integer", "minimum": 1}}}
	case keys.FormStore:
		s := objectSchema(k.Path)
		if k.Def != "{}" {
			s["type"], s["pattern"], s["minProperties"], s["maxProperties"] = []string{"object", "string"}, "^"+k.Def+"$", 1, 1
		}
		return s
	case keys.FormOwn:
		return k.Own.Schema()
	case keys.FormText, keys.FormSecret, keys.FormSQL:
	}
	return keys.Object{"type": "string"}
}

// textsSchema is a list of texts.
func textsSchema() keys.Object {
	return keys.Object{"type": "array", "items": keys.Object{"type": "string"}}
}
