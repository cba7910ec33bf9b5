// Package stages gathers the built-in stages: Builtin is a registry of all of
// them. Each kind of stage has a room of its own below this folder, with the
// mathematics in files that know nothing of pipelines and one stage.go that
// joins them to the framework.
//
// To add an implementation, write one file in its room, add it to the list
// that the room's laws run over, and register it in the room's stage.go. To add
// a kind, add a room and one line to Builtin.
package stages
