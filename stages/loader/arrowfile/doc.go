// Package arrowfile reads Arrow IPC files and streams from disk, a window of
// rows of some columns at a time.
//
//	magic -> file: footer -> blocks   \
//	         stream: message by message -> index of record batches -> Reader
//	Reader: per column and buffer one sequential source (plain, LZ4 or zstd)
//	        -> rows first .. first+n-1 -> arrow.Record
//
// It stands beside the reader of Arrow's Go library for three reasons. A
// damaged file must be an error, never the end of the process: every length is
// held against the bytes that there are. A file that was cut must not look
// complete: a stream ends with its end marker, or it is damaged. And one
// record batch may be larger than memory: only the columns asked for are
// read, and of them only a window.
//
// The schema of a file is that of its footer; Polars writes it nowhere else.
// Types that the library does not know are kept from it (widen), and frames of
// LZ4 are taken apart here (lz4Frames).
//
// To add a type: a case in columnOf.
//
// Reference: Apache Arrow, "Arrow Columnar Format", version 1.4, sections
// "Serialization and Interprocess Communication" and "Physical Memory Layout".
package arrowfile
