// Package solvertest holds the laws of solvers. [Tableau] checks that the
// coefficients of a Runge-Kutta method are of the order they claim; [Solver]
// checks that a configured solver, of whatever kind, keeps the contract of
// solver.Solver. The closed flows of this package are the problems they use, for
// other tests to use too.
//
// References: J. Butcher, "Numerical Methods for Ordinary Differential
// Equations", 3rd ed., 2016, sections 300 to 315 (rooted trees and order
// conditions). T. Hull, W. Enright, B. Fellen, A. Sedgwick, "Comparing numerical
// methods for ordinary differential equations", 1972 (the DETEST problems).
package solvertest
