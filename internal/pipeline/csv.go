package pipeline

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/csv"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// CSV is how the file says that records of decode: csv are written.
type CSV struct {
	Delimiter string
	Quote     string // empty: no character is one
	Header    []string
	Null      string
	Trim      bool
	SkipBOM   bool
}

func readCSV(r *keys.Reader) CSV {
	return CSV{Delimiter: keys.Get[string](r, "csv.delimiter"), Quote: keys.Get[string](r, "csv.quote"), Header: keys.Get[[]string](r, "csv.header"),
		Null: keys.Get[string](r, "csv.null_word"), Trim: keys.Get[bool](r, "csv.trim"), SkipBOM: keys.Get[string](r, "csv.bom") == "skip"}
}

// decoder makes the decoder of the file's records.
func (c CSV) decoder(config decode.Config) (decode.Factory, error) {
	config.Fields = append([]decode.Field(nil), config.Fields...)
	out := csv.Config{Config: config, Header: c.Header, Null: c.Null, Trim: c.Trim, SkipBOM: c.SkipBOM, Unquoted: c.Quote == ""}
	out.Delimiter = c.Delimiter[0] // csvRules has looked at both
	if c.Quote != "" {
		out.Quote = c.Quote[0]
	}
	return csv.New(out)
}

// csvRules are about single characters, and keys of csv in a file of another decoder. found: the schema can not be looked at.
func csvRules(r *keys.Reader, f *File) (found bool) {
	if f.Decode != "csv" {
		for _, k := range fileKeys.Under("csv") {
			if r.Has(k.Path) && r.Named(k.Path) && f.CSV.does() != "" {
				r.Find("bad-value", r.KeyAt(k.Path), "decode: csv; or drop it", "%s is for decode csv, and decode is %s", k.Path, f.Decode)
				return true
			}
		}
		return false
	}
	for _, c := range []struct{ path, text, help string }{{"csv.delimiter", f.CSV.Delimiter, `",", ";", "|" or "\t"`}, {"csv.quote", f.CSV.Quote, `'"', or "" for none`}} {
		if n := utf8.RuneCountInString(c.text); n > 1 || n == 0 && c.path == "csv.delimiter" {
			r.Find("bad-value", r.ValueAt(c.path), c.help, "%s: %s is not one character", c.path, keys.Shown(c.text))
			found = true
		}
	}
	return found
}

// does is what differs from the defaults, for File.Does.
func (c CSV) does() string {
	var parts []string
	for _, p := range []struct {
		differs bool
		text    string
	}{
		{c.Delimiter != ",", fmt.Sprintf("delimiter %q", c.Delimiter)}, {c.Quote != `"`, fmt.Sprintf("quote %q", c.Quote)},
		{len(c.Header) > 0, "header " + strings.Join(c.Header, ", ")}, {c.Null != "", fmt.Sprintf("null_word %q", c.Null)}, {c.Trim, "trim"}, {c.SkipBOM, "bom skip"},
	} {
		if p.differs {
			parts = append(parts, ", "+p.text)
		}
	}
	return strings.Join(parts, "")
}
