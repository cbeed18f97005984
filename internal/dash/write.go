package dash

import (
	"bytes"
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

//go:embed pages/*.html
var pages embed.FS

// templates are the pages and their parts.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"asset": assetPath, "printable": printable, "known": known, "count": countOf,
}).ParseFS(pages, "pages/*.html"))

func countOf(n int) string { return text.Count(n) }

// mostText is how many bytes of a stranger's text a page shows.
const mostText = 4 << 10

// printable is a stranger's text as it may be shown: control characters are written out, and what is long is cut.
func printable(s string) string {
	cut := ""
	if len(s) > mostText {
		cut = fmt.Sprintf(" … (%s bytes in all)", text.Count(len(s)))
		s = s[:mostText]
		for i := 0; i < utf8.UTFMax && !utf8.ValidString(s); i++ {
			s = s[:len(s)-1]
		}
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.Is(unicode.Cf, r): // it would turn text around, or hide it
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + cut
}

// write answers with a page, or with the data behind it.
func (d *Dashboard) write(out http.ResponseWriter, r request, c content, status int) {
	h := out.Header()
	var b bytes.Buffer
	switch r.form {
	case asJSON:
		h.Set("Content-Type", "application/json")
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		_ = e.Encode(c.data) // structs of ours
	case asCSV:
		h.Set("Content-Type", "text/csv; charset=utf-8")
		h.Set("Content-Disposition", "attachment")
		answer, ok := c.data.(view.Answer)
		if !ok || answer.Rows() == nil {
			http.Error(out, "this page is no table: .json has its data", http.StatusNotFound)
			return
		}
		if err := writeCSV(&b, answer.Rows()); err != nil {
			http.Error(out, "the table cannot be written", http.StatusInternalServerError)
			return
		}
	default:
		h.Set("Content-Type", "text/html; charset=utf-8")
		d.dress(r, c.page.base())
		if err := templates.ExecuteTemplate(&b, c.template, c.page); err != nil {
			http.Error(out, "the page cannot be made", http.StatusInternalServerError)
			return
		}
	}
	h.Set("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Length", strconv.Itoa(b.Len()))
		out.WriteHeader(status)
		_, _ = out.Write(b.Bytes()) // who asked may be gone
		return
	}
	h.Set("Content-Encoding", "gzip")
	out.WriteHeader(status)
	z := zips.Get().(*gzip.Writer)
	z.Reset(out)
	_, _ = z.Write(b.Bytes())
	_ = z.Close()
	zips.Put(z)
}

// zips are compressors of pages, each of which holds a megabyte.
var zips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one of gzip's
	return z
}}

// writeCSV writes rows so that no spreadsheet takes a stranger's text for a formula.
func writeCSV(b *bytes.Buffer, rows any) error {
	var plain bytes.Buffer
	if err := view.CSV(&plain, rows); err != nil {
		return err
	}
	lines, err := csv.NewReader(&plain).ReadAll()
	if err != nil {
		return err
	}
	for _, line := range lines {
		for i, cell := range line {
			if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				continue
			}
			if _, err := strconv.ParseFloat(cell, 64); err != nil {
				line[i] = "'" + cell
			}
		}
	}
	return csv.NewWriter(b).WriteAll(lines)
}
