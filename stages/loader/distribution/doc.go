// Package distribution holds the small known distributions in the plane on
// which flows are drawn, compared and debugged: two moons, eight Gaussians, a
// checkerboard and their friends.
//
// A row is a function of (key, row number) and of nothing else: any split of
// the rows into calls, batches or processes gives the same bits, and row
// 10^9 costs what row 0 costs. Uniform draws stand at step 0 of the row's
// address, normal draws at step 1.
//
// The formulas are those of toy_data.py of FFJORD, except scurve and those whose
// names begin with cfm, which are of the torchcfm paper suite; sizes differ
// between the two, and so do the papers' numbers. Where the originals walk a curve at
// equally spaced angles and deal rows out in equal parts, a row here draws
// its angle and its part at random, since it does not know how many rows there
// are. The distribution is the limit of the original's for many rows, and
// Entropy (in nats: no model's mean negative log-likelihood is below it) is
// the entropy of exactly what is sampled here.
//
// To add one: write a function that fills one row from its uniforms and its
// normals, and a line in All. The laws in the tests then apply to it.
//
// References: W. Grathwohl et al., "FFJORD: Free-form continuous dynamics for
// scalable reversible generative models", ICLR 2019, section 4.1 and its code;
// A. Tong et al., "Improving and generalizing flow-based generative models
// with minibatch optimal transport", TMLR 2024, appendix on the 2-D suite, and its code, runner/src/datamodules.
package distribution
