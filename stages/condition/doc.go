// Package condition holds the columns that a flow is conditional on: how their
// values are learned from training rows and how they stand in a row of numbers
// for a network.
//
//	column of rows -> text or numbers -> Fit -> Column (in the flow's file)
//	text or numbers, Column -> c [Held]     behind x in the rows of a field
//
// A number is standardised by the mean and the standard deviation of the training
// rows and takes two columns: the value, and 1 because it is there. A vector of
// numbers takes one column for each and one. A category takes one column for each
// category that training saw, one of which is 1 (one-hot). Whatever is absent is
// all zeros: a row without conditions, which classifier-free guidance needs, is
// a row of zeros, and a network without conditions on the way in has nothing to
// learn about it. A learned embedding of a category is a linear layer over these
// columns, and the network's affair.
//
// Arrow is met in stage.go: Of finds the conditions in a schema, Source reads
// them, Fields and Build write them.
//
// To add a kind of condition: its name in Kinds, its columns in Held, its writing
// in Put, its learning in Fit.
package condition
