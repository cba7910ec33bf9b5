package main

import (
	"go/token"
	"go/types"
	"log"

	"github.com/mmcloughlin/avo/gotypes"
)

// signature reads a function type that may name the type tile of the package
// matrix.
func signature(text string) *gotypes.Signature {
	p := types.NewPackage("matrix", "matrix")
	name := types.NewTypeName(token.NoPos, p, "tile", nil)
	types.NewNamed(name, types.NewStruct(nil, nil), nil)
	p.Scope().Insert(name)
	s, err := gotypes.ParseSignatureInPackage(p, text)
	if err != nil {
		log.Fatal(err)
	}
	return s
}
