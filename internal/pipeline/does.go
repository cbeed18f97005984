package pipeline

import (
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/ledger"
)

// Does is what the pipeline does with a record, for ledger.Admit. How fast it does it, who may look on, and which brokers
// it asks are no part of it; nor is where a server is reached, which may have two names.
func (f *File) Does() []ledger.Part {
	topics := "like " + f.Source.Pattern
	if f.Source.Pattern == "" {
		topics = strings.Join(slices.Sorted(slices.Values(f.Source.Topics)), ", ")
	}
	parts := []ledger.Part{{Name: "topics", Text: topics}}
	if f.Source.Uncommitted {
		parts = append(parts, ledger.Part{Name: "isolation", Text: "read_uncommitted"})
	}
	decode := f.Decode
	if form := f.framing().Form; form != registry.Confluent {
		decode += ", form " + form.String()
	}
	if f.Protobuf.Message != "" {
		decode += ", message " + f.Protobuf.Message
	}
	if f.RefuseUnknown {
		decode += ", unknown fields refused"
	}
	if f.Tombstone != "" && f.Tombstone != "park" {
		decode += ", tombstone " + f.Tombstone
	}
	if f.enveloped() {
		decode += ", envelope " + f.Envelope
	}
	if f.Explode != "" {
		decode += ", a row for each of " + f.Explode
	}
	if f.Decode == "csv" {
		decode += f.CSV.does()
	}
	parts = append(parts, ledger.Part{Name: "decode", Text: decode})
	for _, c := range f.Schema {
		parts = append(parts, ledger.Part{Name: "column " + c.Name, Text: c.does()})
	}
	for _, c := range f.Key.Schema {
		parts = append(parts, ledger.Part{Name: "column " + c.Name, Text: c.does() + ", of the key as " + f.Key.Decode})
	}
	if f.Where.Text != "" {
		parts = append(parts, ledger.Part{Name: "where", Text: f.Where.Text})
	}
	parts = append(parts, f.About().Does...)
	if f.Apart() {
		parts = append(parts, ledger.Part{Name: "store", Text: path.Base(f.sinkStore().Where()), Place: true})
	}
	for i := range parts {
		parts[i].Text = bounded(parts[i].Text)
	}
	return parts
}

// does is the column as its long form in the file, without what is the default.
func (c Column) does() string {
	text := c.Type.String()
	if c.Expr.Text != "" {
		text += " expr: " + c.Expr.Text
	}
	for _, p := range [][2]string{{"from", c.From}, {"missing", c.Missing.String()}, {"mismatch", c.Mismatch.String()}, {"unit", c.Unit}, {"scale", c.Scale}} {
		if p[1] != "" && p[1] != "error" && p[1] != c.Name {
			text += " " + p[0] + ": " + p[1]
		}
	}
	return text
}

// mostKept bounds one part, in bytes: a ledger keeps all of them in one value.
const mostKept = 2000

// bounded is a text, or its beginning and a digest of the whole.
func bounded(text string) string {
	if len(text) <= mostKept {
		return text
	}
	return fmt.Sprintf("%s… sha256 %x", strings.ToValidUTF8(text[:mostKept], ""), sha256.Sum256([]byte(text)))
}
