// Package solver integrates dx/dt = f(t, x) for many rows at once.
//
// A method is a [Tableau] value; one loop serves every explicit Runge-Kutta
// method, with fixed and with adaptive steps, in both directions of time, for
// float32 and float64 states. [Method] is that loop with a tableau and
// [Options]; it implements [Solver].
//
// The way of the data: workers take rows of a [State] into tiles, the scratch
// memory of the rows that move together: states and slopes of a tile stay in the
// cache. A tile moves all of its rows step by step, with one call of the [Field]
// per stage; a row that has arrived is written back and its gap closed. With
// adaptive steps a tile that has become less than three quarters full takes new
// rows, so that the field sees many rows at a time until the last ones.
//
// With fixed steps the rows of a tile share their time, and a stage is one
// operation on all of them. With adaptive steps every row has its own time and its
// own step, so a hard row does not make its neighbours pay; stages are combined in
// operations on the whole tile with the steps written out per element. Either way
// the result of a row depends on that row alone: the same bits for any number of
// workers, any tile size and any other rows in the batch. Options.Control "batch"
// gives that up to reproduce published counts of evaluations: one step for all
// rows, chosen by the norm over the whole batch.
//
// Stage arguments are combined in the width of the state, those of float32 by the
// kernels of the processor. Times, steps, error norms and quadratures are float64.
// The error norm is the root mean square over the coordinates of x, of error /
// (atol + rtol max(|x before|, |x after|)); with quadratures it is the larger of
// that number and the same number over q. How steps follow from errors is in
// control.go.
//
// States at times on the way ([SolveAt]) are interpolated between the ends of steps by
// the method's [Interpolant], so that asking for them changes no step. A field with
// noise is a [Stochastic]: euler and heun add it to their fixed steps. No field is
// evaluated outside of the interval of its solve, unless Options.Overshoot asks for
// it.
//
// Gradients of a solve come in two forms: [Tape] goes back through the steps that
// were taken (the derivative of what was computed; memory grows with the square root
// of their number), [Adjoint] solves another equation backwards (no memory, an error
// of its own). Both take a field with a reverse mode, [Pullback].
//
// To add a method, write one function that returns a Tableau and name it in
// Tableaus: the laws of package solvertest (row sums, order conditions, observed
// order, reversibility, ends) then hold for it or fail. To add a solver that is
// no Runge-Kutta method, implement Solver and call solvertest.Solver.
//
// References: E. Hairer, S. Nørsett, G. Wanner, "Solving Ordinary Differential
// Equations I", 2nd ed., 1993, sections II.1 to II.5 (methods, step control,
// initial step, DOP853). K. Gustafsson, "Control theoretic techniques for stepsize
// selection in explicit Runge-Kutta methods", 1991. E. Hairer, G. Wanner, "Solving
// Ordinary Differential Equations II", 2nd ed., 1996, section IV.2 (PI step
// control). A. Griewank, A. Walther, "Evaluating Derivatives", 2nd ed., 2008, chapter 12
// (checkpoints). P. Kidger, R. Chen, T. Lyons, "Hey, that's not an ODE: faster ODE
// adjoints via seminorms", 2021. J. Dormand, P. Prince, "A family of embedded
// Runge-Kutta formulae", 1980. L. Shampine, "Some practical Runge-Kutta
// formulas", 1986 (error row and interpolant of dopri5). P. Bogacki, L. Shampine, "A 3(2) pair
// of Runge-Kutta formulas", 1989. Ch. Tsitouras, "Runge-Kutta pairs of order
// 5(4) satisfying only the first column simplifying assumption", 2011.
package solver
