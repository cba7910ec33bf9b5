// Package writer puts rows into files and reads them back: parquet, arrow and
// csv.
//
//	rows -> columns that are everywhere the same left out -> groups of a fixed
//	number of rows -> encoder -> file
//
// A file is a function of the rows: batches may be cut in any way, and neither
// time nor machine leaves a trace in it. What Open gives has the bits and the
// types of what Write took; for types that Parquet does not have (durations,
// seconds, dates in milliseconds) the Arrow schema that is stored beside them
// tells. CSV cannot be read back without loss, and is not.
//
// A column whose field has the metadata key pathline.omit_when is left out when
// every value equals that text. It is written without at first, rows that
// deviate are remembered as runs, and only if there are any is the file
// written a second time.
//
// To add a format: an encoder, an entry in formats, and the laws in the tests
// apply to it.
package writer
