// Package trainer fits flows to rows: vector fields by conditional flow matching
// (cfm), or from pairs of another flow (reflow), and discrete and continuous flows by
// maximum likelihood (mle). What is minimised differs; rows, lanes, update rules, the
// moving average, validation and checkpoints are the same.
//
// The way of the data in one step of flow matching, of B rows and d columns:
//
//	Rows        -> rows [B][width]: x1, conditions, own noise (Layout)
//	                            Memory or Window: each row once per pass, shuffled
//	Coupling    -> which x0 goes with which x1, where there is one: rows then bring
//	            their noise (coupled.go), made a portion ahead
//	for the tiles of each lane, of at most 256 rows, on all workers:
//	  TimeSampler -> t
//	  path        -> coefficients
//	  random      -> x0          noise, addressed by the number of the example
//	  path        -> x_t, target (velocity, data or noise)
//	  Network     -> gradient    added to that of the lane
//	for the segments of the weights, on all workers:
//	  lanes       -> gradient    summed in a fixed order; its norm, clipping
//	  optim       -> weights     one update, the moving average
//
// A path of another process is asked once for the coefficients of many batches,
// while those before are trained on (ahead.go), and a network for whole batches
// (docs/decisions/013).
//
// The lanes are ranges of rows that do not depend on the number of workers
// (docs/decisions/010). Several batches may be added before an update
// (Options.Accumulate): their examples are those of one batch of as many rows,
// but a coupling sees one batch at a time, and memory holds one.
//
// In a step of maximum likelihood a tile gives its rows to a bijection's negative
// log-density (likelihood.go) or to package cnf (continuous.go) in place of noise,
// times and path.
//
// Train, MaximumLikelihood and ContinuousLikelihood run it. The weights depend on the options, the keys and the rows, and
// on nothing else: not on the number of workers, not on interruptions. No
// random number has a state, so a State, the weights with the optimiser's
// memory and a step, is all that a checkpoint holds.
//
// A table is held in memory as float32 when it fits, and every pass shuffles
// all of it. A larger one streams by, pass after pass, through a Window in which
// it is shuffled; the order of its rows then depends on the window's size.
//
// Rows behind the transform dequantize have other noise in every pass (redrawn.go).
//
// Validation evaluates fixed rows with fixed times and fixed noise, with the
// moving average of the weights when there is one, so that its loss moves only
// by what is learned. Its loss is the mean squared error over all entries, whatever
// loss and weights are trained with, so that trainings that differ in these can be
// compared; it depends on what is predicted. Its least possible
// value is not zero but the part of the velocity that x_t does not determine:
// pi s/2 per column between N(0, 1) and N(m, s²) on the straight path.
//
// Loss and weights are those of Options: another [model.Loss] of the error, and a
// [Weight] of the path's coefficients. There is no target score: -x0/sigma is what
// target noise says up to a factor of time, a network would have to grow without bound
// towards the data, and the loss that is used for it, weighted by sigma², is that of
// target noise.
//
// To add a time sampler: a type in times.go, its name in TimeConfig, its law in
// times_test.go. To add a way to train: a type beside cfm in stage.go that gives a
// flow, and one line in Register.
//
// References: Lipman et al., "Flow matching for generative modeling", ICLR
// 2023; Tong et al., "Improving and generalizing flow-based generative models
// with minibatch optimal transport", TMLR 2024; Esser et al., "Scaling rectified
// flow transformers for high-resolution image synthesis", ICML 2024 (time
// sampling); Liu et al., "Flow straight and fast", ICLR 2023 (reflow).
package trainer
