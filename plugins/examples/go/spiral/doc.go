// Command spiral is a plugin of pathline, in a module of its own as any third
// party's would be: a path, a solver and a discrete flow that are not built in.
//
//	path    spiral/smoothstep  alpha = t²(3-2t), the noise such that variance is kept
//	solver  spiral/ab2         the two-step method of Adams and Bashforth (1883)
//	model   spiral/triangular  the normal distribution as a flow, given conditions
//
// main.go is the whole plugin: a registry and Serve. smoothstep.go is a path,
// four functions of time that the host asks for once a batch. ab2.go is a
// solver that is no Runge-Kutta method: it runs in this process and asks the
// host for the evaluations that it wants, as ordinary calls of a function.
// triangular.go is a flow with its inverse, log-determinant and gradient, which the
// host trains by maximum likelihood; the host owns the weights.
//
// Build it and name it in a pipeline file:
//
//	go build -o spiral .
//
//	plugins:
//	  spiral: {command: [./spiral]}
package main
