// Package bijection holds discrete normalizing flows: invertible maps of a row
// whose log-determinant is known in closed form, made of layers.
//
// The waist is [Bijection] (bijection.go): Normalize takes data to the base,
// Generate the base to data, and both add their log|det|. A [Layer] is a function
// that writes z and log|det dz/dx| from x on a graph of package autodiff, and
// another that writes x and log|det dx/dz| from z; both declare the same
// parameters. [Chain] composes layers; [NewNetwork] compiles a layer with a
// [Base] into what is trained:
//
//	                  Normalize                      Base
//	x ── layer 0 ── layer 1 ── ... ── layer n-1 ── z ── log p0(z) ─┐
//	        └─ log|det| ──┴────── + ───────┘                       ├─ log p(x)
//	                                └──────────────────────────────┘
//
// Way of the data: a network has three programs of one row, each compiled when
// it is first used: Normalize, Generate, and the negative log-density with its
// gradient. Rows go through in tiles that stay in cache; a row's result depends
// on that row alone, so it has the same bits for any batch and any number of
// workers. What belongs to the weights alone, as a masked weight or the inverse
// of a triangular matrix, is made once after every change of the weights.
//
// A layer that changes single numbers, with parameters that other numbers give,
// is a [Univariate] (shift, affine, spline) under a [Coupling] or an
// [Autoregressive]. Scales are softly limited: a log-scale a becomes
// a/(1+|a|/limit), limit = ln 1000, so that no row can overflow.
//
// Layers of images (squeeze, split, checkerboard, 1x1 convolution; images.go) act on
// [places channels], the others on the last axis. [Radial], [BatchNorm] and [Logit] are
// in no model by name: they are for chains of an author's own.
//
// A layer may look at a context: Builder.Context, what the row is conditioned
// on, is an input of every conditioner when there is one. A network with conditions
// ([Conditional], [NewHeldNetwork]) has rows (x, c) and keeps c; layers without a
// conditioner (linear maps, actnorm) and bases are the same for every c.
//
// A [Base] may have weights, as [Mixture]: it writes its density on the graph, where
// it declares them, and gives from their values a distribution to draw from.
//
// To add a layer: one file with its type, and a line in the list of
// layers_test.go, for the laws of package bijectiontest. To add a model: a
// configuration and its layers in models.go, a line in Register and in Builtin
// (stage.go), and one in the list of models_test.go. To add a base: a type like
// Mixture, its name in completeBase and baseConfig.of, a line in base_test.go.
//
// References: Dinh, Krueger, Bengio, "NICE", 2014; Rezende and Mohamed,
// "Variational inference with normalizing flows", 2015; Dinh, Sohl-Dickstein,
// Bengio, "Density estimation using Real NVP", 2017; Kingma et al., "Improved
// variational inference with inverse autoregressive flow", 2016; Papamakarios,
// Pavlakou, Murray, "Masked autoregressive flow", 2017; Kingma and Dhariwal,
// "Glow", 2018; Durkan et al., "Neural spline flows", 2019; Papamakarios et
// al., "Normalizing flows for probabilistic modeling and inference", 2021.
package bijection
