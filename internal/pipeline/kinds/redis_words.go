package kinds

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/expression"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// word is one word of a command: texts, and expressions in braces.
//
//	HINCRBY delays:{origin} minutes {delay}
//	        ^ two pieces    ^ one   ^ one
type word struct {
	pieces []piece
	quoted bool
	at     keys.Place // of the word in the file
}

// piece is a text as it is, the group's hash tag, or an expression.
type piece struct {
	text       string // as it is, or the expression without its braces
	expression bool
	tag        bool       // {group}
	at         keys.Place // of the expression's text in the file
	exact      bool       // at is where the text begins, letter by letter; else where the whole value does
	program    *expression.Program
}

// plain is the word's text where it has no expression.
func (w word) plain() (text string, ok bool) {
	for _, p := range w.pieces {
		if p.expression {
			return "", false
		}
		if p.tag {
			text += "{group}"
			continue
		}
		text += p.text
	}
	return text, true
}

// shown is the word about as the file writes it.
func (w word) shown() (text string) {
	for _, p := range w.pieces {
		switch {
		case p.tag:
			text += "{group}"
		case p.expression:
			text += "{" + p.text + "}"
		default:
			text += p.text
		}
	}
	return text
}

// templates cuts one text of the file into words. The rule is one: {EXPR} is an expression's value for the record, all
// else is literal; white space separates words where no quotes keep it, as in redis-cli.
type templates struct {
	r     *keys.Reader
	n     *keys.Node
	text  []rune
	at    int
	first int // column of text[0]; 0 where a place in the text is not one in the file
	ok    bool
}

// readWords reads a text. ok is false if something is wrong with it, which is then among the findings.
func readWords(r *keys.Reader, n *keys.Node) (list []word, ok bool) {
	t := &templates{r: r, n: n, text: []rune(n.Text), first: r.Column1(n), ok: true}
	for {
		for t.at < len(t.text) && unicode.IsSpace(t.text[t.at]) {
			t.at++
		}
		if t.at == len(t.text) {
			return list, t.ok
		}
		list = append(list, t.word())
	}
}

// place is that of [from, until) of the text.
func (t *templates) place(from, until int) keys.Place { return textPlace(t.n, t.first, from, until) }

func textPlace(n *keys.Node, first, from, until int) keys.Place {
	if first == 0 {
		return n.At
	}
	return keys.Place{Line: n.At.Line, Column: first + from, Width: max(1, until-from)}
}

func (t *templates) fault(from, until int, help, format string, args ...any) {
	t.ok = false
	t.r.Find("bad-expression", t.place(from, until), help, format, args...)
}

// word reads up to the next white space outside of quotes and braces.
func (t *templates) word() (w word) {
	begin := t.at
	var text []rune
	flush := func() {
		if len(text) > 0 {
			w.pieces = append(w.pieces, piece{text: string(text)})
			text = nil
		}
	}
	quote := rune(0)
	for ; t.at < len(t.text); t.at++ {
		c := t.text[t.at]
		switch {
		case quote != 0 && c == '\\' && t.at+1 < len(t.text):
			t.at++
			text = append(text, t.text[t.at])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\'') && t.at == begin:
			quote, w.quoted = c, true
		case quote == 0 && unicode.IsSpace(c):
			flush()
			w.at = t.place(begin, t.at)
			return w
		case c == '$' && t.at+1 < len(t.text) && t.text[t.at+1] == '{':
			text = append(text, t.reference()...)
		case c == '{':
			flush()
			if p, ok := t.expression(); ok {
				w.pieces = append(w.pieces, p)
			}
		case c == '}':
			t.fault(t.at, t.at+1, `{"}"}, if the brace itself is meant`, "commands: } without {")
		default:
			text = append(text, c)
		}
	}
	flush()
	t.at = min(t.at, len(t.text))
	w.at = t.place(begin, t.at)
	if quote != 0 {
		t.fault(begin, t.at, "end it with "+string(quote), "commands: the quote is not closed")
	}
	return w
}

// reference reads ${NAME}, and leaves at its closing brace.
func (t *templates) reference() []rune {
	begin := t.at
	for ; t.at < len(t.text); t.at++ {
		if t.text[t.at] == '}' {
			value, ok := t.r.Resolve(string(t.text[begin+2:t.at]), t.place(begin, t.at+1))
			t.ok = t.ok && ok
			return []rune(value)
		}
	}
	t.fault(begin, t.at, "${NAME}", "commands: ${ is not closed")
	return nil
}

// expression reads {EXPR}, and leaves at its closing brace. Braces within it, and those in its texts, are its own.
func (t *templates) expression() (p piece, ok bool) {
	begin, depth, quote := t.at, 0, rune(0)
	for ; t.at < len(t.text); t.at++ {
		c := t.text[t.at]
		switch {
		case quote != 0 && c == '\\' && quote != '`':
			t.at++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth > 0 {
				continue
			}
			p = piece{text: string(t.text[begin+1 : t.at]), expression: true, exact: t.first > 0, at: t.place(begin+1, t.at)}
			if strings.TrimSpace(p.text) == "group" {
				p.expression, p.tag = false, true
			}
			return p, true
		}
	}
	t.at = len(t.text)
	t.fault(begin, t.at, "}", "commands: { is not closed")
	return p, false
}

// compile compiles an expression of the file over its columns; nil if something is wrong with it.
func compile(r *keys.Reader, p *piece, columns []fencepost.ColumnSpec, want expression.Want) *expression.Program {
	program, err := expression.Compile(p.text, columns, want)
	var e *expression.Error
	if err == nil || !errors.As(err, &e) {
		return program
	}
	at, help := p.at, e.Help
	if p.exact {
		at = keys.Place{Line: at.Line, Column: at.Column + e.From, Width: e.To - e.From}
	}
	if e.Code == "unknown-column" {
		name, _, _ := strings.Cut(e.Text, " ")
		if r.Named(keys.Join("schema", name)) { // the column has a finding of its own
			return nil
		}
		help = cmp.Or(text.Nearest(name, columnNames(columns)), help)
	}
	r.Find(e.Code, at, help, "commands: %s", e.Text)
	return nil
}

// columnNames are those of a schema, and of the metadata.
func columnNames(columns []fencepost.ColumnSpec) (names []string) {
	for _, c := range slices.Concat(columns, fencepost.MetaColumns()) {
		names = append(names, c.Name)
	}
	return names
}

// pattern is what all keys that a word makes look like.
func (w word) pattern() (text string) {
	for _, p := range w.pieces {
		switch {
		case p.tag:
			text += "{group}"
		case p.expression:
			text += "*"
		default:
			text += redis.Glob(p.text)
		}
	}
	return text
}
