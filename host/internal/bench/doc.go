// Package bench has the standard workloads of pathline, those of `host bench`:
// training steps, sampling and log-densities on networks and rows that stand in
// files, products of matrices, and how the cost of a row grows. Each is defined
// closely enough that another program can do the same work and be compared
// (folder benchmarks). They call the rooms as any user does; there is no special
// path for them.
//
// The way of the data: a Workload is run with Settings and gives Results; each
// times Repeats pieces of work of at least Least with measure, counts the
// floating-point operations from the sizes of the layers (count.go), and, where
// there is a reference in float64, states the distance from it. Run adds what
// belongs to all: the machine, and the share of its peak, which is measured in
// the same run.
//
//	w1 w2 w3      training     train.go
//	w4            pairs        pair.go
//	w5 w6         sampling     sample.go
//	w7            log-density  density.go
//	w8            discrete flows  discrete.go
//	w9            continuous flows by likelihood  continuous.go
//	w11           products     product.go
//	plugins         what a process of its own costs  apart.go
//	plugins-python  what stages in Python cost  python.go
//	grow          cost of a row against rows, width, depth, dimension  growth.go
//
// Not here: W10, the whole process, which only another process can time.
//
// To add a workload: a function of Settings in the file of its family, a line in
// Workloads, and, when it is to be compared, a line in benchmarks/lines.py with
// what a peer does for it.
//
// References: Lipman et al., "Flow matching for generative modeling", ICLR 2023;
// Grathwohl et al., "FFJORD", ICLR 2019 (log-densities and their traces);
// Papamakarios et al., "Masked autoregressive flow", 2017 (discrete flows).
package bench
