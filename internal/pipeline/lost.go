package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/internal/text"
)

// lost says what is where a column looks, and where its field may be instead: the paths to fields of that name, or of the nearest one.
// help is empty where the records show neither. there: the field is in its place, and null.
func (s *sampled) lost(c Column) (about, help string, there bool) {
	want, root, own := c.Name, c.Name, decode.Literal(c.Name)
	if c.From != "" {
		own = c.From
		want = c.From[strings.LastIndexByte(c.From, '.')+1:]
		root, _, _ = strings.Cut(c.From, ".")
		root, _, _ = strings.Cut(root, "[")
	}
	paths := map[string][]string{} // :: name -> where it is
	for _, value := range s.values {
		if v, ok := value[root]; ok && about == "" {
			about = what(root, v)
		}
		find(value, "", 0, s.file.Explode, paths)
	}
	if slices.Contains(paths[want], own) {
		return "", "", true
	}
	if len(paths[want]) == 0 {
		want = text.Nearest(want, slices.Sorted(maps.Keys(paths)))
	}
	if len(paths[want]) == 0 {
		return about, "", false
	}
	return about, "from: " + strings.Join(paths[want][:min(3, len(paths[want]))], ", or from: "), false
}

// what names the kind of a value, and the members of an object.
func what(name string, v any) string {
	switch v := v.(type) {
	case map[string]any:
		members := slices.Sorted(maps.Keys(v))
		return fmt.Sprintf("; %s is an object of %s", name, strings.Join(members[:min(len(members), 8)], ", "))
	case []any:
		return fmt.Sprintf("; %s is an array of %d", name, len(v))
	case nil:
		return ""
	}
	return fmt.Sprintf("; %s is no object", name)
}

// How deep fields are looked for, and how many.
const (
	mostLevels   = 5
	mostFields   = 1000
	mostElements = 20 // of the array that explode names
)

// find gathers the paths of all fields, by their names, those in the elements of explode's array too.
func find(value map[string]any, at string, depth int, explode string, paths map[string][]string) {
	for name, v := range value {
		path := decode.Literal(name)
		if at != "" {
			path = at + "." + path
		}
		if !slices.Contains(paths[name], path) && len(paths) < mostFields {
			paths[name] = append(paths[name], path)
		}
		switch inner := v.(type) {
		case map[string]any:
			if depth < mostLevels {
				find(inner, path, depth+1, explode, paths)
			}
		case []any:
			for _, element := range inner[:min(len(inner), mostElements)] {
				if object, ok := element.(map[string]any); ok && path == explode {
					find(object, path+"[]", depth+1, explode, paths)
				}
			}
		}
	}
}
