// Package sampler makes rows of data from a flow.
//
// The way of the data: the base draws the rows asked for (a draw depends on the
// key and the row's number), a solver moves them from t = 0 to t = 1 along the
// flow's field in the field's own width, the transforms are undone in float64,
// last one first, and the numbers become the columns of the data file (package
// schemas). Rows are made when they are pulled, one batch at a time; which rows
// a batch holds, and on how many processors it is solved, changes no bit of
// them (unless the solver pools its step control over a batch).
//
// The sampler `sde` differs in two things: its flow has the drift and the noise of a
// stochastic differential equation with the same marginals (flow.Stochastic), and its
// solver adds the noise, addressed by row and step.
//
// To add a sampler, another way from a flow to rows, write it as a function
// like [Sample] and register it in stage.go beside `ode`.
//
// References: Chen et al., "Neural ordinary differential equations", NeurIPS
// 2018; Lipman et al., "Flow matching for generative modeling", ICLR 2023; Albergo et
// al., "Stochastic interpolants", 2023; Ma et al., "SiT", 2024; Tong et al.,
// "Simulation-free Schrödinger bridges via score and flow matching", 2024.
package sampler
