// Package machine says what the processor under the program can do, measured
// with the kernels that the rooms of package stages use: the instruction set
// that was chosen, the peak of fused multiply-adds, and the rate of products of
// matrices. Benchmarks state their times as shares of that peak.
//
// The way of the data: Peak and Product share out work among goroutines that end
// before the call returns; the kernels below stages/internal do it.
//
// To add a measurement, write a file with a function that returns what was done
// (operations, bytes) and leaves the clock to the caller, or, like Peak, takes
// the time it may use.
//
// References: S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful
// visual performance model for multicore architectures", CACM 52(4), 2009.
package machine
