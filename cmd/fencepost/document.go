package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/view"
)

// answer prints an answer in the form asked for; show prints it for people. Its error is the answer's exit code.
func (a *app) answer(v view.Answer, show func()) error {
	switch a.output {
	case "json", "yaml":
		a.document(v)
	case "csv":
		a.said = true
		if err := view.CSV(a.stdout, v.Rows()); err != nil {
			return err
		}
	default:
		show()
	}
	if exit := v.Exit(); exit != 0 {
		return exited(exit)
	}
	return nil
}

// document writes the one object of a command to stdout, as json or as yaml.
func (a *app) document(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // answers are structs of ours
	}
	if a.output != "yaml" {
		a.json(json.RawMessage(text))
		return
	}
	a.said = true
	out := bufio.NewWriter(a.stdout)
	if err := writeYAML(out, text); err != nil {
		panic(err) // it is json that was just made; a closed stdout is Flush's to report
	}
	_ = out.Flush() // a closed stdout cannot be reported
}

// writeYAML writes a JSON object as YAML, token by token: it holds nothing of it. (The library's tree took a hundred times the text.)
func writeYAML(w *bufio.Writer, text []byte) error {
	y := yamlWriter{w, json.NewDecoder(bytes.NewReader(text))}
	y.d.UseNumber()
	t, err := y.d.Token()
	if err != nil || t != json.Delim('{') {
		return errors.Join(err, fmt.Errorf("%.20s: not an object", text))
	}
	return y.members('{', 0, false)
}

type yamlWriter struct {
	w *bufio.Writer
	d *json.Decoder
}

// value writes what stands behind a key or a dash, on its line and below it from column at on.
func (y yamlWriter) value(at int, behindDash bool) error {
	t, err := y.d.Token()
	if err != nil {
		return err
	}
	kind, holds := t.(json.Delim)
	switch {
	case !holds:
		y.w.WriteString(" " + scalar(t) + "\n")
		return nil
	case !y.d.More():
		y.w.WriteString(map[json.Delim]string{'{': " {}\n", '[': " []\n"}[kind])
		_, err := y.d.Token()
		return err
	case kind == '{' && behindDash: // the first member stands on the line of the dash
		y.w.WriteByte(' ')
		return y.members(kind, at, true)
	case kind == '[' && !behindDash: // dashes stand below the key itself
		at -= 2
	}
	y.w.WriteByte('\n')
	return y.members(kind, at, false)
}

// members writes the members of an object, or the elements of a list, each on lines of its own from column at on. begun: the
// first one's line is begun.
func (y yamlWriter) members(kind json.Delim, at int, begun bool) error {
	for ; y.d.More(); begun = false {
		if !begun {
			y.w.WriteString(strings.Repeat(" ", at))
		}
		if kind == '[' {
			y.w.WriteByte('-')
		} else {
			name, err := y.d.Token()
			if err != nil {
				return err
			}
			y.w.WriteString(keys.Plain(name.(string)) + ":")
		}
		if err := y.value(at+2, kind == '['); err != nil {
			return err
		}
	}
	_, err := y.d.Token()
	return err
}

// scalar is a value that holds no others.
func scalar(t json.Token) string {
	switch t := t.(type) {
	case string:
		return keys.Plain(t)
	case nil:
		return "null"
	}
	return fmt.Sprint(t)
}
