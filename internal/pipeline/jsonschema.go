package pipeline

import (
	"encoding/json"

	"github.com/fencepost/fencepost"
)

// JSONSchema is the JSON Schema (draft 2020-12) of a pipeline file, for editors. It is printed from the table of
// keys. What it can not say (one sink, table or sql) `fencepost check` says.
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

type object = map[string]any

// objectSchema describes the mapping at a path.
func objectSchema(path string) object {
	properties := object{}
	var must []string
	for _, k := range under(path) {
		properties[k.name()] = keySchema(k)
		if k.must {
			must = append(must, k.name())
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(must) > 0 {
		out["required"] = must
	}
	if path == "sink" {
		out["minProperties"], out["maxProperties"] = 1, 1
	}
	return out
}

// anyReference is a value that the environment gives, which no type can describe beforehand.
var anyReference = object{"type": "string", "pattern": `\$\{[^}]+\}`}

func keySchema(k *key) object {
	s := valueSchema(k)
	if k.doc != "" {
		s["description"] = k.doc
	}
	if k.def != "" && k.def != `""` && k.def != "[]" {
		s["default"] = defaultOf(k)
	}
	return s
}

// defaultOf is a default as JSON: numbers and booleans as such, all else as text.
func defaultOf(k *key) any {
	switch k.kind {
	case kindCount, kindBool:
		v, _ := parse(k, k.def)
		return v
	case kindStore:
		if k.def == "{}" {
			return object{}
		}
	}
	return k.def
}

func valueSchema(k *key) object {
	texts := object{"type": "array", "items": object{"type": "string"}}
	switch k.kind {
	case kindMap:
		return objectSchema(k.path)
	case kindBool:
		return object{"anyOf": []any{object{"type": "boolean"}, anyReference}}
	case kindCount:
		return object{"anyOf": []any{object{"type": "integer", "minimum": 0}, anyReference}}
	case kindWord:
		return object{"anyOf": []any{object{"enum": k.words}, anyReference}}
	case kindSize:
		return object{"type": []string{"string", "integer"}, "examples": []string{k.def}}
	case kindDuration:
		return object{"type": "string", "examples": []string{k.def}}
	case kindTexts:
		return object{"anyOf": []any{texts, object{"type": "string"}}}
	case kindRanges:
		return texts
	case kindTopics:
		return object{"anyOf": []any{texts, object{"type": "object", "properties": object{"pattern": object{"type": "string"}},
			"required": []string{"pattern"}, "additionalProperties": false}}}
	case kindStart:
		return object{"anyOf": []any{object{"type": "string", "examples": []string{"earliest", "latest"}},
			object{"type": "object", "additionalProperties": object{"type": "integer", "minimum": 0}}}}
	case kindLanes:
		return object{"anyOf": []any{object{"const": "auto"}, object{"type": "integer", "minimum": 1}}}
	case kindStore:
		s := objectSchema(k.path)
		if k.def != "{}" {
			s["type"], s["pattern"], s["minProperties"], s["maxProperties"] = []string{"object", "string"}, "^"+k.def+"$", 1, 1
		}
		return s
	case kindPolicy:
		return policySchema()
	case kindSchema:
		return columnsSchema()
	case kindCommands:
		return commandsSchema()
	case kindText, kindSecret, kindSQL:
	}
	return object{"type": "string"}
}

func policySchema() object {
	properties := object{}
	for _, v := range verdicts {
		properties[v.name] = object{"enum": v.choices}
	}
	return object{"anyOf": []any{object{"enum": []string{"park", "earliest"}},
		object{"type": "object", "properties": properties, "additionalProperties": false}}}
}

func columnsSchema() object {
	column := object{"anyOf": []any{
		object{"enum": fencepost.Types()},
		object{"type": "object", "additionalProperties": false, "required": []string{"type"}, "properties": object{
			"type":     object{"enum": fencepost.Types()},
			"from":     object{"type": "string", "description": "the field of the record; the column's name where it is not said"},
			"missing":  object{"description": "the field is not there: error, null, or a value", "default": "error"},
			"mismatch": object{"description": "the value does not fit the type: error, null, or a value", "default": "error"},
			"unit":     object{"enum": []string{"s", "ms", "us"}, "description": "of a timestamp that is a number"},
		}},
	}}
	return object{"type": "object", "minProperties": 1, "propertyNames": object{"pattern": "^[^_]"}, "additionalProperties": column}
}

func commandsSchema() object {
	var forms []string
	for _, f := range commandForms {
		forms = append(forms, f.form)
	}
	command := object{"type": "string", "examples": forms}
	return object{"type": "array", "minItems": 1, "items": object{"anyOf": []any{command,
		object{"type": "object", "additionalProperties": false, "required": []string{"command"}, "properties": object{
			"command": command,
			"where":   object{"type": "string", "description": "an expression: only for records for which it holds"},
		}}}}}
}
