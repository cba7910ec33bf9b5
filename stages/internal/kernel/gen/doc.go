// Package gen writes the assembly of the kernels, with avo. It is a module of
// its own: a build needs no generator, and the program does not depend on avo.
//
//	go run ./matrix     writes ../matrix/*_amd64.s and their stubs
//	go run ./vector     ../vector
//	go run ./philox     ../philox
//	go run ./update     ../update
//	go run ./assign     ../assign
//	go run ./pause      ../pause
package gen
