package top

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/fencepost/fencepost/internal/screen"
)

// span is a piece of a line in one style.
type span struct {
	text  string
	style screen.Style
	paint bool // false: no colour
}

// line is one line of a screen. It is the only way of a text to the terminal.
type line []span

// plain is a line without colours.
func plain(text string) line { return line{{text: text}} }

// painted is a line of one style.
func painted(style screen.Style, text string) line {
	return line{{text: text, style: style, paint: true}}
}

// render writes the line within so many columns, without what would move a cursor. What is too long loses its end.
func (l line) render(width int, paint screen.Paint) string {
	var b strings.Builder
	for _, s := range l {
		text := clean(s.text)
		if wide(text) > width {
			text = ansi.Truncate(text, width, "")
		}
		width -= wide(text)
		if s.paint {
			text = paint(s.style, text)
		}
		b.WriteString(text)
	}
	return strings.TrimRight(b.String(), " ")
}

// clean is a text on one line, with a dot in place of each character that would move a cursor, change colours, turn text around or hide it.
func clean(s string) string {
	if simple(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return '·'
		}
		return r
	}, s)
}

// pad fills a text up to a width; right puts it at the end.
func pad(text string, width int, right bool) string {
	gap := strings.Repeat(" ", max(0, width-wide(text)))
	if right {
		return gap + text
	}
	return text + gap
}

// wide is how many columns a text takes, once it is clean.
func wide(text string) int {
	if simple(text) {
		return len(text)
	}
	return ansi.StringWidth(clean(text))
}

// simple reports whether a text is one column a byte, as nearly all are.
func simple(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cut is the beginning of a text that fits; its end says that there is more.
func cut(text string, width int) string { return ansi.Truncate(clean(text), width, "~") }

// mostIndent is how far prose is moved to the right by the name beside it; a longer name has a line of its own.
const mostIndent = 24

// prose is a name, and a text that is wrapped beside it.
func prose(name string, indent int, text string, width int, style screen.Style, paint bool) (lines []line) {
	if n := wide(name) + 2; n > mostIndent {
		for _, one := range folded(clean(name), width) {
			lines = append(lines, line{{one, style, paint}})
		}
		name = ""
	} else {
		indent = max(indent, n)
	}
	head := pad(name, indent, false)
	for i, one := range strings.Split(wrapped(text, indent, width), "\n") {
		if i == 0 {
			lines = append(lines, line{{head, style, paint}, {text: one}})
			continue
		}
		lines = append(lines, plain(one))
	}
	return lines
}

// wrapped breaks a text between words, and words that are longer than a line anywhere.
func wrapped(text string, indent, width int) string {
	var lines []string
	for one := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		lines = append(lines, folded(clean(one), max(width-indent, 10))...)
	}
	return strings.Join(lines, "\n"+strings.Repeat(" ", indent))
}

// folded is one line of a text in lines of a width. Only spaces at which it breaks are left out.
func folded(text string, room int) (lines []string) {
	for wide(text) > room {
		head := ansi.Truncate(text, room, "")
		rest := text[len(head):]
		if i := strings.LastIndexByte(head, ' '); !strings.HasPrefix(rest, " ") && i > 0 && strings.TrimSpace(head[:i]) != "" {
			head, rest = head[:i], text[i:]
		}
		if head == "" { // one character that is wider than the room
			break
		}
		lines, text = append(lines, head), strings.TrimPrefix(rest, " ")
	}
	return append(lines, text)
}

// command is what can be typed; where it takes several lines, each but the last goes on.
func command(text string, width int) (lines []line) {
	room := width - 8 // two spaces, four more on a line that goes on, and a backslash behind it
	var parts []string
	for _, word := range words(clean(text)) {
		last := len(parts) - 1
		if last < 0 || wide(parts[last])+1+wide(word) > room {
			parts = append(parts, word)
			continue
		}
		parts[last] += " " + word
	}
	for i, one := range parts {
		if i > 0 {
			one = "    " + one
		}
		if i < len(parts)-1 {
			one += " \\"
		}
		lines = append(lines, plain(cut("  "+one, width))) // a quoted word that is longer than a line is open: no shell takes it
	}
	return lines
}

// words are those of a command line; one in quotes is one word.
func words(text string) (list []string) {
	word, quoted, escaped := "", false, false
	for _, r := range text {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && !quoted:
			escaped = true
		case r == '\'':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word != "" {
				list = append(list, word)
			}
			word = ""
			continue
		}
		word += string(r)
	}
	if word != "" {
		list = append(list, word)
	}
	return list
}
