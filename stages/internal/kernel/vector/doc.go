// Package vector has elementwise functions, sums and Runge-Kutta updates over
// slices of float32.
//
// Every function has a definition in Go: functions of one variable are computed
// in float64 and rounded once. Where the processor has more, a loop of assembly
// takes the work first (kernel.Current says which), see the files *_amd64.s.
//
// A destination may be one of its operands, the same slice from the same
// element; otherwise slices do not overlap. Operands may be longer than the
// destination, whose length counts; a shorter one panics. The value of one
// element depends neither on its position nor on the length nor on alignment,
// so a cut of the work changes no bit; between instruction sets the last bits
// differ. Sums over a row have an order that depends on the row's length only.
//
// # What there is
//
// The error is the largest seen in sweeps of float32, in units in the last place,
// and is the bound of the tests; the time is cycles for one element of a strip of
// 2048 on a processor whose registers of 512 bits take two cycles of its 256-bit
// units (Zen 4). Arithmetic, sums and copies are exact or bound by loads.
//
//	                      error  AVX-512  AVX2
//	Exp                     0.9      0.6   1.2
//	Expm1                   1.5      0.8   1.0
//	Log                     1        0.7   1.6
//	Log1p                   1.3      1.2   1.7
//	Tanh                    1.3      1.7   2.3
//	Sigmoid                 1.7      1.2   2.0
//	Softplus                1.6      1.8   3.1
//	Erf                     1        1.8   2.5
//	Sin, Cos                1.6      1.1   1.3   |x| <= 32768, Go beyond
//	SinCos                  1.6      1.3   1.5
//	SiLU, SiLUSlope         1.9      1.1   2.0   1.6 and 2.6 with the derivative
//	GELU, GELUSlope         1.8      2.7   4.4   3.3 and 5.1
//	SELU, SELUSlope         2        0.9   1.1   1.0 and 1.3
//	Add, Mul, Max           0.5      0.2   0.2
//	Combine, four terms              0.3   0.4
//	Dot, RowDots                           0.3   at every level, as all sums and
//	Transpose                              0.2   copies: AVX2 is as fast
//
// Derivatives are within 2.5 units of max(|dy|, 2^-24). Those of SiLU and GELU are
// sums of two terms that cancel near their zeros, -1.278 and -0.752: they are within
// 2.5 and 3.3 units of the sum of the terms' magnitudes.
//
// A value that underflows is 0 with either sign.
//
// # To add a function
//
// Write its definition here in the file of its family, its body in the generator
// (../gen/vector), run the generator, and add it to the lists of the tests
// (list_test.go for the laws of position, accuracy_test.go or arithmetic_test.go
// for its values). Without a body it is Go at every level: give it the function
// fastNAME that returns false by an entry without emit.
//
// # References
//
//   - W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980:
//     reduction of arguments
//   - J.-M. Muller, Elementary Functions, 3rd edition, 2016: minimax polynomials,
//     fused multiply-add
//   - N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, 2002,
//     chapter 4: summation
package vector
