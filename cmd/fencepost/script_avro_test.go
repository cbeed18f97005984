package main

import (
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/avro"
)

// putAvro writes records of a schema, which are given as JSON, behind the schema's id, or without one where it is 0, into a topic of one
// partition: putavro TOPIC FILE.avsc ID VALUE...
func putAvro(ts *testscript.TestScript, _ bool, args []string) {
	schema, err := avro.Parse(ts.ReadFile(args[1]))
	ts.Check(err)
	id, err := strconv.Atoi(args[2])
	ts.Check(err)
	var bodies []string
	for _, text := range args[3:] {
		var value any
		ts.Check(schema.DecodeJSON([]byte(text), &value))
		body, err := schema.Encode(value)
		ts.Check(err)
		bodies = append(bodies, string(body))
	}
	if id > 0 {
		putFramed(ts, false, append([]string{args[0], args[2]}, bodies...))
		return
	}
	putBare(ts, args[0], bodies)
}
