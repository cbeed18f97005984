package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// document writes the one object of a command to stdout, as json or as yaml.
func (a *app) document(v any) {
	if a.output != "yaml" {
		a.json(v)
		return
	}
	a.said = true
	text, err := json.Marshal(v)
	if err == nil {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		panic(err) // objects of ours
	}
	_, _ = a.stdout.Write(text)
}

// rows writes objects as csv: a column for each key, nested ones as position_offset. The first object names the columns.
func (a *app) rows(objects []object, columns []string) error {
	a.said = true
	w := csv.NewWriter(a.stdout)
	if err := w.Write(columns); err != nil {
		return err
	}
	for _, o := range objects {
		flat := map[string]string{}
		flatten(flat, "", o)
		line := make([]string, len(columns))
		for i, c := range columns {
			line[i] = flat[c]
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func flatten(into map[string]string, prefix string, o object) {
	for i := 0; i+1 < len(o); i += 2 {
		name := prefix + fmt.Sprint(o[i])
		switch v := o[i+1].(type) {
		case nil:
		case object:
			flatten(into, name+"_", v)
		case *int64:
			if v != nil {
				into[name] = fmt.Sprint(*v)
			}
		case string:
			into[name] = v
		default:
			text, err := json.Marshal(v)
			if err != nil {
				panic(err) // numbers and words of ours
			}
			if !bytes.Equal(text, []byte("null")) {
				into[name] = strings.Trim(string(text), `"`)
			}
		}
	}
}

// known is a number for json: null where nobody knows it.
func known[T ~int64](n T) any {
	if n < 0 {
		return nil
	}
	return int64(n)
}

// spoken is a word for json: null for none.
func spoken(s string) any {
	if s == "" || s == "-" {
		return nil
	}
	return s
}
