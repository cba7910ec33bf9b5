// Package parquetfile reads Parquet files from disk, a window of rows of some
// columns at a time.
//
//	footer -> schema, row groups, column chunks
//	chunk  -> pages: header, bytes, decompressed -> levels and values
//	window -> arrow.Record
//
// The footer is decoded, and turned into an Arrow schema, by Arrow's Go
// library, after a walk over its bytes has shown that it is sound. Pages are
// decoded here. The library's reader loses the rows of fixed-size lists after
// a null, does not check the length of the last list of a batch, does not end
// on level runs that are too short, and believes the sizes that a page claims;
// see the tests of this package. Memory is bounded by one page of each column
// and one window of rows, whatever the file says, and no input panics.
//
// To add an encoding: a type with the methods of values in encoding.go and a
// case in newValues. To add a type: a case in convert.
//
// Reference: Apache Parquet, "Parquet Format", version 2.11: Thrift definition,
// Encodings, Compression, LogicalTypes, Nested Encoding.
package parquetfile
