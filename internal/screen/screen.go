package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Style is what a piece of text is for; each has one colour.
type Style uint8

// The styles.
const (
	Red    Style = iota // parked, an error
	Yellow              // waiting
	Green               // ok
	Dim                 // help, line numbers
	Bold                // PROVEN
)

// Paint gives text its colour.
type Paint func(Style, string) string

// Plain gives none.
func Plain(_ Style, s string) string { return s }

// ANSI paints with the eight colours that every terminal has.
func ANSI(style Style, s string) string {
	if s == "" {
		return s
	}
	return [...]string{"\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[1m"}[style] + s + "\x1b[0m"
}

// Printable puts a dot in place of each character that would move a terminal's cursor or change its colours. Tabs and
// line ends stay.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && r != '\n' && unicode.IsControl(r) {
			return '·'
		}
		return r
	}, s)
}

// Wrap breaks prose between words so that each line, behind its indent, fits in width; width 0 breaks nothing. The
// first line has no indent: the caller wrote the text before it, indent characters long.
func Wrap(text string, indent, width int) string {
	if width <= 0 {
		return text
	}
	var b strings.Builder
	at := indent
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width && at > indent:
			if n == 0 { // the second of two spaces: nothing is there yet
				continue
			}
			trimmed := strings.TrimRight(b.String(), " ")
			b.Reset()
			b.WriteString(trimmed + "\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}
