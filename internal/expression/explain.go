package expression

import (
	"cmp"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"

	"github.com/fencepost/fencepost"
)

// explained is an error of the language in our words, with its place.
func explained(text string, err error, columns []fencepost.ColumnSpec) *Error {
	out := &Error{Code: "bad-expression", Text: err.Error(), To: runes(text)}
	var theirs *file.Error
	if !errors.As(err, &theirs) {
		return out
	}
	out.Text = theirs.Message
	if out.From, out.To = theirs.From, theirs.To; out.From >= runes(text) { // the end of the text is its last character
		out.From = max(0, runes(text)-1)
	}
	out.To = max(out.From+1, min(out.To, runes(text)))
	if name, ok := strings.CutPrefix(out.Text, "unknown name "); ok {
		out.Code, out.Text = "unknown-column", name+" is not a column"
		out.Help = "columns: " + strings.Join(names(columns), " ")
		return out
	}
	if strings.HasSuffix(out.Text, "is not callable") {
		out.Help = "a column of that name hides the function: name the column otherwise, by from:"
	}
	switch {
	case strings.Contains(out.Text, "unexpected token EOF"):
		out.Text = "the expression ends too early"
	case strings.Contains(out.Text, "mismatched types"):
		out.Text = strings.TrimPrefix(out.Text, "invalid operation: ")
		out.Help = "int(...), float(...) or string(...) makes one of the other"
	}
	return out
}

// names of the columns of a schema; the metadata columns behind them are known.
func names(columns []fencepost.ColumnSpec) (list []string) {
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return list
}

// brief is an error of a running program without the picture that its library draws.
func brief(err error) string {
	var theirs *file.Error
	if errors.As(err, &theirs) {
		return cmp.Or(theirs.Message, err.Error())
	}
	return err.Error()
}

func runes(s string) int { return utf8.RuneCountInString(s) }
