// Package conform is the conformance kit of plugins. It looks at a plugin from
// outside, over the wire, in whatever language it is written, and checks the
// contract of schemas/pluginpb/v1 and the laws of each kind of stage. Every
// [Case] carries the sentence that it checks; docs/plugins-conformance.md lists
// them all.
//
// `host plugin test` runs the kit; a Go test of a plugin runs it with
//
//	func TestConforms(t *testing.T) {
//		conform.Test(t, conform.Target{Command: []string{"./my-plugin"}}, conform.Options{})
//	}
//
// The way of the data: Run starts the plugin once and asks what it implements;
// each case opens instances of its own through package remote, as a host does,
// and calls them; cases about processes, and with Options.Chaos those about a
// host that breaks the protocol, start processes of their own.
//
// The laws of a kind are those that the built-in stages are held to (packages
// pathtest, couplingtest, modeltest, solvertest); the built-in stages pass this
// kit as well, in this package's tests.
//
// To add a case, add a value to the list of its file: its group is the file's
// name, its kind decides which implementations it sees.
package conform
