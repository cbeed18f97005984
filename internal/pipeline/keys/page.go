package keys

import (
	"fmt"
	"strings"

	"github.com/fencepost/fencepost/internal/screen"
)

// Page is what a key is, for people: what it means, its default, a value that it may have.
type Page struct {
	Path    string
	Meaning string
	Must    bool   // there is no default
	Default string // as YAML; empty: none, or the key holds others
	Example string // a line of YAML; empty: the key holds others
	Keys    []string
}

// Pages are the pages of all keys, in the order of init's file.
func (t Table) Pages() []Page {
	pages := make([]Page, len(t))
	for i := range t {
		pages[i] = t.page(&t[i])
	}
	return pages
}

func (t Table) page(k *Row) Page {
	p := Page{Path: k.Path, Meaning: k.Doc, Must: k.Must, Default: k.Def}
	for _, below := range t.Under(k.Path) {
		p.Keys = append(p.Keys, below.Path)
	}
	if p.Keys == nil || k.Form == FormStore {
		p.Example = k.Name() + ": " + t.sample(k)
	}
	return p
}

// sample is one value that a key may have.
func (t Table) sample(k *Row) string {
	value := t.example(k)
	switch {
	case k.Form == FormSecret:
		return `"${NAME}"`
	case k.Form == FormWord && (k.Def == "" || k.Def == `""`):
		return k.Words[0]
	case k.Form == FormWord:
		return k.Def
	case value == "" || value == `""`:
		return strings.ToUpper(k.Name())
	}
	return value
}

// String is the page as text.
func (p Page) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   (a key of the pipeline file)\n\n", p.Path)
	if p.Meaning != "" {
		fmt.Fprintf(&b, "%s\n\n", screen.Wrap(p.Meaning, 0, 80))
	}
	switch {
	case p.Must && p.Keys == nil:
		b.WriteString("default   none: it has to be there\n")
	case p.Default != "":
		fmt.Fprintf(&b, "default   %s\n", p.Default)
	}
	if p.Keys != nil {
		fmt.Fprintf(&b, "holds     %s\n", strings.Join(p.Keys, "\n          "))
	}
	if p.Example != "" {
		fmt.Fprintf(&b, "example   %s\n", p.Example)
	}
	return b.String()
}
