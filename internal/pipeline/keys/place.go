package keys

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/fencepost/fencepost/internal/screen"
)

// Place is the place of something in a file: line and column from 1, counted in characters, and how many characters
// a caret underlines. The zero Place is the file as a whole; a line below 0 is none of the file: -1 is the first thing set besides it.
type Place struct{ Line, Column, Width int }

// Finding is one thing that is wrong with a file, and where.
type Finding struct {
	Code string // kebab-case, stable; `fencepost help CODE` explains it
	Text string // what is wrong
	Help string // what to write instead
	At   Place
}

// Invalid says that a file can be read and is YAML, but is no pipeline. It is an error with all findings at once, in
// the order of the file.
type Invalid struct {
	Name     string
	Findings []Finding
	lines    []string // of the file, without secrets written out in it
	set      []string // what is set besides the file: --set KEY=VALUE
}

// Where is FILE:LINE:COLUMN of a finding, or the flag that it is about.
func (e *Invalid) Where(f Finding) string { return f.At.In(e.Name) }

// In is the place in a file of that name: NAME:LINE:COLUMN, or the flag.
func (p Place) In(name string) string {
	if p.Line < 0 {
		return "--set"
	}
	return fmt.Sprintf("%s:%d:%d", name, p.Line, p.Column)
}

// Error is the screen of all findings, without colour.
func (e *Invalid) Error() string {
	var b strings.Builder
	e.Print(&b, screen.Plain)
	return b.String()
}

// Print writes each finding as editors and people read it: FILE:LINE:COLUMN, the code, the line with a caret.
//
//	bad.yaml:4:31: error[unknown-type]: delay: integer is not a type
//	4 | schema: {origin: text, delay: integer, date: timestamp}
//	  |                               ^^^^^^^ help: int
func (e *Invalid) Print(b *strings.Builder, paint screen.Paint) {
	for _, f := range e.Findings {
		fmt.Fprintf(b, "%s: %s: %s\n", e.Where(f), paint(screen.Red, "error["+f.Code+"]"), screen.Printable(f.Text))
		e.excerpt(b, f, paint)
	}
}

// excerpt writes the line that a finding is about, and its remedy behind a caret.
func (e *Invalid) excerpt(b *strings.Builder, f Finding, paint screen.Paint) {
	line := ""
	if i := f.At.Line - 1; i >= 0 && i < len(e.lines) {
		line = e.lines[i]
	}
	number := fmt.Sprint(f.At.Line)
	if f.At.Line < 0 {
		number, line = "--set", e.set[-1-f.At.Line]
	}
	shown, at := hideSecrets(screen.Printable(line), f.At)
	fmt.Fprintf(b, "%s %s\n", paint(screen.Dim, number+" |"), strings.TrimRight(shown, " \t"))
	help := ""
	if f.Help != "" {
		help = " help: " + screen.Printable(f.Help)
	}
	caret := strings.Repeat("^", max(at.Width, 1))
	fmt.Fprintf(b, "%s %s%s%s\n", paint(screen.Dim, strings.Repeat(" ", len(number))+" |"),
		padding(shown, at.Column-1), paint(screen.Red, caret), paint(screen.Dim, help))
}

// padding is n characters of white space under the beginning of line, tabs under tabs.
func padding(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n <= 0 {
			break
		}
		n--
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	if n > 0 {
		b.WriteString(strings.Repeat(" ", n))
	}
	return b.String()
}

// secretText finds what must not be printed, though it is written in the file itself: the password of a URL or
// of a connection string, and the value of a key that holds a secret. A reference ${...} is no secret.
var secretText = regexp.MustCompile(`(?i)://[^:/@\s"']*:([^\s"']+)@|` +
	`(?:password|token)\s*[:=]\s*(?:"([^"]+)"|'([^']+)'|([^\s"',{}@][^\s"',}@]*))`)

// hideSecrets replaces the secrets of one line by ***, and keeps the caret under what it was under.
func hideSecrets(line string, at Place) (string, Place) {
	var b strings.Builder
	last := 0
	for _, m := range secretText.FindAllStringSubmatchIndex(line, -1) {
		lo, hi := -1, -1
		for g := 2; g < len(m); g += 2 { // one of them matched
			lo, hi = max(lo, m[g]), max(hi, m[g+1])
		}
		if strings.HasPrefix(line[lo:hi], "${") {
			continue
		}
		b.WriteString(line[last:lo])
		b.WriteString("***")
		last = hi
		was := len([]rune(line[lo:hi]))
		switch begins := len([]rune(line[:lo])); {
		case begins+was < at.Column:
			at.Column += 3 - was
		case begins < at.Column+at.Width-1:
			at.Width = max(1, at.Width+3-was)
		}
	}
	b.WriteString(line[last:])
	return b.String(), at
}
