#!/usr/bin/env bash
# expr-lang/expr 1.17.8: DisableBuiltin("sum") changes nothing. Without an error the program goes on to have sum, while DisableBuiltin of
# an ordinary function (len) takes it away.
#
# The functions that take a predicate (all, any, sum, map, filter and others) are syntax to the parser, which knows them before the list of
# disabled ones is asked; only what is left is looked up there. A host that bars sum for how it adds (whole numbers wrap at 64 bits) has to find
# the node in the tree instead.
#
# Seen: "len disabled: refused; sum disabled: 6"
# Source: parser/parser.go, parseCall, of v1.17.8.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
cat > go.mod <<'MOD'
module finding
go 1.26
require github.com/expr-lang/expr v1.17.8
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"github.com/expr-lang/expr"
)

func without(name, code string) string {
	p, err := expr.Compile(code, expr.Env(map[string]any{}), expr.DisableBuiltin(name))
	if err != nil {
		return "refused"
	}
	v, err := expr.Run(p, nil)
	if err != nil {
		return "refused at run time"
	}
	return fmt.Sprint(v)
}

func main() {
	fmt.Printf("len disabled: %s; sum disabled: %s\n", without("len", "len([1, 2, 3])"), without("sum", "sum([1, 2, 3])"))
}
GO
go mod tidy >/dev/null 2>&1
got=$(go run .)
echo "$got"
[ "$got" = "len disabled: refused; sum disabled: 6" ]
