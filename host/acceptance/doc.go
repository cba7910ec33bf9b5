// Package acceptance tests the host command as its users meet it: the binary is
// built once, and every test runs it as a process, on Parquet files written
// here, and judges exit codes, standard output and the files of the output
// folder against what the pipeline file's contract promises. It imports no
// other package of the module.
//
// The way of a test: a folder with a pipeline file and its tables, one or more
// runs of the host (host_test.go), and a law that the outputs must obey.
// Every run is bounded in time, must leave no process behind, and must never
// show a stack trace.
//
// With -short the tests that train are skipped; with PATHLINE_SOAK=1 the long
// versions run: 50 kills and a table of 3,000,000 rows. PATHLINE_HOST names a
// host that is built already.
//
// To add a test, write the pipeline file as its user would, and compare with a
// closed form or with another run; a bar is the one that was promised, not the
// one that passes.
package acceptance
