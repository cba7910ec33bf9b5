// Package optim holds what turns gradients into weights: update rules, learning
// rate schedules, an average of the weights, and clipping.
//
// One step of training, in order:
//
//	norm := Clip(grads, 1)                     // optional
//	lr := base * schedule.LR(step, total)
//	optimizer.Step(lr, weights, grads)         // Adam, AdamW or SGD
//	ema.Update(weights)                        // optional
//
// Weights and gradients are lists of float32 slices, one per tensor. Everything
// that lives from step to step is in State: named float32 slices that a
// checkpoint writes out and copies back into; training then goes on with the
// same bits. Arithmetic on an element is float64, rounded once where it is
// stored. A step allocates nothing and runs in one goroutine.
//
// To add a rule: one file with a configuration that has New, and its line in
// the lists of the tests.
//
// References: Kingma and Ba, "Adam", ICLR 2015; Loshchilov and Hutter,
// "Decoupled weight decay regularization" (AdamW), ICLR 2019, and "SGDR"
// (cosine schedule), ICLR 2017; Sutskever et al., "On the importance of
// initialization and momentum", ICML 2013; Pascanu et al., "On the difficulty of
// training recurrent neural networks" (clipping), ICML 2013. Conventions are
// those of torch.optim where the papers leave a choice.
package optim
