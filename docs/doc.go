// Package docs holds the guides and the decisions of pathline. Its tests read
// them as a reader would: links lead somewhere, pipeline files load, Go code is
// code that is compiled and tested elsewhere in the repository, and tables say
// what the code says.
//
// To add a guide, write NAME.md here and link it from README.md; to add a
// decision, write decisions/NNN-title.md with the headings of the others. Code
// blocks are checked by their language: a yaml block that starts with
// `version:` is a whole pipeline file, and a go block stands word for word in
// a file below examples, plugins/examples or docs.
package docs
