// Package manifest knows what a plugin is made of: plugin.yaml in the folder of a
// plugin says how it is started and which files are its program, and
// pathline.lock beside a pipeline file keeps the digests of those files as they
// were when somebody accepted them.
//
// The way of the data: Parse reads a manifest; Files lists the files that a
// plugin's command or manifest names, with their digests; Lock compares them with
// what was accepted, before anything of the plugin is started.
//
// To add a key, add a field with its tags; errors, places and documentation come
// from there.
package manifest
