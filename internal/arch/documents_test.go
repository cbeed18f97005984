package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// documentFaults lists each package without a doc.go worth its name, and each exported name without a comment.
func documentFaults(packages []pkg) (faults []string) {
	for _, r := range packages {
		doc := r.files["doc.go"]
		switch {
		case doc == nil:
			faults = append(faults, fmt.Sprintf("%s: no doc.go: say what the package is, why, how it fails and what it does not do", r.dir))
		case strings.Count(strings.TrimSpace(doc.Doc.Text()), "\n") < 4:
			faults = append(faults, fmt.Sprintf("%s: the package comment has fewer than 5 lines", r.at(doc.Package)))
		}
		for name, f := range r.files {
			if name != "doc.go" && f.Doc != nil {
				faults = append(faults, fmt.Sprintf("%s: a second package comment: it belongs to doc.go", r.at(f.Package)))
			}
			for _, d := range f.Decls {
				faults = append(faults, r.undocumented(d)...)
			}
		}
	}
	return faults
}

// undocumented lists the exported names of a declaration that have no comment. A comment on a group of constants or
// variables is one for each of them.
func (r pkg) undocumented(d ast.Decl) (faults []string) {
	miss := func(pos token.Pos, kind, name string) {
		faults = append(faults, fmt.Sprintf("%s: the exported %s %s has no comment", r.at(pos), kind, name))
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			miss(d.Pos(), "function", d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
					miss(s.Pos(), "type", s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						miss(n.Pos(), d.Tok.String(), n.Name)
					}
				}
			}
		}
	}
	return faults
}

// exportedReceiver reports whether a function has no receiver, or one whose type is exported.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	x := d.Recv.List[0].Type
	for {
		switch v := x.(type) {
		case *ast.StarExpr:
			x = v.X
		case *ast.IndexExpr:
			x = v.X
		case *ast.IndexListExpr:
			x = v.X
		case *ast.Ident:
			return v.IsExported()
		default:
			return false
		}
	}
}

func TestEverythingIsDocumented(t *testing.T) {
	for _, f := range documentFaults(load(t, "../..")) {
		t.Error(f)
	}
}
