// Package template writes the project of a new plugin: complete, with a test of
// its own, conforming as it is. One folder holds the projects of one language:
// KIND.* is what differs between kinds, everything else is common.
//
// The way of the data: Write fills the templates in, formats what is Go, and
// writes files that were not there before; it never overwrites one.
//
// To add a kind, add its files to the folder of a language; the conformance kit
// tests every kind of every language unedited.
package template
