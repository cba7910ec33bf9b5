// Package loader brings rows into a pipeline: from Parquet files (parquet),
// from Arrow files and streams (arrow), and from known distributions
// (generate).
//
//	files -> windows of the chosen columns -> rows without nulls -> a split -> batches
//
// Nothing is read before rows are opened, except footers, and memory is
// bounded by a window of rows of the chosen columns. Which split a row falls
// into is a function of the seed and of the row's number in the whole table,
// counted before rows with nulls are dropped: neither batches, nor columns, nor
// the order of reading changes it.
//
// Files that other programs wrote lie in parquetfile/testdata and
// arrowfile/testdata, with what is to be read from them; make.py in the former
// writes both. To add one: a call there.
//
// To add a file format: a package that opens a file and reads windows of some
// of its columns, as parquetfile and arrowfile do, and an entry in formats.
// To add a distribution: see package distribution.
package loader
