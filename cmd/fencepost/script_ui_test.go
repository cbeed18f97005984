package main

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// same asks for a URL and runs a command, again and again until both have answered the same json, but for what time alone changes: same URL
// COMMAND ARGUMENT...
func same(ts *testscript.TestScript, _ bool, args []string) {
	last := ""
	defer func() {
		if last != "" {
			ts.Logf("-command +page:\n%s", last)
		}
	}()
	until(ts, args[0], func() bool {
		resp, err := http.Get(args[0])
		if err != nil {
			last = err.Error()
			return false
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		_ = ts.Exec(args[1], args[2:]...) // its exit code says what it found
		last = cmp.Diff(timeless(ts, []byte(ts.ReadFile("stdout"))), timeless(ts, page))
		return last == ""
	})
}

// timeless is json without when it was made, and without ages.
func timeless(ts *testscript.TestScript, text []byte) any {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return string(text)
	}
	top, ok := v.(map[string]any)
	if !ok {
		return v
	}
	delete(top, "time")
	positions, _ := top["positions"].([]any)
	for _, one := range positions {
		delete(one.(map[string]any), "lag_seconds")
	}
	return top
}
