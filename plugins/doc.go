// Package plugins is for programs that offer stages to pathline from a process
// of their own, and for hosts that use them.
//
// A plugin is a registry of implementations behind a socket; the same
// implementation compiles in or runs alone, with the same results to the bit:
//
//	func main() {
//		r := plugins.NewRegistry()
//		pipeline.Register(r, "path", "sine", "alpha = sin(pi t/2)", Config{}, build)
//		plugins.Serve(r, "sine", "1.0.0")
//	}
//
// A host starts plugins with [Add], which adds their implementations to a
// registry as NAME/implementation, and runs built-in stages in a process of
// their own with [Isolate].
//
// The way of the data: a stage in a plugin is a session, one stream of frames
// in each direction. Package wire turns values into frames, package segment is
// the memory that both sides see, package remote makes the stage of another
// process look like one of this process, package launch starts processes and ends
// them. The protocol is schemas/pluginpb/v1; what a host of another version says
// is kept in testdata/versions.
//
// Package conform tests any plugin over the wire, package manifest reads
// plugin.yaml and pathline.lock, package template writes the first files of a
// plugin, and the folder python is the package for Python.
//
// To add a kind whose services plugins may offer, see package remote.
package plugins
