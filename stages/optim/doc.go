// Package optim holds what turns gradients into weights: update rules, learning
// rate schedules, an average of the weights, and clipping.
//
// One step of training, in order:
//
//	norm := Clip(grads, 1)                     // optional
//	lr := base * schedule.LR(step, total)
//	optimizer.Step(lr, weights, grads)         // Adam, AdamW, Lion or SGD
//	ema.Update(weights)                        // optional
//
// Weights and gradients are lists of float32 slices, one per tensor. Everything
// that lives from step to step is in State: named float32 slices that a
// checkpoint writes out and copies back into; training then goes on with the
// same bits. A step allocates nothing. It runs in one goroutine, or is shared out
// among several, element by element:
//
//	optimizer.Begin(lr)
//	optimizer.Update(tensor, lo, hi, w, g)     // at the same time for other elements
//
// Arithmetic on an element is float32 with fused products, in package
// kernel/update; the scalars of a step are float64, rounded once. The average is
// kept and computed in twice that.
//
// To add a rule: one file with a configuration that has New, its loop in package
// kernel/update, and its line in the lists of the tests. A rule that needs whole
// matrices at once does not fit Update.
//
// References: Kingma and Ba, "Adam", ICLR 2015; Loshchilov and Hutter,
// "Decoupled weight decay regularization" (AdamW), ICLR 2019, and "SGDR"
// (cosine schedule), ICLR 2017; Chen et al., "Symbolic discovery of optimization
// algorithms" (Lion), NeurIPS 2023; Sutskever et al., "On the importance of
// initialization and momentum", ICML 2013; Pascanu et al., "On the difficulty of
// training recurrent neural networks" (clipping), ICML 2013. Conventions are
// those of torch.optim where the papers leave a choice.
package optim
