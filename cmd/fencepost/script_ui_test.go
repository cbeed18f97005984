package main

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"

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

var csrfField = regexp.MustCompile(`name="csrf" value="([0-9a-f]{64})"`)

// act signs in at a dashboard, plans by a form, executes, and writes what came of it to the file: act URL NAME TOKENFILE GROUP FILE FIELD=VALUE...
func act(ts *testscript.TestScript, _ bool, args []string) {
	base, name, token, group, file := args[0], args[1], strings.TrimSpace(ts.ReadFile(args[2])), args[3], args[4]
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	client := &http.Client{Jar: jar}
	code := ""
	read := func(resp *http.Response, err error) (at, body string) {
		ts.Check(err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		ts.Check(err)
		if m := csrfField.FindSubmatch(b); m != nil {
			code = string(m[1])
		}
		return resp.Request.URL.Path, string(b)
	}
	post := func(path string, form url.Values) (at, body string) {
		form.Set("csrf", code)
		return read(client.PostForm(base+path, form))
	}
	read(client.Get(base + "/sign-in"))
	if at, body := post("/sign-in", url.Values{"name": {name}, "token": {token}, "to": {"/p/" + group + "/set"}}); at == "/sign-in" {
		ts.Fatalf("sign-in: %s", body)
	}
	form := url.Values{}
	for _, arg := range args[5:] {
		k, v, _ := strings.Cut(arg, "=")
		form.Add(k, v)
	}
	plan, body := post("/p/"+group+"/plan", form)
	if !strings.Contains(plan, "/plan/") {
		ts.Fatalf("plan: %s %s", plan, body)
	}
	_, body = post(plan, url.Values{"sure": {"1"}})
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(html.UnescapeString(body)), 0o644))
}
