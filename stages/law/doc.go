// Package law holds what the laws of every room have in common. A law is a
// value: a name, the sentence of a contract, and the check of it. The packages
// pathtest, couplingtest, modeltest and solvertest list the laws of their room;
// a Go test runs them as subtests with [Test], and whoever has no Go test, as
// the conformance kit of plugins, with [Law.Broken].
//
// To add a law, add it to the list of its room: every implementation of this
// module and every plugin that is tested is held to it from then on.
package law
