// Package wire turns values into frames of the plugin protocol and back. It
// knows Arrow and the messages of schemas/pluginpb/v1; it knows no kind of
// stage and starts no process.
//
// The way of the data: Batch makes a record batch of plain slices without
// copying; Encode writes it as one encapsulated IPC message; a [Session] puts it
// into a block of shared memory when it is large and both sides have some
// (shared.go), else into a frame, in pieces when it is too large for one; on the
// other side Decode checks every length and offset of the message against the
// agreed schema and the bytes that are there, and wraps the columns in place;
// Values gives them back as slices. Who has read a batch releases it, which gives
// its block back.
//
// A session is symmetric: either side calls, both sides answer. Frames, schemas
// and payloads of the other side are hostile: nothing is allocated because of a
// number in a message, only because of bytes that have arrived.
//
// To add a column type, add it to plugin.proto and to the tables in schema.go
// and layout.go; the round trip of every type is tested from the table.
//
// References: Apache Arrow, "Columnar format", sections "Physical memory layout"
// and "Serialization and interprocess communication"; FlatBuffers, "Internals".
package wire
