package keys

import (
	"errors"
	"testing"
)

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://app:hunter2@localhost/shop":   "postgres://app:***@localhost/shop",
		"app:hun@ter2@tcp(h:3306)/shop":           "app:***@tcp(h:3306)/shop",
		"mysql://app:hunter2@localhost/shop":      "mysql://app:***@localhost/shop",
		"redis://:hunter2@h/0":                    "redis://:***@h/0",
		"host=h user=app password=hunter2 port=1": "host=h user=app password=*** port=1",
		"postgres://app@localhost/shop":           "postgres://app@localhost/shop",
		"postgres://app@h/db?password=hunter2":    "postgres://app@h/db?password=***",
		"postgres://a:b@h/db?sslpassword=hunter2": "postgres://a:***@h/db?sslpassword=***",
		"host=h password='hunter 2' user=app":     "host=h password='***' user=app",
		"host=h password=$hunter2 port=1":         "host=h password=*** port=1",
		"postgres://app:hun%ter2@localhost/shop":  "postgres://app:***@localhost/shop",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q): got %q, want %q", in, got, want)
		}
	}
}

// H13: a path with brackets between braces is told to want quotes, and not about indentation.
func TestH13BracketsBetweenBraces(t *testing.T) {
	for line, want := range map[string]string{
		"schema: {t: {type: text, from: tags[0]}}":      `"tags[0]"`,
		"schema: {t: {from: a.tags[12].b, type: text}}": `"a.tags[12].b"`,
	} {
		_, err := Read(Table{}, "f.yaml", []byte(line), &Environment{})
		if s, ok := errors.AsType[*SyntaxError](err); !ok || s.Findings[0].Help != "between { } a path with [ ] needs quotes: "+want {
			t.Errorf("%s: got %v", line, err)
		}
	}
}
