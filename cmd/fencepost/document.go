package main

import (
	"encoding/json"

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
	if err == nil && a.output == "yaml" {
		text, err = yaml.JSONToYAML(text)
	}
	if err != nil {
		panic(err) // answers are structs of ours
	}
	if a.output != "yaml" {
		a.json(json.RawMessage(text))
		return
	}
	a.said = true
	_, _ = a.stdout.Write(text)
}
