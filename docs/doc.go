// Package docs holds the guides and the decisions of pathline. Its tests read
// them as a reader would: links lead somewhere, pipeline files load, Go code is
// code that is compiled and tested elsewhere in the repository, and tables say
// what the code says.
//
// The guides for people who write plugins, in guides, are worked through: a block
// with file=NAME after its language is written to an empty folder, and the
// commands of a console block, lines that begin with "$ ", are run there in their
// order, with the host of this tree and the python3 that PATHLINE_PYTHON names.
// What the page shows below a command has to be all that it prints, where ...
// stands for any lines or any text, and it has to end with status 0 or with the
// one of exit=N. A command that ends with & runs on until the page is done. Blocks
// with needs=torch are run where there is PyTorch.
//
// To add a guide, write NAME.md here and link it from README.md; to add a
// decision, write decisions/NNN-title.md with the headings of the others. Code
// blocks are checked by their language: a yaml block that starts with
// `version:` is a whole pipeline file, and a go block stands word for word in
// a file below examples, plugins/examples or docs.
package docs
