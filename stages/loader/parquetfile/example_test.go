package parquetfile_test

import (
	"bytes"
	"fmt"

	"github.com/pathline/pathline/stages/loader/parquetfile"
)

// What is not a Parquet file is an error.
func Example() {
	src := []byte("not a Parquet file at all")
	_, err := parquetfile.Open(bytes.NewReader(src), int64(len(src)))
	fmt.Println(err)
	// Output: this is not a Parquet file
}
