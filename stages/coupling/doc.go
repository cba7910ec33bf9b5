// Package coupling chooses which noise row goes with which data row before a
// flow-matching model is trained on the pair.
//
// The way of the data: a trainer draws a batch of data rows x1 and as many noise
// rows x0, asks a [Coupling] for an index, and trains on the pairs (x0[index[r]],
// x1[r]). Data rows keep their places, so conditions and weights of a data row
// need no moving. Every noise row is used once, and so the marginals of the
// batch do not change; of a [Drawing] once in the mean, which draws a row's noise
// from a plan with the random numbers that the trainer brings.
//
// [Independent] leaves the rows as they are drawn. [Optimal], optimal transport
// within a batch, reduces the variance of the regression target and straightens
// the flow. [Sinkhorn] is between the two. To add one, write a type that implements
// Coupling and call couplingtest.Test on it.
//
// References: A. Pooladian et al., "Multisample flow matching: straightening
// flows with minibatch couplings", 2023. A. Tong et al., "Improving and
// generalizing flow-based generative models with minibatch optimal transport",
// 2024. M. Cuturi, "Sinkhorn distances: lightspeed computation of optimal
// transport", 2013.
package coupling
