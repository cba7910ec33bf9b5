// Package solver integrates dx/dt = f(t, x) for many rows at once.
//
// A method is a [Tableau] value; one loop serves every explicit Runge-Kutta
// method, with fixed and with adaptive steps, in both directions of time, for
// float32 and float64 states. [Method] is that loop with a tableau and
// [Options]; it implements [Solver].
//
// The way of the data: a solve cuts the rows of a [State] into tiles. A tile
// copies its rows into scratch memory, moves all of them step by step (one call
// of the [Field] per stage for all rows of the tile), writes a row back and
// closes the gap when the row has arrived, and ends when it is empty. Tiles are
// shared out among workers.
//
// Every row has its own time and its own step, so a hard row does not make its
// neighbours pay, and the result of a row depends on that row alone: the same
// bits for any number of workers, any tile size and any other rows in the
// batch. Options.Control "batch" gives that up to reproduce published counts of
// evaluations: one step for all rows, chosen by the norm over the whole batch.
//
// Stage arguments are combined in the width of the state. Times, steps, error
// norms and quadratures are float64. The error norm is the root mean square
// over the coordinates of x, of error / (atol + rtol max(|x before|, |x
// after|)); with quadratures it is the larger of that number and the same
// number over q.
//
// To add a method, write one function that returns a Tableau and name it in
// Tableaus: the laws of package solvertest (row sums, order conditions, observed
// order, reversibility, ends) then hold for it or fail. To add a solver that is
// no Runge-Kutta method, implement Solver and call solvertest.Solver.
//
// References: E. Hairer, S. Nørsett, G. Wanner, "Solving Ordinary Differential
// Equations I", 2nd ed., 1993, sections II.1 to II.5 (methods, step control,
// initial step, DOP853). J. Dormand, P. Prince, "A family of embedded
// Runge-Kutta formulae", 1980. L. Shampine, "Some practical Runge-Kutta
// formulas", 1986 (error row of dopri5). P. Bogacki, L. Shampine, "A 3(2) pair
// of Runge-Kutta formulas", 1989. Ch. Tsitouras, "Runge-Kutta pairs of order
// 5(4) satisfying only the first column simplifying assumption", 2011.
package solver
