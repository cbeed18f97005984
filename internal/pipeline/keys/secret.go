package keys

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/text"
)

// Secret is text that is never printed: every way to format it gives ***. It is kept as it was written and resolved
// when it is needed, so that a file behind ${file:PATH} may change while the pipeline runs.
type Secret struct {
	written string
	env     *Environment
}

// NewSecret is a Secret that stands in no file, as it was written.
func NewSecret(written string, env *Environment) Secret { return Secret{written, env} }

// Reference is the Secret as it was written where it is one reference and nothing else, which may be printed; else another one.
func (s Secret) Reference(otherwise string) string {
	if reference.FindString(s.written) == s.written && !strings.Contains(s.written, ":-") {
		return s.written
	}
	return otherwise
}

// String is ***, or nothing for a Secret that is not set.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return "***"
}

// GoString keeps %#v from printing the fields.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from printing the fields.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Empty reports whether the Secret was not set.
func (s Secret) Empty() bool { return s.written == "" }

// Same reports whether two Secrets that are set were written alike.
func (s Secret) Same(o Secret) bool { return s.written == o.written && !s.Empty() }

// Reveal reads the environment and the files that the Secret refers to, as they are now.
func (s Secret) Reveal() (string, error) {
	text, problems := s.env.expand(s.written)
	if len(problems) > 0 {
		return "", fmt.Errorf("%s", problems[0].text)
	}
	return text, nil
}

// References says where the Secret comes from, with its length and without its value: "${KAFKA_PASSWORD} is set, 16
// characters". Empty if it was written into the file itself.
func (s Secret) References() string {
	m := reference.FindString(s.written)
	if m == "" {
		return ""
	}
	text, problems := s.env.expand(m)
	if len(problems) > 0 {
		return problems[0].text
	}
	return fmt.Sprintf("%s is set, %d characters", m, utf8.RuneCountInString(text))
}

// Environment is where references are looked up, and what is set besides the file. Its functions are those of package os outside of
// tests.
type Environment struct {
	Lookup   func(string) (string, bool)
	Names    func() []string
	ReadFile func(string) ([]byte, error)
	Set      []string // KEY=VALUE, each in the place of what the file has: batch.records=1000
	Unasked  bool     // secrets are not looked up while a file is read: nothing is going to connect
}

// Process is the environment of this process.
func Process() *Environment {
	return &Environment{Lookup: os.LookupEnv, ReadFile: os.ReadFile, Names: func() []string {
		var names []string
		for _, pair := range os.Environ() {
			if name, _, _ := strings.Cut(pair, "="); name != "" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}}
}

// reference is ${NAME}, ${NAME:-DEFAULT} or ${file:PATH}; the text between the braces is checked apart.
var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// problem is a reference that leads nowhere. lo and hi are its bytes in the text.
type problem struct {
	code, text, help string
	lo, hi           int
}

// Expand replaces each reference of a text that is in no file, as escape writes its value (nil: unchanged).
//
// Errors: *fencepost.UserError env-not-set, file-not-readable, bad-value, about the first reference that leads nowhere.
func (e *Environment) Expand(text string, escape func(string) string) (string, error) {
	out, problems := e.expandAs(text, escape)
	if len(problems) > 0 {
		p := problems[0]
		return "", &fencepost.UserError{Code: p.code, Exit: 2, Err: errors.New(p.text), Help: p.help}
	}
	return out, nil
}

// expand replaces each reference of a text by what it refers to.
func (e *Environment) expand(text string) (string, []problem) { return e.expandAs(text, nil) }

func (e *Environment) expandAs(text string, escape func(string) string) (string, []problem) {
	var out strings.Builder
	var problems []problem
	last := 0
	for _, m := range reference.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(text[last:m[0]])
		last = m[1]
		value, p := e.resolve(text[m[2]:m[3]])
		if p != nil {
			p.lo, p.hi = m[0], m[1]
			problems = append(problems, *p)
			continue
		}
		if escape != nil {
			value = escape(value)
		}
		out.WriteString(value)
	}
	out.WriteString(text[last:])
	return out.String(), problems
}

// resolve looks up one reference.
func (e *Environment) resolve(ref string) (string, *problem) {
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		b, err := e.ReadFile(path)
		if err != nil {
			return "", &problem{code: "file-not-readable", text: PlainPathError(path, err), help: "mend the path, or who may read it"}
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	ref, otherwise, given := strings.Cut(ref, ":-")
	if !variable.MatchString(ref) {
		return "", &problem{code: "bad-value", text: fmt.Sprintf("${%s} refers to nothing", ref), help: "${NAME}, ${NAME:-DEFAULT} or ${file:PATH}"}
	}
	value, ok := e.Lookup(ref)
	if ok && value != "" {
		return value, nil
	}
	if given {
		return otherwise, nil
	}
	if ok {
		return "", &problem{code: "env-not-set", text: ref + " is empty in the environment", help: "export " + ref + "=VALUE"}
	}
	help := "export " + ref
	if near := text.Nearest(ref, e.Names()); near != "" {
		help = near + " is set; or export " + ref
	}
	return "", &problem{code: "env-not-set", text: ref + " is not set in the environment", help: help}
}

// PlainPathError says what is wrong with a file without the system call's name.
func PlainPathError(path string, err error) string {
	switch {
	case os.IsNotExist(err):
		return path + ": no such file"
	case os.IsPermission(err):
		return path + ": not readable by this user"
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return path + ": " + text
}

// driverDSN is the form of MySQL's driver: user:password@tcp(host:3306)/database. A password may hold an @.
var driverDSN = regexp.MustCompile(`^([^:@/]*):.*@((?:tcp6?|unix)?\(.*)$`)

// Redact is a URL or connection string as it may be printed: redis://:***@host/0.
func Redact(dsn string) string {
	if m := driverDSN.FindStringSubmatch(dsn); m != nil {
		return m[1] + ":***@" + m[2]
	}
	if u, err := url.Parse(dsn); err == nil && u.Scheme != "" && u.User != nil {
		if _, has := u.User.Password(); has {
			name := u.User.Username()
			u.User = nil
			dsn = strings.Replace(u.String(), "://", "://"+name+":***@", 1)
		}
	}
	shown, _ := hideSecrets(dsn, Place{Column: 1, Width: 1})
	return shown
}
