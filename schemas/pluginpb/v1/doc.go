// Package pluginpb is the protocol between pathline and its plugins, version 1:
// the generated Go code of plugin.proto, which is the contract and says what
// every message means. Package plugins/wire turns values into frames and back;
// package plugins serves and starts plugins.
//
// The way of the data: a session is one stream of Frames in each direction;
// a Call carries its arguments as Batches (Arrow record batches), a Result its
// answers; larger values and tables travel as Items.
//
// To add something, add a field or a capability to plugin.proto and run
// `go generate`; to break something, make a package v2.
package pluginpb
