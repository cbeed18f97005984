package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"

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

// writeYAML writes a JSON object as YAML, each element of its lists by itself: the library's tree of the whole takes a hundred
// times its text.
func writeYAML(w *bufio.Writer, text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(err, fmt.Errorf("%.20s: not an object", text))
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := writeMember(w, name.(string), value); err != nil {
			return err
		}
	}
	return nil
}

// writeMember writes one member of an object.
func writeMember(w *bufio.Writer, name string, value json.RawMessage) error {
	if value[0] != '[' || len(bytes.TrimSpace(value[1:])) == 1 {
		return writeWhole(w, name, value, "")
	}
	if err := writeWhole(w, name, json.RawMessage("[]"), " []"); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(value))
	_, err := d.Token()
	for err == nil && d.More() {
		var element json.RawMessage
		if err = d.Decode(&element); err == nil {
			err = writeElement(w, element)
		}
	}
	return err
}

// writeWhole writes a member by the library, without what is cut off its end.
func writeWhole(w io.Writer, name string, value json.RawMessage, cut string) error {
	object, err := json.Marshal(map[string]json.RawMessage{name: value})
	if err != nil {
		return err
	}
	text, err := yaml.JSONToYAML(object)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte(cut)))
	return err
}

// writeElement writes one element of a list that is a member.
func writeElement(w *bufio.Writer, element json.RawMessage) error {
	text, err := yaml.JSONToYAML(element)
	if err != nil {
		return err
	}
	mark := "- "
	for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		if len(line) == 0 {
			mark = ""
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", mark, line); err != nil {
			return err
		}
		mark = "  "
	}
	return nil
}
