package target

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/sqlstore"
	"github.com/fencepost/fencepost/internal/text"
)

// location is a URL taken apart.
type location struct {
	scheme string
	url    *url.URL   // nil for sqlite: and file:, which have a path
	path   string     // of sqlite: and file:
	params url.Values // all of them, ours too
	shown  string     // without parameters and secrets

	anyGroup bool // no group is asked for
}

// ours are the parameters that no driver sees.
var ours = []string{"group", "layout"}

// parse takes a URL apart, with its references replaced.
func parse(text string, env *pipeline.Environment) (*location, error) {
	typed := text
	text, err := expand(text, env)
	if err != nil {
		return nil, err
	}
	l := &location{}
	var rest string
	var ok bool
	if l.scheme, rest, ok = strings.Cut(text, ":"); !ok {
		return nil, codes.Usage("one of "+strings.Join(schemeNames, "  "), "a ledger's URL begins with a scheme")
	}
	l.scheme = strings.ToLower(l.scheme)
	if examples[l.scheme] == "" {
		return nil, noScheme(l.scheme)
	}
	if l.scheme == "sqlite" || l.scheme == "file" {
		path, query, _ := strings.Cut(rest, "?")
		l.path = strings.TrimPrefix(path, "//")
		l.params, err = url.ParseQuery(query)
		l.shown = l.scheme + ":" + l.path
		if err != nil || l.path == "" {
			return nil, unreadable(l.scheme)
		}
		return l, nil
	}
	if err := unescaped(typed, text); err != nil {
		return nil, err
	}
	if l.url, err = url.Parse(text); err != nil {
		return nil, unreadable(l.scheme)
	}
	if l.params, err = url.ParseQuery(l.url.RawQuery); err != nil || l.url.Host == "" {
		return nil, unreadable(l.scheme)
	}
	bare := *l.url
	bare.RawQuery, bare.Fragment = "", ""
	l.shown = keys.Redact(bare.String())
	return l, nil
}

func noScheme(name string) error {
	help := "one of " + strings.Join(schemeNames, "  ")
	if near := text.Nearest(name, schemeNames); near != "" {
		help = examples[near]
	}
	return codes.Usage(help, "%s is no scheme of a ledger's URL", name)
}

// unreadable quotes nothing: a password may be in the wrong place.
func unreadable(scheme string) error {
	return codes.Usage(examples[scheme], "the URL can not be read (not shown: it may hold a password)")
}

// unescaped refuses a URL with a character that divides it where it was meant as text: a # cuts off all that follows, a second ?
// and an & within a value begin another parameter. text is what was typed with its references replaced.
func unescaped(typed, text string) error {
	_, query, _ := strings.Cut(text, "?")
	loose := ""
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" && !strings.Contains(pair, "=") && loose == "" {
			loose = pair
		}
	}
	switch {
	case strings.Contains(text, "#"):
		return divided(typed, "#", "%23", "cuts off what follows it", strings.ReplaceAll(typed, "#", "%23"))
	case strings.Contains(query, "?"):
		head, tail, _ := strings.Cut(typed, "?")
		return divided(typed, "?", "%3F", "begins the parameters, and is there twice; before a further parameter it is &", head+"?"+strings.ReplaceAll(tail, "?", "%3F"))
	case loose != "":
		return divided(typed, "&", "%26", "begins a parameter, and "+loose+" is none", strings.Replace(typed, "&"+loose, "%26"+loose, 1))
	}
	return nil
}

// divided is the refusal, with the URL as it should be typed; of one that holds a password only what follows it is shown.
func divided(typed, char, escape, does, mended string) error {
	_, rest, _ := strings.Cut(typed, "://")
	login := ""
	if i := strings.LastIndexByte(rest, '@'); i >= 0 { // the last one: a password may hold another
		login = rest[:i]
	}
	_, password, _ := strings.Cut(login, ":")
	help := "'" + mended + "'"
	switch {
	case !strings.Contains(reference.ReplaceAllString(typed, ""), char):
		help = "write it as " + escape + " in the value that the URL takes from the environment"
	case !strings.Contains(rest, "@"):
	case strings.Contains(login, char):
		help = "write it as " + escape + ", or take the password from the environment: :${PW}@"
	case reference.ReplaceAllString(password, "") != "":
		after := mended[strings.LastIndexByte(mended, '@')+1:]
		help = "'...@" + after + "'"
	}
	return codes.Usage(help, "in a URL %s %s; in a name it is written %s", char, does, escape)
}

// reference is ${NAME} or ${file:PATH}, which may hold what a URL is divided by.
var reference = regexp.MustCompile(`\$\{[^}]*\}`)

// expand replaces ${NAME}. A value in the part before the @ is what a program logs in with, as it is; a value elsewhere
// is text of the URL.
func expand(text string, env *pipeline.Environment) (string, error) {
	masked := reference.ReplaceAllStringFunc(text, func(ref string) string { return strings.Repeat("x", len(ref)) })
	_, rest, ok := strings.Cut(masked, "://")
	if !ok {
		return env.Expand(text, nil)
	}
	begins := len(masked) - len(rest)
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority = rest[:i]
	}
	at := begins + strings.LastIndex(authority, "@") + 1
	head, err1 := env.Expand(text[:begins], nil)
	login, err2 := env.Expand(text[begins:at], escapeLogin)
	tail, err3 := env.Expand(text[at:], nil)
	return head + login + tail, errors.Join(err1, err2, err3)
}

// escapeLogin writes a user's name or password as a part of a URL.
func escapeLogin(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// takes refuses parameters that are not taken; of a driver's, those that look like one of ours.
func (l *location) takes(params []string, drivers bool) error {
	known := append(slices.Clone(ours), params...)
	for name := range l.params {
		if slices.Contains(known, name) {
			continue
		}
		near := text.Nearest(name, known)
		switch {
		case drivers && near == "":
		case near != "":
			return codes.Usage(near+"=", "%s URLs have no parameter %s", l.scheme, name)
		default:
			return codes.Usage("there are "+strings.Join(known, "  "), "%s URLs have no parameter %s", l.scheme, name)
		}
	}
	return nil
}

// dsn is the URL for a driver, without what is ours.
func (l *location) dsn(scheme string) string {
	u, q := *l.url, url.Values{}
	for name, v := range l.params {
		if !slices.Contains(ours, name) && !slices.Contains(sqlstore.TableKeys(), name) {
			q[name] = v
		}
	}
	u.Scheme, u.RawQuery = scheme, q.Encode()
	return u.String()
}

// group is the parameter, which a ledger needs.
func (l *location) group() (fencepost.Group, error) {
	g := l.params.Get("group")
	if g == "" && !l.anyGroup {
		return "", codes.Usage(examples[l.scheme], "the URL names no group, and a ledger holds many")
	}
	return fencepost.Group(g), nil
}
